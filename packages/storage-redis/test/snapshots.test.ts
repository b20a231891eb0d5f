import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { suite, test } from "node:test";
import { type Cursor, MAX_TAIL_BYTES, ORIGIN } from "@waystation/core";
import type { Redis } from "ioredis";
import { RedisJournal } from "../src/index.ts";
import { skipRedis } from "./find-redis.ts";
import { append, appendMany, chunksOf, client, openJournal, readAll, rejectsWith, startRedis, textOf } from "./kit.ts";

const KIB = 1024;
const MIB = 1024 * KIB;

suite("snapshots, trimming and large tails in Redis", { skip: skipRedis, concurrency: 4 }, () => {
  test("a list expires until it is published, then stays; the one before goes in ten minutes", async (t) => {
    const server = await startRedis(t);
    const redis = client(t, server.url);
    const journal = await openJournal(t, { url: server.url });
    const first = await append(journal, ORIGIN);
    const ttls = async () => Promise.all((await redis.keys("*:snapshot:*")).map((key) => redis.ttl(key)));
    const watching = async function* () {
      yield randomBytes(300 * KIB);
      const [ttl] = await ttls();
      assert(ttl! > 3000 && ttl! <= 3600, `an unpublished list lives for ${ttl} s`);
      yield randomBytes(300 * KIB);
    };
    assert.equal(await journal.compact(first, watching()), "published");
    assert.deepEqual(await ttls(), [-1]);
    const [key] = await redis.keys("*:snapshot:*");
    assert.equal(await redis.llen(key!), 3);
    const second = await append(journal, first);
    assert.equal(await journal.compact(second, chunksOf("two")), "published");
    const [published, replaced] = (await ttls()).sort((a, b) => a - b);
    assert.equal(published, -1);
    assert(replaced! > 500 && replaced! <= 600, `a replaced list lives for ${replaced} s`);
    const third = await append(journal, second);
    assert.equal(await journal.compact(third, chunksOf("three")), "published");
    // However often a snapshot is made, there is one to be read, and one that somebody may be reading.
    assert.equal((await redis.keys("*:snapshot:*")).length, 2);
    assert.equal(await redis.exists(key!), 0);
  });

  test("an upload that fails or was overtaken leaves no list", async (t) => {
    const server = await startRedis(t);
    const journal = await openJournal(t, { url: server.url });
    const at = await append(journal, ORIGIN);
    const failing = async function* () {
      yield randomBytes(300 * KIB);
      throw new Error("broken off");
    };
    await assert.rejects(journal.compact(at, failing()), /broken off/);
    const overtaken = async function* () {
      yield Buffer.from("old");
      assert.equal(await journal.compact(at, chunksOf("new")), "published");
    };
    assert.equal(await journal.compact(at, overtaken()), "older");
    assert.equal((await client(t, server.url).keys("*:snapshot:*")).length, 1);
  });

  test("compactions of several replicas at once leave one snapshot, the newest", async (t) => {
    const server = await startRedis(t);
    const journals = await Promise.all([1, 2, 3, 4].map(() => openJournal(t, { url: server.url })));
    const places: Cursor[] = [];
    for (const journal of journals) places.push(await append(journal, places.at(-1) ?? ORIGIN));
    const outcomes = await Promise.all(
      journals.map((journal, i) => journal.compact(places[i]!, chunksOf(randomBytes(2 * MIB), `snapshot ${i}`))),
    );
    assert.equal(outcomes.at(-1), "published");
    const fresh = new RedisJournal({ url: server.url, restartGrace: 0 });
    t.after(() => fresh.close());
    const snapshot = await fresh.open();
    assert.deepEqual(snapshot?.at, places.at(-1));
    assert.match((await textOf(snapshot!.chunks)).slice(-20), /snapshot 3$/);
  });

  test("a snapshot whose list has expired while it was read is TRUNCATED: open again", async (t) => {
    const server = await startRedis(t);
    const redis = client(t, server.url);
    const journal = await openJournal(t, { url: server.url });
    const at = await append(journal, ORIGIN);
    await journal.compact(at, chunksOf(randomBytes(5 * MIB)));
    const reader = new RedisJournal({ url: server.url, restartGrace: 0 });
    t.after(() => reader.close());
    const snapshot = await reader.open();
    assert(snapshot);
    const chunks = snapshot.chunks[Symbol.asyncIterator]();
    await chunks.next();
    await redis.unlink(...(await redis.keys("*:snapshot:*")));
    await rejectsWith(
      (async () => {
        while (!(await chunks.next()).done);
      })(),
      "TRUNCATED",
    );
  });

  test("the lag keeps the last bytes before a snapshot, and no more once entries are old", async (t) => {
    const server = await startRedis(t);
    const redis = client(t, server.url);
    const lag = { bytes: 10 * KIB, ms: 0 };
    const journal = await openJournal(t, { url: server.url, trimLag: lag });
    const at = await appendMany(journal, ORIGIN, 50, Buffer.alloc(KIB));
    await journal.compact(at, chunksOf("state"));
    assert.equal(await redis.xlen("{waystation}:stream"), 10);
    const entries = await readAll(journal, { position: 45, tag: await tagAt(redis, 45) });
    assert.equal(entries.length, 5);
    await rejectsWith(journal.read({ position: 39, tag: "1" }), "TRUNCATED");
  });

  test("young entries stay too, up to four times the lag", async (t) => {
    const server = await startRedis(t);
    const redis = client(t, server.url);
    const journal = await openJournal(t, { url: server.url, trimLag: { bytes: 10 * KIB } });
    const at = await appendMany(journal, ORIGIN, 50, Buffer.alloc(KIB));
    await journal.compact(at, chunksOf("state"));
    assert.equal(await redis.xlen("{waystation}:stream"), 40);
    await rejectsWith(append(journal, { position: 9, tag: "1" }), "TRUNCATED");
  });

  test("trimming goes in slices, and never beyond the snapshot", async (t) => {
    const server = await startRedis(t);
    const redis = client(t, server.url);
    const journal = await openJournal(t, { url: server.url, trimLag: { bytes: 0 } });
    const at = await appendMany(journal, ORIGIN, 2500, Buffer.alloc(10));
    const after = await appendMany(journal, at, 10);
    await journal.compact(at, chunksOf("state"));
    assert.equal(await redis.xlen("{waystation}:stream"), 10);
    assert.equal((await readAll(journal, at)).at(-1)?.tag, after.tag);
  });

  test("too many bytes since the snapshot are FULL until there is a new one", async (t) => {
    const server = await startRedis(t);
    const journal = await openJournal(t, { url: server.url, maxJournalBytes: 100 * KIB });
    const at = await appendMany(journal, ORIGIN, 10, Buffer.alloc(10 * KIB));
    await rejectsWith(append(journal, at, Buffer.alloc(10 * KIB)), "FULL");
    await journal.compact(at, chunksOf(Buffer.alloc(50 * KIB)));
    const { journalBytes, snapshotBytes } = await journal.health();
    assert.deepEqual({ journalBytes, snapshotBytes }, { journalBytes: 0, snapshotBytes: 50 * KIB });
    // Four times the snapshot is more than the given limit now.
    const next = await appendMany(journal, at, 20, Buffer.alloc(10 * KIB));
    await rejectsWith(append(journal, next, Buffer.alloc(10 * KIB)), "FULL");
  });

  test("a large backlog comes in tails of about 4 MiB, whatever the sizes of its entries", async (t) => {
    const server = await startRedis(t);
    const journal = await openJournal(t, { url: server.url });
    let since: Cursor = ORIGIN;
    const sizes: number[] = [];
    for (let i = 0; i < 1500; i++) sizes.push(i % 50 === 0 ? 300 * KIB : 1200);
    sizes.push(6 * MIB, 100, 6 * MIB);
    for (const size of sizes) since = await append(journal, since, Buffer.alloc(size, size));
    const reader = await openJournal(t, { url: server.url });
    let at: Cursor = ORIGIN;
    let tails = 0;
    for (; at.position < sizes.length; tails++) {
      const { entries, head } = await reader.read(at);
      assert.equal(head, sizes.length);
      const bytes = entries.reduce((sum, entry) => sum + entry.data.length, 0);
      assert(bytes <= MAX_TAIL_BYTES || entries.length === 1, `${entries.length} entries of ${bytes} bytes`);
      for (const entry of entries) {
        assert.equal(entry.position, at.position + 1);
        assert.equal(entry.data.length, sizes[at.position]);
        at = entry;
      }
    }
    const total = sizes.reduce((sum, size) => sum + size, 0);
    t.diagnostic(`${Math.round(total / MIB)} MiB in ${tails} tails`);
    assert(tails < 30, `${tails} tails`);
  });

  test("watching tells of what others append, and leases go to one holder at a time", async (t) => {
    const server = await startRedis(t);
    const [a, b] = [await openJournal(t, { url: server.url }), await openJournal(t, { url: server.url })];
    const { promise: grown, resolve } = Promise.withResolvers<void>();
    const stop = b.watch(resolve);
    await append(a, ORIGIN);
    await grown;
    stop();
    assert.equal(await a.lease("compaction", "a", 60_000), true);
    assert.equal(await b.lease("compaction", "b", 60_000), false);
    assert.equal(await b.lease("other", "b", 60_000), true);
    assert.equal(await a.lease("compaction", "a", 1), true);
    await new Promise((done) => setTimeout(done, 20));
    assert.equal(await b.lease("compaction", "b", 60_000), true);
    assert.equal(await b.lease("compaction", "b", 0), false);
    assert.equal(await a.lease("compaction", "a", 60_000), true);
  });
});

async function tagAt(redis: Redis, position: number): Promise<string> {
  const [[id]] = (await redis.xrange("{waystation}:stream", position, position)) as [[string, string[]]];
  return id.split("-")[1]!;
}
