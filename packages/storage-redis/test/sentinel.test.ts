import assert from "node:assert/strict";
import { suite, type TestContext, test } from "node:test";
import { type Cursor, ORIGIN } from "@waystation/core";
import { skipRedis } from "./find-redis.ts";
import { append, client, eventually, openJournal, readAll, startRedis } from "./kit.ts";
import { RedisProcess } from "./redis-process.ts";

/** A Sentinel that watches a primary and takes it for down after half a second. */
async function startSentinel(t: TestContext, primary: number, quorum: number): Promise<RedisProcess> {
  const lines = [
    `sentinel monitor main 127.0.0.1 ${primary} ${quorum}`,
    "sentinel down-after-milliseconds main 500",
    "sentinel failover-timeout main 3000",
  ];
  const sentinel = await RedisProcess.startSentinel(lines);
  t.after(() => sentinel.stop());
  return sentinel;
}

suite("Sentinel", { skip: skipRedis }, () => {
  test("a failover is followed; with WAIT nothing acknowledged is lost", async (t) => {
    const replication = [
      "--min-replicas-to-write",
      "1",
      "--min-replicas-max-lag",
      "2",
      "--repl-diskless-sync-delay",
      "0",
    ];
    const primary = await startRedis(t, ...replication);
    for (let i = 0; i < 2; i++) await startRedis(t, "--replicaof", `127.0.0.1 ${primary.port}`, ...replication);
    const sentinels = [];
    for (let i = 0; i < 3; i++) sentinels.push(await startSentinel(t, primary.port, 2));
    const hosts = sentinels.map(({ port }) => `127.0.0.1:${port}`).join(",");
    const sentinel = client(t, sentinels[0]!.url);
    await eventually(async () => {
      const [state] = (await sentinel.call("SENTINEL", "masters")) as string[][];
      const value = (name: string) => state![state!.indexOf(name) + 1];
      assert.equal(value("num-slaves"), "2");
      assert.equal(value("num-other-sentinels"), "2");
    });

    const url = `redis+sentinel://${hosts}/main?wait=2&wait-timeout=500ms`;
    const [journal, observer] = [await openJournal(t, { url }), await openJournal(t, { url })];
    assert.equal(journal.survives, "host-loss");
    const acknowledged: Cursor[] = [];
    let at = await append(journal, ORIGIN);
    for (let i = 0; i < 200; i++) {
      at = await append(journal, at);
      acknowledged.push(at);
    }

    const began = performance.now();
    await primary.kill();
    // One replica is left to the new primary: wait=2 cannot be had any more, so the journal is opened anew with less.
    await eventually(async () => assert.equal((await readAll(observer, at)).length, 0), 25_000);
    t.diagnostic(`reads failed for ${Math.round(performance.now() - began)} ms`);
    const stored = await readAll(observer);
    const tags = new Map(stored.map(({ position, tag }) => [position, tag]));
    assert.deepEqual(
      acknowledged.filter(({ position, tag }) => tags.get(position) !== tag),
      [],
    );
    const after = await openJournal(t, { url: url.replace("wait=2", "wait=1") });
    at = await eventually(() => append(after, at));
    await observer.read(at);
  });
});
