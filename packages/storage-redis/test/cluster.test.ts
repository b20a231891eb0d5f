import assert from "node:assert/strict";
import { suite, type TestContext, test } from "node:test";
import { type Cursor, ORIGIN } from "@waystation/core";
import type { Redis } from "ioredis";
import { skipRedis } from "./find-redis.ts";
import {
  append,
  appendMany,
  chunksOf,
  client,
  eventually,
  openJournal,
  readAll,
  rejectsWith,
  startRedis,
} from "./kit.ts";
import type { RedisProcess } from "./redis-process.ts";

const SLOTS = 16384;

interface Node {
  readonly server: RedisProcess;
  readonly redis: Redis;
  readonly id: string;
}

/** Three primaries and a replica of each, which take a node for down after half a second. */
async function startCluster(t: TestContext): Promise<{ primaries: Node[]; replicas: Node[]; url: string }> {
  const start = async (): Promise<Node> => {
    const settings = [
      "--cluster-enabled",
      "yes",
      "--cluster-node-timeout",
      "500",
      "--cluster-replica-validity-factor",
      "0",
    ];
    const server = await startRedis(t, ...settings, "--repl-diskless-sync-delay", "0");
    const redis = client(t, server.url);
    return { server, redis, id: (await redis.call("CLUSTER", "MYID")) as string };
  };
  const nodes = await Promise.all(Array.from({ length: 6 }, start));
  const [primaries, replicas] = [nodes.slice(0, 3), nodes.slice(3)];
  for (const [i, { redis }] of primaries.entries()) {
    await redis.call("CLUSTER", "SET-CONFIG-EPOCH", i + 1);
    const [first, next] = [i, i + 1].map((third) => Math.floor((third * SLOTS) / 3));
    await redis.call("CLUSTER", "ADDSLOTSRANGE", first!, next! - 1);
  }
  for (const { server } of nodes.slice(1)) await nodes[0]!.redis.call("CLUSTER", "MEET", "127.0.0.1", server.port);
  for (const [i, { redis }] of replicas.entries()) {
    await eventually(() => redis.call("CLUSTER", "REPLICATE", primaries[i]!.id));
  }
  await eventually(async () => {
    for (const { redis } of nodes) {
      assert.match((await redis.call("CLUSTER", "INFO")) as string, /cluster_state:ok[\s\S]*cluster_known_nodes:6/);
    }
    for (const { redis } of replicas) assert.match(await redis.info("replication"), /master_link_status:up/);
  });
  return {
    primaries,
    replicas,
    url: `redis+cluster://${nodes.map(({ server }) => `127.0.0.1:${server.port}`).join(",")}`,
  };
}

suite("Cluster", { skip: skipRedis }, () => {
  test("a journal lives on the primary of its slot, and follows it through moves and failovers", async (t) => {
    const { primaries, replicas, url } = await startCluster(t);
    const settings = { url, timeout: 2000, trimLag: { bytes: 0 } };
    const [journal, observer] = [await openJournal(t, settings), await openJournal(t, settings)];
    let at: Cursor = await appendMany(journal, ORIGIN, 20);

    await t.test("all keys are in one slot", async () => {
      assert.equal(await journal.compact(at, chunksOf("state")), "published");
      assert.equal(await journal.lease("compaction", "me", 1000), true);
      const sizes = await Promise.all(primaries.map(({ redis }) => redis.dbsize()));
      assert.deepEqual(sizes.filter((size) => size > 0).length, 1);
      at = await append(journal, at);
    });

    const slot = Number(await primaries[0]!.redis.call("CLUSTER", "KEYSLOT", "{waystation}"));
    const owner = Math.floor((slot * 3) / SLOTS);

    await t.test("a slot that moves to another node is followed", async () => {
      const [from, to] = [primaries[owner]!, primaries[(owner + 1) % 3]!];
      await moveSlot(slot, from, to, primaries);
      at = await eventually(() => append(journal, at));
      assert.equal(await to.redis.dbsize(), 4);
      await observer.read(at);
      await moveSlot(slot, to, from, primaries);
      at = await eventually(() => append(journal, at));
    });

    await t.test("a failover by hand is followed, and nothing is lost", async () => {
      const before = await readAll(observer, await snapshotPlace(observer));
      await eventually(() => replicas[owner]!.redis.call("CLUSTER", "FAILOVER"));
      await eventually(async () => assert.match(await replicas[owner]!.redis.info("replication"), /role:master/));
      at = await eventually(() => append(journal, at));
      assert.deepEqual((await readAll(observer, before[0]!)).at(-1)?.tag, at.tag);
      // The one that was replaced does not answer for the slot any more.
      await eventually(async () => assert.match(await primaries[owner]!.redis.info("replication"), /role:slave/));
    });

    await t.test("the death of the primary is followed", async () => {
      await eventually(async () =>
        assert.match(await primaries[owner]!.redis.info("replication"), /master_link_status:up/),
      );
      const began = performance.now();
      await replicas[owner]!.server.kill();
      await rejectsWith(append(journal, at, "x", 300), "UNAVAILABLE", "IN_DOUBT");
      const entries = await eventually(() => observer.read(at), 20_000);
      t.diagnostic(`reads failed for ${Math.round(performance.now() - began)} ms`);
      await eventually(() => append(journal, entries.entries.at(-1) ?? at));
    });
  });

  test("a plain URL that names a node of a cluster is told to say so", async (t) => {
    const server = await startRedis(t, "--cluster-enabled", "yes");
    const redis = client(t, server.url);
    await redis.call("CLUSTER", "ADDSLOTSRANGE", 0, 100);
    await redis.config("SET", "cluster-require-full-coverage", "no");
    const error = await rejectsWith(openJournal(t, { url: server.url, timeout: 300 }), "UNAVAILABLE");
    assert.match(error.message, /cluster/i);
  });
});

/** Where the observer can read from: the snapshot's place. */
async function snapshotPlace(journal: { open(): Promise<{ at: Cursor } | undefined> }): Promise<Cursor> {
  return (await journal.open())?.at ?? ORIGIN;
}

/** Moves a slot with its keys, as redis-cli does. */
async function moveSlot(slot: number, from: Node, to: Node, primaries: readonly Node[]): Promise<void> {
  await to.redis.call("CLUSTER", "SETSLOT", slot, "IMPORTING", from.id);
  await from.redis.call("CLUSTER", "SETSLOT", slot, "MIGRATING", to.id);
  const keys = (await from.redis.call("CLUSTER", "GETKEYSINSLOT", slot, 100)) as string[];
  await from.redis.call("MIGRATE", "127.0.0.1", to.server.port, "", 0, 5000, "KEYS", ...keys);
  for (const { redis } of [to, from, ...primaries]) await redis.call("CLUSTER", "SETSLOT", slot, "NODE", to.id);
}
