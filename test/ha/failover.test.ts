/** A Redis whose primary dies or hangs, and whose Sentinels make another one the primary, under gateways that many clients use. */
import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { suite, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { skipRedis } from "../../packages/storage-redis/test/find-redis.ts";
import type { Operation } from "./history/operation.ts";
import { Random } from "./history/random.ts";
import { Recorder } from "./history/recorder.ts";
import { work } from "./history/workload.ts";
import { SentinelCluster } from "./support/cluster.ts";
import { assertLegal } from "./support/verdict.ts";

const ROUNDS = process.env["WAYSTATION_SOAK"] === "1" ? 10 : 1;
const SEED = Number(process.env["SEED"] ?? randomInt(2 ** 31));
/** How long the Sentinels, the gateways and all that is to be put back may take together, in milliseconds: machines are busy. */
const PATIENCE = 40_000;

/**
 * Without it there may be two primaries that take writes: the old one, and, where Sentinels fail over twice at nearly the same time,
 * the first of two new ones, for some ten seconds.
 */
const ONE_PRIMARY = ["--min-replicas-to-write", "1"];

const isAcknowledged = ({ request, outcome }: Operation) => request.kind !== "scrape" && outcome === "done";

async function survivesFailover(
  t: TestContext,
  query: string,
  fail: (cluster: SentinelCluster) => Promise<void>,
): Promise<void> {
  for (let seed = SEED; seed < SEED + ROUNDS; seed++) {
    await using cluster = await SentinelCluster.start({ query, redis: ONE_PRIMARY });
    const recorder = new Recorder();
    const stop = new AbortController();
    const working = work(recorder, cluster.replicas, new Random(seed), stop.signal);
    const since = (time: number) => recorder.history.filter((done) => isAcknowledged(done) && done.invoked > time);
    try {
      await sleep(2000);
      const failed = performance.now();
      await fail(cluster);
      // Each gateway takes pushes again.
      const back = () => new Set(since(failed + 1000).map(({ replica }) => replica)).size === cluster.replicas.length;
      while (!back() && performance.now() - failed < PATIENCE) await sleep(100);
      await sleep(2000);
      stop.abort();
      await working;
      t.diagnostic(`SEED=${seed}: ${recorder.summary}`);
      await assertLegal(cluster, recorder, seed);
      assert.ok(back(), "pushes are not taken again");
    } finally {
      stop.abort();
    }
  }
}

suite("a Redis that fails over to another server", { skip: skipRedis, concurrency: 2 }, () => {
  test("loses nothing that was acknowledged: gateways put back what had not been copied", async (t) => {
    await survivesFailover(t, "", ({ redis }) => redis.primary.kill());
  });

  test("loses nothing either if each push has waited for a copy", async (t) => {
    await survivesFailover(t, "wait=1", ({ redis }) => redis.primary.kill());
  });

  test("and whose old primary was only held up: that one takes nothing any more", async (t) => {
    await survivesFailover(t, "wait=1", async ({ redis }) => {
      redis.primary.pause();
      await sleep(6000);
      redis.primary.resume();
    });
  });
});
