import assert from "node:assert/strict";
import { suite, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Cursor, type Durability, ORIGIN } from "@waystation/core";
import { RedisJournal } from "../src/index.ts";
import { skipRedis } from "./find-redis.ts";
import {
  append,
  chunksOf,
  client,
  eventually,
  openJournal,
  Replica,
  randomTag,
  readAll,
  rejectsWith,
  startRedis,
  textOf,
} from "./kit.ts";

const setups: Readonly<Record<string, { args: string[]; survives: Durability; warning?: RegExp }>> = {
  "without an append-only file": { args: [], survives: "gateway-crash", warning: /no append-only file/ },
  "with appendfsync everysec": { args: ["--appendonly", "yes"], survives: "storage-crash" },
  "with appendfsync no": { args: ["--appendonly", "yes", "--appendfsync", "no"], survives: "storage-crash" },
  "with appendfsync always": { args: ["--appendonly", "yes", "--appendfsync", "always"], survives: "host-crash" },
  "with an eviction policy": {
    args: ["--appendonly", "yes", "--maxmemory-policy", "allkeys-lru"],
    survives: "storage-crash",
    warning: /allkeys-lru.*noeviction/,
  },
};

suite("how durable an acknowledged append is", { skip: skipRedis, concurrency: 4 }, () => {
  for (const [description, { args, survives, warning }] of Object.entries(setups)) {
    test(`is found out ${description}: ${survives}`, async (t) => {
      const server = await startRedis(t, ...args);
      const warnings: string[] = [];
      const journal = await openJournal(t, { url: server.url, onWarning: (message) => warnings.push(message) });
      assert.equal(journal.survives, survives);
      if (warning) {
        assert.match(warnings.join("\n"), warning);
        assert.match((await journal.health()).detail ?? "", warning);
      } else {
        assert.deepEqual(warnings, []);
        assert.equal((await journal.health()).detail, undefined);
      }
    });
  }

  test("is found out anew at each connection and by health, and the same warning comes once", async (t) => {
    const server = await startRedis(t);
    const warnings: string[] = [];
    const journal = await openJournal(t, { url: server.url, onWarning: (message) => warnings.push(message) });
    await server.kill();
    await server.restart();
    await eventually(() => journal.read(ORIGIN));
    assert.equal(warnings.length, 1);
    await server.kill();
    await server.restart(["--appendonly", "yes"]);
    await eventually(async () => assert.equal(journal.survives, "storage-crash"));
    assert.equal(warnings.length, 1);
    await client(t, server.url).config("SET", "appendfsync", "always");
    assert.equal((await journal.health()).ok, true);
    assert.equal(journal.survives, "host-crash");
  });

  for (const fsync of ["everysec", "always"]) {
    test(`survives kill -9 of Redis under load, twice, with appendfsync ${fsync}`, async (t) => {
      const server = await startRedis(t, "--appendonly", "yes", "--appendfsync", fsync);
      const settings = { url: server.url, timeout: 3000, restartGrace: 500 };
      const replicas = await Promise.all([1, 2, 3].map(async () => new Replica(await openJournal(t, settings))));
      const acknowledged: Cursor[] = [];
      let stop = false;
      const load = replicas.map((replica) => appendUntil(replica, acknowledged, () => stop));
      for (let round = 0; round < 2; round++) {
        await sleep(400);
        const before = acknowledged.length;
        await server.kill();
        await server.restart();
        await eventually(async () => assert(acknowledged.length > before + 10));
      }
      stop = true;
      await Promise.all(load);
      const stored = await readAll(replicas[0]!.journal);
      for (const [i, { position }] of stored.entries()) assert.equal(position, i + 1);
      const tags = new Map(stored.map(({ position, tag }) => [position, tag]));
      const lost = acknowledged.filter(({ position, tag }) => tags.get(position) !== tag);
      t.diagnostic(
        `${acknowledged.length} acknowledged, ${stored.length} stored, ${lost.length} lost, ` +
          `${replicas.reduce((sum, { restored }) => sum + restored, 0)} times restored`,
      );
      assert.deepEqual(lost, []);
    });
  }

  test("a snapshot survives too, and one half uploaded does not show", async (t) => {
    const server = await startRedis(t, "--appendonly", "yes", "--appendfsync", "always");
    const journal = await openJournal(t, { url: server.url });
    const first = await append(journal, ORIGIN);
    assert.equal(await journal.compact(first, chunksOf("one")), "published");
    const second = await append(journal, first);
    const crashing = async function* () {
      yield Buffer.alloc(600_000);
      await server.kill();
      yield Buffer.alloc(600_000);
    };
    await rejectsWith(journal.compact(second, crashing()), "UNAVAILABLE");
    await server.restart();
    const fresh = new RedisJournal({ url: server.url, restartGrace: 0 });
    t.after(() => fresh.close());
    const snapshot = await fresh.open();
    assert.deepEqual(snapshot?.at, first);
    assert.equal(await textOf(snapshot.chunks), "one");
  });
});

/** Appends without pause, through failures. Records what was acknowledged. */
async function appendUntil(replica: Replica, acknowledged: Cursor[], stopped: () => boolean): Promise<void> {
  while (!stopped()) {
    try {
      acknowledged.push(await replica.append(randomTag(), 2000));
    } catch {
      // In doubt or refused: it counts for nothing.
      await sleep(10);
      await replica.catchUp().catch(() => {});
    }
  }
}
