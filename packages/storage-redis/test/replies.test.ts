import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { ORIGIN } from "@waystation/core";
import { RedisJournal } from "../src/index.ts";
import { skipRedis } from "./find-redis.ts";
import { append, appendMany, client, eventually, openJournal, readAll, rejectsWith, startRedis } from "./kit.ts";

suite("what Redis refuses", { skip: skipRedis, concurrency: 4 }, () => {
  test("beyond maxmemory an append is FULL, writes nothing, and works again when there is room", async (t) => {
    const server = await startRedis(t);
    const redis = client(t, server.url);
    const journal = await openJournal(t, { url: server.url });
    const at = await append(journal, ORIGIN);
    await redis.config("SET", "maxmemory", "1mb");
    await rejectsWith(append(journal, at, Buffer.alloc(500_000)), "FULL");
    assert.equal((await readAll(journal)).length, 1);
    await redis.config("SET", "maxmemory", "0");
    await append(journal, at);
  });

  test("a server that turns into a replica is UNAVAILABLE, certainly unwritten; as a primary it works again", async (t) => {
    const server = await startRedis(t);
    const redis = client(t, server.url);
    const journal = await openJournal(t, { url: server.url, timeout: 500 });
    const at = await append(journal, ORIGIN);
    await redis.replicaof("127.0.0.1", 1);
    assert.match((await rejectsWith(journal.read(at), "UNAVAILABLE")).message, /replica/);
    const error = await rejectsWith(append(journal, at), "UNAVAILABLE");
    assert.match(error.message, /replica/);
    await redis.replicaof("NO", "ONE");
    await eventually(() => append(journal, at));
    assert.equal((await readAll(journal)).length, 2);
  });

  test("too few replicas for min-replicas-to-write is UNAVAILABLE", async (t) => {
    const server = await startRedis(t);
    const redis = client(t, server.url);
    const journal = await openJournal(t, { url: server.url });
    await redis.config("SET", "min-replicas-to-write", "1");
    const error = await rejectsWith(append(journal, ORIGIN), "UNAVAILABLE");
    assert.match(error.message, /NOREPLICAS/);
    await redis.config("SET", "min-replicas-to-write", "0");
    await append(journal, ORIGIN);
  });

  test("a Redis that is busy with a script of somebody else is UNAVAILABLE", async (t) => {
    const server = await startRedis(t, "--busy-reply-threshold", "50");
    const journal = await openJournal(t, { url: server.url });
    const [other, killer] = [client(t, server.url), client(t, server.url)];
    await killer.ping();
    const endless = other.eval("while true do end", 0);
    endless.catch(() => {});
    const error = await eventually(async () => rejectsWith(append(journal, ORIGIN), "UNAVAILABLE"));
    assert.match(error.message, /BUSY/);
    await killer.script("KILL");
    await eventually(() => append(journal, ORIGIN));
  });

  test("a key that holds something else is UNAVAILABLE, and open says so", async (t) => {
    const server = await startRedis(t);
    await client(t, server.url).set("{waystation}:facts", "mine");
    const journal = new RedisJournal({ url: server.url });
    t.after(() => journal.close());
    const error = await rejectsWith(journal.open(), "UNAVAILABLE");
    assert.match(error.message, /another prefix/);
  });

  test("a wrong or missing password is UNAVAILABLE, and shown nowhere", async (t) => {
    const server = await startRedis(t, "--requirepass", "hunter2");
    const url = (login: string) => `redis://${login}127.0.0.1:${server.port}`;
    for (const [login, reason] of Object.entries({
      ":swordfish@": /WRONGPASS/,
      "me:swordfish@": /WRONGPASS/,
      "": /NOAUTH/,
    })) {
      const journal = new RedisJournal({ url: url(login), timeout: 300 });
      t.after(() => journal.close());
      const error = await rejectsWith(journal.open(), "UNAVAILABLE");
      assert.match(error.message, reason);
      assert.doesNotMatch(`${error.stack} ${JSON.stringify(error)}`, /swordfish/);
      assert.equal(error.cause, undefined);
    }
    const journal = await openJournal(t, { url: url(":hunter2@") });
    await append(journal, ORIGIN);
  });

  test("a password that changes while connected is UNAVAILABLE at the next connection", async (t) => {
    const server = await startRedis(t, "--requirepass", "hunter2");
    const journal = await openJournal(t, { url: `redis://:hunter2@127.0.0.1:${server.port}`, timeout: 300 });
    const redis = client(t, `redis://:hunter2@127.0.0.1:${server.port}`);
    await redis.config("SET", "requirepass", "new");
    await redis.call("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes");
    await eventually(async () => {
      assert.match((await rejectsWith(append(journal, ORIGIN), "UNAVAILABLE")).message, /WRONGPASS/);
    });
  });

  test("an ACL user needs its keys and a few commands; without INFO and CONFIG durability is said to be unknown", async (t) => {
    const server = await startRedis(t);
    const redis = client(t, server.url);
    const commands = [
      "+eval",
      "+time",
      "+hmget",
      "+hset",
      "+hget",
      "+xlen",
      "+xrange",
      "+xadd",
      "+xtrim",
      "+llen",
      "+lrange",
    ];
    const more = ["+rpush", "+expire", "+persist", "+unlink", "+hello", "+select", "+client|setname"];
    await redis.call("ACL", "SETUSER", "gateway", "on", ">hunter2", "~{metrics}:*", ...commands, ...more);
    const warnings: string[] = [];
    const journal = await openJournal(t, {
      url: `redis://gateway:hunter2@127.0.0.1:${server.port}?prefix=metrics`,
      trimLag: { bytes: 0 },
      onWarning: (message) => warnings.push(message),
    });
    const at = await appendMany(journal, ORIGIN, 3);
    const snapshot = async function* () {
      yield Buffer.from("state");
    };
    assert.equal(await journal.compact(at, snapshot()), "published");
    assert.deepEqual(await readAll(journal, at), []);
    assert.equal(journal.survives, "gateway-crash");
    assert.equal(warnings.length, 1);
    assert.match(warnings[0]!, /unknown/);
  });

  test("a database that does not exist is an error, not database 0", async (t) => {
    const server = await startRedis(t);
    const journal = new RedisJournal({ url: `${server.url}/99`, timeout: 300 });
    t.after(() => journal.close());
    const error = await rejectsWith(journal.open(), "UNAVAILABLE");
    assert.match(error.message, /DB index/);
    const other = await openJournal(t, { url: `${server.url}/5` });
    await append(other, ORIGIN);
    assert.equal(await client(t, server.url).dbsize(), 0);
  });

  test("keys that were evicted or trimmed by others are CORRUPT at opening, and appends are refused", async (t) => {
    const server = await startRedis(t);
    const redis = client(t, server.url);
    const journal = await openJournal(t, { url: server.url });
    const at = await appendMany(journal, ORIGIN, 3);
    await redis.xtrim("{waystation}:stream", "MAXLEN", 1);
    const error = await rejectsWith(append(journal, at), "UNAVAILABLE");
    assert.match(error.message, /noeviction/);
    assert.equal((await journal.health()).ok, false);
    const fresh = new RedisJournal({ url: server.url });
    t.after(() => fresh.close());
    await rejectsWith(fresh.open(), "CORRUPT");
  });

  test("a journal of a newer format is UNSUPPORTED", async (t) => {
    const server = await startRedis(t);
    const journal = await openJournal(t, { url: server.url });
    await append(journal, ORIGIN);
    await client(t, server.url).hset("{waystation}:facts", "format", 2);
    const fresh = new RedisJournal({ url: server.url });
    t.after(() => fresh.close());
    await rejectsWith(fresh.open(), "UNSUPPORTED");
  });

  test("a TLS file that cannot be read is CONFIG, at once", async (t) => {
    const journal = new RedisJournal({ url: "rediss://127.0.0.1:1?ca=/no/such/file.pem" });
    t.after(() => journal.close());
    const error = await rejectsWith(journal.open(), "CONFIG");
    assert.match(error.message, /no\/such\/file/);
  });
});
