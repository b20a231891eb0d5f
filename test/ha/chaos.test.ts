/**
 * Many clients push, delete and scrape through whatever replica while everything fails, and what they were told must be what a single
 * gateway could have told them: test/ha/history/check.ts says what that means.
 */
import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { suite, type TestContext, test } from "node:test";
import { skipRedis } from "../../packages/storage-redis/test/find-redis.ts";
import { Random } from "./history/random.ts";
import { Recorder } from "./history/recorder.ts";
import { work } from "./history/workload.ts";
import { Cluster, RedisCluster } from "./support/cluster.ts";
import { type Fault, injectFaults, networkFaults, processFaults, redisFaults } from "./support/faults.ts";
import { assertLegal } from "./support/verdict.ts";

const SOAK = process.env["WAYSTATION_SOAK"] === "1";
const ROUNDS = SOAK ? 20 : 1;
/** Milliseconds of faults in a round. Well below a minute, since the whole journal is looked at in the end, before it is compacted. */
const DURATION = SOAK ? 30_000 : 12_000;
const SEED = Number(process.env["SEED"] ?? randomInt(2 ** 31));

async function round(t: TestContext, cluster: Cluster, faults: readonly Fault[], seed: number): Promise<void> {
  const recorder = new Recorder();
  const stop = new AbortController();
  const working = work(recorder, cluster.replicas, new Random(seed), stop.signal);
  const counts = await injectFaults(faults, new Random(seed + 1), DURATION);
  await Promise.all(cluster.replicas.map((replica) => replica.untilReady()));
  stop.abort();
  await working;
  t.diagnostic(`SEED=${seed}: ${recorder.summary}; faults: ${JSON.stringify(counts)}`);
  await assertLegal(cluster, recorder, seed);
  assert.ok(
    recorder.count("done", "write") > 200 && recorder.count("done", "scrape") > 200,
    "too little for a verdict",
  );
}

suite("while everything fails", { concurrency: 1 }, () => {
  for (let i = 0; i < ROUNDS; i++) {
    test(`three replicas on Redis are as one gateway (round ${i + 1})`, { skip: skipRedis }, async (t) => {
      await using cluster = await RedisCluster.start();
      await round(
        t,
        cluster,
        [...processFaults(cluster), ...networkFaults(cluster), ...redisFaults(cluster)],
        SEED + i,
      );
    });

    test(`three replicas on a SQLite file are as one gateway (round ${i + 1})`, async (t) => {
      await using cluster = await Cluster.onSqlite();
      await round(t, cluster, processFaults(cluster), SEED + i);
    });
  }
});
