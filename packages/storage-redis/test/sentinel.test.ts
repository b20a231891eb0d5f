import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { type Cursor, ORIGIN } from "@waystation/core";
import { skipRedis } from "./find-redis.ts";
import { append, eventually, openJournal, readAll } from "./kit.ts";
import { RedisWithSentinels } from "./sentinels.ts";

suite("Sentinel", { skip: skipRedis }, () => {
  test("a failover is followed; with WAIT nothing acknowledged is lost", async (t) => {
    const redis = await RedisWithSentinels.start(["--min-replicas-to-write", "1", "--min-replicas-max-lag", "2"]);
    t.after(() => redis.stop());
    const url = `${redis.url}?wait=2&wait-timeout=500ms`;
    const [journal, observer] = [await openJournal(t, { url }), await openJournal(t, { url })];
    assert.equal(journal.survives, "host-loss");
    const acknowledged: Cursor[] = [];
    let at = await append(journal, ORIGIN);
    for (let i = 0; i < 200; i++) {
      at = await append(journal, at);
      acknowledged.push(at);
    }

    const began = performance.now();
    await redis.primary.kill();
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
