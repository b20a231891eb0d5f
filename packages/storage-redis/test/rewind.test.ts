import assert from "node:assert/strict";
import { copyFile } from "node:fs/promises";
import { join } from "node:path";
import { suite, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Cursor, type Entry, ORIGIN } from "@waystation/core";
import { RedisJournal } from "../src/index.ts";
import { skipRedis } from "./find-redis.ts";
import {
  append,
  appendMany,
  chunksOf,
  client,
  eventually,
  historyOf,
  openJournal,
  readAll,
  rejectsWith,
  startProxy,
  startRedis,
  textOf,
} from "./kit.ts";

const tags = (entries: readonly Entry[]) => entries.map(({ position, tag }) => `${position}-${tag}`);

suite("a Redis that goes back in its history", { skip: skipRedis, concurrency: 4 }, () => {
  test("by FLUSHALL is REWOUND for read and append, and is restored entry by entry", async (t) => {
    const server = await startRedis(t);
    const journal = await openJournal(t, { url: server.url });
    const at = await appendMany(journal, ORIGIN, 20);
    const entries = await readAll(journal);
    await client(t, server.url).flushall();
    await rejectsWith(journal.read(at), "REWOUND");
    await rejectsWith(append(journal, at), "REWOUND");
    assert.equal(await journal.restore(historyOf(entries)), "restored");
    assert.deepEqual(tags(await readAll(journal)), tags(entries));
    await append(journal, at);
  });

  test("by FLUSHALL is restored from a snapshot where entries are no longer held", async (t) => {
    const server = await startRedis(t);
    const journal = await openJournal(t, { url: server.url });
    const other = await openJournal(t, { url: server.url });
    const at = await appendMany(journal, ORIGIN, 50);
    const entries = await readAll(journal);
    await client(t, server.url).flushall();
    assert.equal(await journal.restore(historyOf(entries, 10)), "restored");
    const next = await append(journal, at);
    // A replica that was a little behind notices nothing.
    assert.deepEqual(tags(await readAll(other, entries[44]!)), [
      ...tags(entries.slice(45)),
      `${next.position}-${next.tag}`,
    ]);
    assert.equal(await other.restore(historyOf(entries.slice(0, 45))), "restored");
    const fresh = new RedisJournal({ url: server.url, restartGrace: 0 });
    t.after(() => fresh.close());
    const snapshot = await fresh.open();
    assert.deepEqual(snapshot?.at, at);
    assert.equal(await textOf(snapshot.chunks), "state at 50");
    assert.equal((await fresh.read(snapshot.at)).entries.length, 1);
    await rejectsWith(journal.read({ position: 39, tag: entries[38]!.tag }), "TRUNCATED");
    // It is a journal like any other afterwards.
    assert.equal(await journal.compact(next, chunksOf("later")), "published");
  });

  test("is restored by whoever comes, several at once, the one that is furthest completes it", async (t) => {
    const server = await startRedis(t);
    const journals = await Promise.all([1, 2, 3].map(() => openJournal(t, { url: server.url })));
    await appendMany(journals[0]!, ORIGIN, 30);
    const entries = await readAll(journals[0]!);
    await client(t, server.url).flushall();
    const outcomes = await Promise.all(
      journals.map((journal, i) => journal.restore(historyOf(entries.slice(0, 30 - 2 * i), i === 1 ? 10 : 30))),
    );
    assert.deepEqual(outcomes, ["restored", "restored", "restored"]);
    await Promise.all(journals.map((journal, i) => journal.read(entries[29 - 2 * i]!)));
    assert.deepEqual(tags(await readAll(journals[0]!, entries[24]!)), tags(entries.slice(25)));
  });

  test("by a restart with an older file is REWOUND, and restored from its own last entry on", async (t) => {
    const server = await startRedis(t, "--appendonly", "no", "--dbfilename", "dump.rdb");
    const redis = client(t, server.url);
    const journal = await openJournal(t, { url: server.url });
    const old = await appendMany(journal, ORIGIN, 10);
    await redis.save();
    const at = await appendMany(journal, old, 10);
    const entries = await readAll(journal);
    await server.kill();
    await server.restart();
    await eventually(() => rejectsWith(journal.read(at), "REWOUND"));
    assert.deepEqual(tags(await readAll(journal)), tags(entries.slice(0, 10)));
    assert.equal(await journal.restore(historyOf(entries, 12)), "restored");
    assert.deepEqual(tags(await readAll(journal)), tags(entries));
  });

  test("to a place of which only the tag is known is restored by a snapshot", async (t) => {
    const server = await startRedis(t, "--dbfilename", "dump.rdb");
    const redis = client(t, server.url);
    const journal = await openJournal(t, { url: server.url });
    const old = await appendMany(journal, ORIGIN, 10);
    await journal.compact(old, chunksOf("old"));
    await redis.save();
    await appendMany(journal, old, 10);
    const entries = await readAll(journal);
    const rdb = join(server.folder, "dump.rdb");
    await copyFile(rdb, `${rdb}.kept`);
    await server.kill();
    await server.restart();
    await eventually(() => journal.read(old));
    assert.equal(await journal.restore(historyOf(entries, 4, false)), "diverged");
    assert.equal(await journal.restore(historyOf(entries, 4)), "restored");
    assert.deepEqual(tags(await readAll(journal, entries[15]!)), tags(entries.slice(16)));
    const lists = await redis.keys("*:snapshot:*");
    assert.equal(lists.length, 2);
  });

  test("where somebody has appended since has diverged: nothing is changed", async (t) => {
    const server = await startRedis(t);
    const journal = await openJournal(t, { url: server.url });
    await appendMany(journal, ORIGIN, 5);
    const entries = await readAll(journal);
    await client(t, server.url).flushall();
    const other = await openJournal(t, { url: server.url });
    let at: Cursor = await append(other, ORIGIN);
    assert.equal(await journal.restore(historyOf(entries)), "diverged");
    assert.deepEqual(tags(await readAll(other)), [`1-${at.tag}`]);
    at = await appendMany(other, at, 10);
    assert.equal(await journal.restore(historyOf(entries)), "diverged");
    assert.equal((await readAll(other)).length, 11);
  });

  test("with more entries than fit into one script comes back in batches", async (t) => {
    const server = await startRedis(t);
    const journal = await openJournal(t, { url: server.url, timeout: 5000 });
    await appendMany(journal, ORIGIN, 12, Buffer.alloc(1024 * 1024, 1));
    const entries = await readAll(journal);
    const redis = client(t, server.url);
    await redis.flushall();
    assert.equal(await journal.restore(historyOf(entries)), "restored");
    assert.deepEqual(tags(await readAll(journal)), tags(entries));
    await redis.flushall();
    assert.equal(await journal.restore(historyOf(entries, 9)), "restored");
    assert.equal((await readAll(journal, entries[8]!)).length, 3);
    await redis.flushall();
    const many = Array.from({ length: 150_000 }, (_, i) => ({
      position: i + 1,
      tag: String(i),
      data: Buffer.from("x"),
    }));
    assert.equal(await journal.restore(historyOf(many)), "restored");
    assert.equal(await redis.xlen("{waystation}:stream"), 150_000);
  });

  test("that was not lost at all counts as restored", async (t) => {
    const server = await startRedis(t);
    const journal = await openJournal(t, { url: server.url });
    await appendMany(journal, ORIGIN, 5);
    const entries = await readAll(journal);
    assert.equal(await journal.restore(historyOf(entries)), "restored");
    assert.equal((await readAll(journal)).length, 5);
  });

  test("gives gateways time to put back what it has lost, before others append in its place or believe what it has", async (t) => {
    const server = await startRedis(t);
    const settings = { url: server.url, timeout: 3000, restartGrace: 1000 };
    const [ahead, behind] = [await openJournal(t, settings), await openJournal(t, settings)];
    const old = await eventually(() => append(ahead, ORIGIN));
    const acknowledged = await append(ahead, old);
    const entries = await readAll(ahead);
    await server.kill();
    await server.restart();
    const reading = behind.read(ORIGIN);
    const appending = append(behind, ORIGIN);
    appending.catch(() => {});
    await sleep(300);
    await rejectsWith(ahead.read(acknowledged), "REWOUND");
    await rejectsWith(append(ahead, acknowledged), "REWOUND");
    assert.equal(await ahead.restore(historyOf(entries)), "restored");
    assert((await reading).head >= 2);
    const next = await appending;
    assert.equal(next.position, 3);
    assert.deepEqual(tags(await readAll(behind)), [...tags(entries), `3-${next.tag}`]);
  });

  test("and was put right by one gateway leaves time to the others, who may hold more", async (t) => {
    const server = await startRedis(t);
    await sleep(1100); // a server that has just started is not trusted anyway
    const settings = { url: server.url, timeout: 3000, restartGrace: 1000 };
    const [ahead, behind, unaware] = [
      await openJournal(t, settings),
      await openJournal(t, settings),
      await openJournal(t, settings),
    ];
    const second = await appendMany(ahead, ORIGIN, 2);
    await appendMany(ahead, second, 2);
    const entries = await readAll(ahead);
    await client(t, server.url).flushall();
    assert.equal(await behind.restore(historyOf(entries.slice(0, 3))), "restored");
    // Its own place is in what was put back, so it notices nothing.
    const appending = append(unaware, second);
    const reading = unaware.read(second);
    await sleep(300);
    assert.equal(await ahead.restore(historyOf(entries)), "restored");
    assert.equal((await appending).position, 5);
    assert((await reading).head >= 4);
    assert.deepEqual(tags(await readAll(behind)).slice(0, 4), tags(entries));
  });

  test("and was emptied is not appended to by a newcomer before others have put it right", async (t) => {
    const server = await startRedis(t);
    await sleep(1100);
    const settings = { url: server.url, timeout: 3000, restartGrace: 1000 };
    const [holder, newcomer] = [await openJournal(t, settings), await openJournal(t, settings)];
    await appendMany(holder, ORIGIN, 3);
    const entries = await readAll(holder);
    await client(t, server.url).flushall();
    // To it, this is how a journal begins.
    const reading = newcomer.read(ORIGIN);
    const appending = append(newcomer, ORIGIN);
    await sleep(300);
    assert.equal(await holder.restore(historyOf(entries)), "restored");
    assert.deepEqual(tags((await reading).entries).slice(0, 3), tags(entries));
    assert.equal((await appending).position, 4);
  });

  test("while an answer was under way for long, and lost what that is about, leaves the append in doubt", async (t) => {
    const server = await startRedis(t);
    await sleep(1100);
    const proxy = await startProxy(t, server.port);
    const settings = { timeout: 5000, restartGrace: 1000 };
    const [held, other] = [
      await openJournal(t, { url: proxy.url, ...settings }),
      await openJournal(t, { url: server.url, ...settings }),
    ];
    const at = await appendMany(held, ORIGIN, 2);
    const entries = await readAll(held);
    proxy.hold("down");
    const appending = append(held, at);
    await eventually(async () => assert.equal((await other.read(at)).head, 3));
    await client(t, server.url).flushall();
    assert.equal(await other.restore(historyOf(entries)), "restored");
    const next = await append(other, at);
    assert.equal(next.position, 3);
    proxy.release("down");
    await rejectsWith(appending, "IN_DOUBT");
    assert.deepEqual(tags(await readAll(held)), [...tags(entries), `3-${next.tag}`]);
  });

  test("answers late is believed if it still has what it says", async (t) => {
    const server = await startRedis(t);
    const proxy = await startProxy(t, server.port);
    const journal = await openJournal(t, { url: proxy.url, timeout: 5000, restartGrace: 400 });
    const at = await append(journal, ORIGIN);
    proxy.hold("down");
    const [appending, reading] = [append(journal, at), journal.read(at)];
    await sleep(600);
    proxy.release("down");
    assert.equal((await appending).position, 2);
    assert.ok((await reading).head >= 1);
  });

  test("holds nobody up for long because its clock was set back", async (t) => {
    const server = await startRedis(t);
    await sleep(1100);
    const journal = await openJournal(t, { url: server.url, restartGrace: 1000, timeout: 3000 });
    const at = await append(journal, ORIGIN);
    await client(t, server.url).hset("{waystation}:facts", "restored", Date.now() + 3_600_000);
    assert.equal((await append(journal, at)).position, 2);
  });

  test("since another server was made the primary is given time by those too who have never seen the old one", async (t) => {
    const primary = await startRedis(t);
    const replica = await startRedis(t, "--replicaof", "127.0.0.1", String(primary.port));
    const redis = client(t, replica.url);
    const holder = await openJournal(t, { url: primary.url });
    const copied = await append(holder, ORIGIN);
    await eventually(async () => assert.equal(await redis.xlen("{waystation}:stream"), 1));
    await redis.replicaof("NO", "ONE");
    const entries = [...(await readAll(holder)), { ...copied, position: 2, data: Buffer.from("not copied") }];
    await sleep(1100);
    const newcomer = await openJournal(t, { url: replica.url, timeout: 3000, restartGrace: 1000 });
    const appending = append(newcomer, copied);
    await sleep(200);
    const elsewhere = await openJournal(t, { url: replica.url });
    assert.equal(await elsewhere.restore(historyOf(entries)), "restored");
    assert.equal((await appending).position, 3);
  });

  test("by failing over is given its time, also if connections to the new primary are cut meanwhile", async (t) => {
    const primary = await startRedis(t);
    const replica = await startRedis(t, "--replicaof", "127.0.0.1", String(primary.port));
    const proxy = await startProxy(t, primary.port);
    const journal = await openJournal(t, { url: proxy.url, timeout: 4000, restartGrace: 1500 });
    const copied = await append(journal, ORIGIN);
    const redis = client(t, replica.url);
    await eventually(async () => assert.equal(await redis.xlen("{waystation}:stream"), 1));
    await redis.replicaof("NO", "ONE");
    const entries = [...(await readAll(journal)), { ...copied, position: 2, data: Buffer.from("not copied") }];
    await sleep(2000);
    proxy.redirect(replica.port);
    await sleep(50);
    await eventually(async () => assert.ok((await journal.health()).ok));
    const appending = append(journal, copied);
    for (let cuts = 0; cuts < 3; cuts++) {
      await sleep(150);
      proxy.cut();
    }
    const elsewhere = await openJournal(t, { url: replica.url });
    await sleep(100);
    assert.equal(await elsewhere.restore(historyOf(entries)), "restored");
    assert.equal((await appending).position, 3);
  });

  test("is suspected after each cut connection by who may not ask whether it is still the same", async (t) => {
    const server = await startRedis(t);
    const proxy = await startProxy(t, server.port);
    await client(t, server.url).acl("SETUSER", "blind", "on", "nopass", "~*", "+@all", "-info");
    const url = proxy.url.replace("//", "//blind:any@");
    const journal = await openJournal(t, { url, timeout: 3000, restartGrace: 1000 });
    const at = await append(journal, ORIGIN);
    assert.equal((await append(journal, at)).position, 2);
    proxy.cut();
    await sleep(50);
    await eventually(async () => assert.ok((await journal.health()).ok));
    const appending = append(journal, at);
    const entry = { position: 3, tag: "7", data: Buffer.from("put back") };
    await sleep(200);
    const other = await openJournal(t, { url: server.url });
    assert.equal(await other.restore(historyOf([...(await readAll(other)), entry])), "restored");
    assert.equal((await appending).position, 4);
  });

  test("is not suspected after a cut connection, and calls without time for the grace fail at once", async (t) => {
    const server = await startRedis(t);
    await sleep(1100);
    const proxy = await startProxy(t, server.port);
    const journal = await openJournal(t, { url: proxy.url, restartGrace: 1000, timeout: 3000 });
    const at = await append(journal, ORIGIN);
    proxy.cut();
    const began = performance.now();
    await journal.read(at);
    await append(journal, at);
    assert(performance.now() - began < 900);
    const cautious = await openJournal(t, { url: proxy.url, restartGrace: 100_000 });
    assert.match((await rejectsWith(append(cautious, at), "UNAVAILABLE")).message, /just restarted/);
    await rejectsWith(cautious.read(at), "UNAVAILABLE");
  });
});
