import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { ORIGIN } from "@waystation/core";
import { RedisJournal } from "../src/index.ts";
import { skipRedis } from "./find-redis.ts";
import {
  append,
  client,
  eventually,
  openJournal,
  randomTag,
  readAll,
  rejectsWith,
  startProxy,
  startRedis,
} from "./kit.ts";
import { freePort } from "./redis-process.ts";

suite("a connection that fails", { skip: skipRedis, concurrency: 4 }, () => {
  test("an append whose answer is lost is in doubt, and a read finds it", async (t) => {
    const server = await startRedis(t);
    const proxy = await startProxy(t, server.port);
    const journal = await openJournal(t, { url: proxy.url });
    const first = await append(journal, ORIGIN);
    proxy.hold("down");
    const tag = randomTag();
    const doubtful = journal.append(Buffer.from("doubt"), first, { tag, deadline: Date.now() + 10_000 });
    await rejectsWith(doubtful, "IN_DOUBT");
    proxy.release("down");
    const { entries } = await journal.read(first);
    assert.deepEqual(
      entries.map((entry) => entry.tag),
      [tag],
    );
  });

  test("an append that arrives after its deadline is not executed, and overwrites nothing", async (t) => {
    const server = await startRedis(t);
    const proxy = await startProxy(t, server.port);
    const journal = await openJournal(t, { url: proxy.url });
    const other = await openJournal(t, { url: server.url });
    proxy.hold("up");
    await rejectsWith(append(journal, ORIGIN, "late", 300), "IN_DOUBT");
    const acknowledged = await append(other, ORIGIN, "acknowledged");
    await sleep(100);
    proxy.release("up"); // the bytes of the dead connection arrive now
    await sleep(100);
    assert.deepEqual(
      (await readAll(other)).map(({ tag }) => tag),
      [acknowledged.tag],
    );
    await append(journal, acknowledged);
  });

  test("an append that arrives twice is executed once, and acknowledged by whoever reads it", async (t) => {
    const server = await startRedis(t);
    const proxy = await startProxy(t, server.port);
    const journal = await openJournal(t, { url: proxy.url });
    const other = await openJournal(t, { url: server.url });
    const first = await append(journal, ORIGIN);
    proxy.hold("up");
    const tag = randomTag();
    const appending = journal.append(Buffer.from("once"), first, { tag, deadline: Date.now() + 10_000 });
    await sleep(50);
    const repeat = proxy.copy();
    repeat();
    await eventually(async () => assert.equal((await other.read(first)).head, 2));
    proxy.release("up"); // the second time, as far as Redis can tell
    await rejectsWith(appending, "IN_DOUBT");
    await append(other, { position: 2, tag });
    repeat();
    await sleep(100);
    const { entries, head } = await journal.read(first);
    assert.equal(entries[0]?.tag, tag);
    assert.equal(head, 3);
  });

  test("an append that arrives late but in time is executed once, and a read of anybody finds it", async (t) => {
    const server = await startRedis(t);
    const proxy = await startProxy(t, server.port);
    const journal = await openJournal(t, { url: proxy.url });
    const other = await openJournal(t, { url: server.url });
    proxy.hold("up");
    await rejectsWith(append(journal, ORIGIN, "slow"), "IN_DOUBT");
    assert.deepEqual(await readAll(other), []);
    proxy.release("up");
    await eventually(async () => assert.equal((await readAll(other)).length, 1));
    await sleep(200);
    assert.equal((await readAll(journal)).length, 1);
  });

  test("a cut connection is made anew, and a read does not notice", async (t) => {
    const server = await startRedis(t);
    const proxy = await startProxy(t, server.port);
    const journal = await openJournal(t, { url: proxy.url });
    let at = ORIGIN;
    for (let i = 0; i < 10; i++) {
      at = await eventually(() => append(journal, at));
      proxy.cut();
      await journal.read(at);
    }
  });

  test("an append cut while it is under way is executed at most once", async (t) => {
    const server = await startRedis(t);
    const proxy = await startProxy(t, server.port);
    const journal = await openJournal(t, { url: proxy.url });
    proxy.delay(20);
    for (let i = 0; i < 5; i++) {
      const since = (await readAll(journal)).at(-1) ?? ORIGIN;
      const appending = append(journal, since);
      await sleep(10 + i * 8);
      proxy.cut();
      await appending.catch((error) => assert.equal(error.code, "IN_DOUBT", String(error)));
    }
    await sleep(100);
    const tags = (await readAll(journal)).map(({ tag }) => tag);
    assert.equal(new Set(tags).size, tags.length);
  });

  test("a refused connection is UNAVAILABLE at opening, within the time-out", async (t) => {
    const journal = new RedisJournal({ url: `redis://127.0.0.1:${await freePort()}`, timeout: 300 });
    t.after(() => journal.close());
    const error = await rejectsWith(journal.open(), "UNAVAILABLE");
    assert.match(error.message, /ECONNREFUSED/);
  });

  test("an outage is told once, soon, with the server and the reason, but no password; a cut connection is none", async (t) => {
    const server = await startRedis(t);
    const proxy = await startProxy(t, server.port);
    const told: string[] = [];
    const url = proxy.url.replace("//", "//:secret@");
    await client(t, server.url).config("SET", "requirepass", "secret");
    const journal = await openJournal(t, { url, onOutage: (problem) => told.push(problem) });
    proxy.cut();
    await eventually(() => journal.read(ORIGIN));
    assert.deepEqual(told, []);
    for (let outages = 1; outages <= 2; outages++) {
      proxy.refuse();
      await eventually(async () => assert.equal(told.length, outages));
      await rejectsWith(journal.read(ORIGIN), "UNAVAILABLE");
      proxy.accept();
      await eventually(() => journal.read(ORIGIN));
    }
    for (const problem of told) {
      assert.match(problem, new RegExp(`^redis://127\\.0\\.0\\.1:${proxy.port}/0 cannot be reached: .+`));
      assert.doesNotMatch(problem, /secret/);
    }
  });

  test("opening can be tried again when Redis has come up", async (t) => {
    const server = await startRedis(t);
    await server.kill();
    const journal = new RedisJournal({ url: server.url, timeout: 200, restartGrace: 0 });
    t.after(() => journal.close());
    await rejectsWith(journal.open(), "UNAVAILABLE");
    await server.restart();
    await journal.open();
    await append(journal, ORIGIN);
  });

  test("in an outage calls fail by their time, later at once; afterwards they work", async (t) => {
    const server = await startRedis(t);
    const proxy = await startProxy(t, server.port);
    const journal = await openJournal(t, { url: proxy.url, timeout: 500 });
    const at = await append(journal, ORIGIN);
    proxy.refuse();
    await rejectsWith(append(journal, at), "UNAVAILABLE", "IN_DOUBT"); // it may be under way when the reset comes
    await rejectsWith(append(journal, at), "UNAVAILABLE");
    await rejectsWith(journal.read(at), "UNAVAILABLE");
    const health = await journal.health();
    assert.equal(health.ok, false);
    assert.match(health.detail ?? "", /cannot be reached/);
    proxy.accept();
    await eventually(() => append(journal, at));
    assert.equal((await journal.health()).ok, true);
  });

  test("a server that accepts connections but never answers holds up nobody", async (t) => {
    const server = await startRedis(t);
    const proxy = await startProxy(t, server.port);
    const journal = await openJournal(t, { url: proxy.url, timeout: 500, connectTimeout: 300 });
    proxy.hold("up");
    await rejectsWith(journal.read(ORIGIN), "UNAVAILABLE");
    await rejectsWith(append(journal, ORIGIN, "x", 400), "UNAVAILABLE", "IN_DOUBT");
    assert.equal((await journal.health()).ok, false);
    await journal.close();
    const opening = new RedisJournal({ url: proxy.url, timeout: 500, connectTimeout: 300 });
    t.after(() => opening.close());
    await rejectsWith(opening.open(), "UNAVAILABLE");
  });

  test("a paused server holds up nobody, and what it executes afterwards was in doubt", async (t) => {
    const server = await startRedis(t);
    const journal = await openJournal(t, { url: server.url, timeout: 400 });
    const first = await append(journal, ORIGIN);
    server.pause();
    await rejectsWith(append(journal, first), "IN_DOUBT");
    await rejectsWith(journal.read(first), "UNAVAILABLE");
    server.resume();
    const entries = await eventually(() => readAll(journal));
    assert(entries.length <= 2);
    await append(journal, entries.at(-1)!);
  });

  test("opening can be aborted while there is no answer, and closing does not wait for one", async (t) => {
    const server = await startRedis(t);
    const proxy = await startProxy(t, server.port);
    proxy.hold("up");
    const journal = new RedisJournal({ url: proxy.url });
    t.after(() => journal.close());
    const reason = new Error("stop");
    const abort = new AbortController();
    const opening = journal.open(abort.signal);
    setTimeout(() => abort.abort(reason), 50);
    await assert.rejects(opening, reason);
  });

  test("a flushed script cache changes nothing", async (t) => {
    const server = await startRedis(t);
    const journal = await openJournal(t, { url: server.url });
    const first = await append(journal, ORIGIN);
    await client(t, server.url).script("FLUSH");
    await append(journal, first);
    assert.equal((await readAll(journal)).length, 2);
  });
});
