/** A Redis that loses what it held, under gateways that still hold it. */
import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { copyFileSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { suite, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { skipRedis } from "../../packages/storage-redis/test/find-redis.ts";
import { client as redisClient } from "../../packages/storage-redis/test/kit.ts";
import { Random } from "./history/random.ts";
import { Recorder } from "./history/recorder.ts";
import { work } from "./history/workload.ts";
import { RedisCluster } from "./support/cluster.ts";
import type { ReplicaProcess } from "./support/replica.ts";
import { assertLegal } from "./support/verdict.ts";

const ROUNDS = process.env["WAYSTATION_SOAK"] === "1" ? 10 : 1;
const SEED = Number(process.env["SEED"] ?? randomInt(2 ** 31));
const NOT_PERSISTENT = ["--appendonly", "no"];

/** The values of a metric of a replica's own, by the value of its label, if it has one. */
async function metric({ client }: ReplicaProcess, name: string): Promise<Record<string, number>> {
  const { text } = await client.request("GET", "/metrics?collect[]=self");
  const lines = text.matchAll(new RegExp(`^${name}(?:\\{\\w+="(\\w+)"\\})? (\\S+)$`, "gm"));
  return Object.fromEntries([...lines].map(([, label, value]) => [label ?? "", Number(value)]));
}

async function total(replicas: readonly ReplicaProcess[], name: string, label = ""): Promise<number> {
  const values = await Promise.all(replicas.map((replica) => metric(replica, name)));
  return values.reduce((sum, value) => sum + (value[label] ?? 0), 0);
}

/** Lets clients work while Redis loses data in some way, and checks that nothing is missing afterwards. */
async function survives(t: TestContext, lose: (cluster: RedisCluster, random: Random) => Promise<void>): Promise<void> {
  for (let round = 0; round < ROUNDS; round++) await survivesOnce(t, SEED + round, lose);
}

async function survivesOnce(
  t: TestContext,
  seed: number,
  lose: (cluster: RedisCluster, random: Random) => Promise<void>,
): Promise<void> {
  await using cluster = await RedisCluster.start({ redis: NOT_PERSISTENT });
  const recorder = new Recorder();
  const stop = new AbortController();
  const working = work(recorder, cluster.replicas, new Random(seed), stop.signal);
  await sleep(1500);
  await lose(cluster, new Random(seed + 1));
  await sleep(2500);
  stop.abort();
  await working;
  const restored = await total(cluster.replicas, "pushgateway_journal_rewinds_total", "restored");
  t.diagnostic(`SEED=${seed}: ${recorder.summary}; put right ${restored} times`);
  await assertLegal(cluster, recorder, seed);
  assert.ok(restored > 0, "nobody noticed");
  assert.equal(await total(cluster.replicas, "pushgateway_journal_lost_entries_total"), 0);
  assert.equal(await total(cluster.replicas, "pushgateway_journal_reloads_total"), 0);
}

suite("a Redis that loses data under live gateways", { skip: skipRedis, concurrency: 2 }, () => {
  test("by FLUSHALL gets it back, and nothing that was acknowledged is missing", async (t) => {
    await survives(t, async ({ redis }) => {
      const client = redisClient(t, redis.url);
      for (let i = 0; i < 3; i++) {
        await client.flushall();
        await sleep(2500);
      }
    });
  });

  test("by FLUSHALL while a gateway joins, hangs, or gets answers late gets it back", async (t) => {
    await survives(t, async ({ redis, replicas, proxies }, random) => {
      const client = redisClient(t, redis.url);
      const flush = async (from: number, to: number) => {
        await sleep(from + random.below(to - from));
        await client.flushall();
      };
      const joining = replicas[0]!;
      await joining.kill();
      await sleep(500); // until others have seen what only that one had
      await Promise.all([joining.start(), flush(0, 1500)]);
      await sleep(3500);

      // Shorter than the time that all have to put back what they hold.
      random.of(replicas).pause();
      await flush(0, 400);
      await sleep(random.below(1200));
      for (const replica of replicas) replica.resume();
      await sleep(3500);

      const proxy = random.of(proxies);
      proxy.hold("down");
      await flush(0, 400);
      await sleep(random.below(1200));
      proxy.release("down");
      await sleep(3500);
    });
  });

  test("by a crash without an append-only file gets it back", async (t) => {
    await survives(t, async ({ redis }) => {
      await redis.kill();
      await redis.restart();
      await sleep(4000);
    });
  });

  test("by a restart from an old file gets back what was pushed since", async (t) => {
    await survives(t, async ({ redis }) => {
      await redisClient(t, redis.url).save();
      const file = join(redis.folder, "dump.rdb");
      copyFileSync(file, `${file}.old`);
      await sleep(1000);
      await redis.kill();
      copyFileSync(`${file}.old`, file);
      await redis.restart();
      await sleep(4000);
    });
  });

  test("while a gateway is cut off and others go on without its entries is a loss: counted, logged, kept in a file", async (t) => {
    await using cluster = await RedisCluster.start({ redis: NOT_PERSISTENT, replicas: 2, query: "restart-grace=0s" });
    const [cutOff, other] = cluster.replicas as [ReplicaProcess, ReplicaProcess];
    const push = (replica: ReplicaProcess, job: string, value: number) =>
      replica.client.request("PUT", `/metrics/job/${job}`, { body: `m ${value}\n` });
    for (let value = 1; value <= 5; value++) assert.equal((await push(cutOff, "lost", value)).status, 200);
    await other.kill();
    cluster.proxies[0]!.refuse();
    await redisClient(t, cluster.redis.url).flushall();
    await other.start();
    assert.equal((await push(other, "kept", 7)).status, 200);
    cluster.proxies[0]!.accept();
    await cutOff.untilReady();

    const shown = await cutOff.client.scrapePushed();
    assert.match(shown, /^m\{instance="",job="kept"\} 7$/m);
    assert.doesNotMatch(shown, /job="lost"/);
    assert.equal(shown, await other.client.scrapePushed());
    assert.deepEqual(await metric(cutOff, "pushgateway_journal_lost_entries_total"), { "": 5 });
    assert.deepEqual(await metric(cutOff, "pushgateway_journal_rewinds_total"), { diverged: 1 });
    assert.match(
      cutOff.output,
      /level=error msg="the journal has lost acknowledged pushes" from=1 to=5 entries=5 held=5/,
    );
    const [file, ...more] = readdirSync(cluster.lostEntries);
    assert.deepEqual(more, []);
    const lines = readFileSync(join(cluster.lostEntries, file!), "utf8").trimEnd().split("\n");
    const entries = lines.map((line) => JSON.parse(line));
    assert.deepEqual(
      entries.map(({ position, records }) => [position, records[0].kind, records[0].group]),
      [1, 2, 3, 4, 5].map((position) => [position, "replace", { job: "lost" }]),
    );
    assert.match(Buffer.from(entries[4].data, "base64").toString("latin1"), /m\{instance="",job="lost"\} 5\n/);
    assert.equal((await push(cutOff, "again", 8)).status, 200);
  });
});
