import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { ORIGIN } from "@waystation/core";
import { skipRedis } from "./find-redis.ts";
import { append, client, eventually, openJournal, readAll, rejectsWith, startProxy, startRedis } from "./kit.ts";

suite("WAIT and WAITAOF", { skip: skipRedis, concurrency: 4 }, () => {
  test("an append without enough replicas is in doubt, never acknowledged; with them it is", async (t) => {
    const primary = await startRedis(t, "--repl-diskless-sync-delay", "0");
    const proxy = await startProxy(t, primary.port);
    const warnings: string[] = [];
    const journal = await openJournal(t, {
      url: `${primary.url}?wait=1&wait-timeout=100ms`,
      onWarning: (message) => warnings.push(message),
    });
    assert.match(warnings.join("\n"), /wait for 1 replicas, but Redis has 0/);
    const error = await rejectsWith(append(journal, ORIGIN), "IN_DOUBT");
    assert.match(error.message, /0 of 1 replicas/);
    // It is on the primary; but to show it to its writer would be to acknowledge it.
    const other = await openJournal(t, { url: primary.url });
    const [written] = await readAll(other);
    assert(written);
    await rejectsWith(journal.read(ORIGIN), "UNAVAILABLE");

    const replica = await startRedis(t, "--replicaof", `127.0.0.1 ${proxy.port}`);
    const redis = client(t, primary.url);
    await eventually(async () => assert.match(await redis.info("replication"), /state=online/));
    assert.equal((await eventually(() => readAll(journal))).length, 1);
    const at = await append(journal, written);
    const copy = await client(t, replica.url).xlen("{waystation}:stream");
    assert(copy >= 2);

    proxy.hold("down"); // the replica is connected, but hears nothing more
    await rejectsWith(append(journal, at), "IN_DOUBT");
  });

  test("a read is not held up by an append that waits for copies", async (t) => {
    const server = await startRedis(t);
    const journal = await openJournal(t, { url: `${server.url}?wait=1&wait-timeout=700ms` });
    let waiting = true;
    const appending = rejectsWith(append(journal, ORIGIN), "IN_DOUBT").finally(() => {
      waiting = false;
    });
    await eventually(async () => assert.equal((await journal.read(ORIGIN)).entries.length, 1));
    assert(waiting);
    await appending;
  });

  test("an append that is refused is not in doubt, however few copies there are", async (t) => {
    const server = await startRedis(t);
    const journal = await openJournal(t, { url: `${server.url}?wait=1&wait-timeout=900ms` });
    await rejectsWith(append(journal, { position: 7, tag: "7" }), "REWOUND");
    await rejectsWith(append(journal, ORIGIN, "late", -1000), "LATE");
  });

  test("WAIT never means host-loss by itself: only with min-replicas-to-write and a majority of the copies", async (t) => {
    const primary = await startRedis(t, "--appendonly", "yes", "--repl-diskless-sync-delay", "0");
    const redis = client(t, primary.url);
    for (let i = 0; i < 2; i++) await startRedis(t, "--replicaof", `127.0.0.1 ${primary.port}`);
    await eventually(async () => assert.equal((await redis.info("replication")).match(/state=online/g)?.length, 2));
    const survives = async (query: string) => (await openJournal(t, { url: primary.url + query })).survives;
    assert.equal(await survives("?wait=2"), "storage-crash");
    await redis.config("SET", "min-replicas-to-write", "1");
    assert.equal(await survives("?wait=1"), "host-loss");
    assert.equal(await survives(""), "storage-crash");
  });

  test("WAITAOF needs a Redis that has it", async (t) => {
    const server = await startRedis(t, "--appendonly", "yes");
    const [, version = ""] = /redis_version:(\S+)/.exec(await client(t, server.url).info("server")) ?? [];
    const [major = 0, minor = 0] = version.split(".").map(Number);
    const opening = openJournal(t, { url: `${server.url}?waitaof=1,0` });
    if (major > 7 || (major === 7 && minor >= 2)) assert.equal((await opening).survives, "host-crash");
    else assert.match((await rejectsWith(opening, "UNSUPPORTED")).message, /7\.2/);
  });
});
