import assert from "node:assert/strict";
import { test } from "node:test";
import { Cluster, listen, push, rejects } from "../../test/gateway-kit.ts";
import { keyOf } from "../../test/state-kit.ts";
import { WaystationError } from "../errors.ts";
import { MemoryJournal } from "../journal/memory-journal.ts";
import { encodeEntry, RULES_LEVEL } from "../record/entry.ts";
import { Gateway } from "./gateway.ts";

/** The shape of a message: the kinds of its members, and of the first of a list. */
function shapeOf(value: unknown): unknown {
  if (value === null || typeof value !== "object") return typeof value;
  if (Array.isArray(value)) return value.slice(0, 1).map(shapeOf);
  if (value instanceof Gateway) return "gateway";
  if (value instanceof WaystationError) return value.code;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, shapeOf(member)]));
}

test("an append is published with what it held, its result with what it was", async (t) => {
  const cluster = new Cluster(t);
  const { gateway } = await cluster.open();
  const { gateway: other } = await cluster.open();
  const appends = listen(t, "waystation:append");
  const applied = listen(t, "waystation:applied", gateway);
  const appliedElsewhere = listen(t, "waystation:applied", other);
  const rejected = listen(t, "waystation:rejected");
  await Promise.allSettled([
    push(gateway, "a", "# TYPE m gauge\nm 1\n"),
    push(gateway, "b", "# TYPE m counter\nm 1\n"),
    gateway.delete(keyOf({ job: "c" })),
    gateway.wipe(),
  ]);
  await other.refresh();
  assert.deepEqual(shapeOf(appends), [{ records: "number", bytes: "number", duration: "number", gateway: "gateway" }]);
  assert.equal(appends[0]!.gateway, gateway);
  assert.equal(appends[0]!.records, 4);
  assert.equal(appends[0]!.bytes, cluster.store.journalBytes);
  assert.deepEqual(
    applied.map(({ position, own, gateway }) => [position, own, shapeOf(gateway)]),
    [[1, true, "gateway"]],
  );
  assert.deepEqual(
    applied[0]!.records.map(({ kind, key, time }) => [kind, key, typeof time]),
    [
      ["replace", "job\xffa", "bigint"],
      ["replace", "job\xffb", "bigint"],
      ["delete", "job\xffc", "bigint"],
      ["wipe", undefined, "bigint"],
    ],
  );
  assert.deepEqual(applied[0]!.verdicts.map(shapeOf), ["undefined", "INCONSISTENT", "undefined", "undefined"]);
  assert.deepEqual(
    appliedElsewhere.map(({ position, own }) => [position, own]),
    [[1, false]],
  );
  assert.deepEqual(shapeOf(rejected), [{ error: "INCONSISTENT", group: "string", gateway: "gateway" }]);
  assert.equal(rejected[0]!.group, '{job="b"}');
});

test("a failed append is published with its error", async (t) => {
  const cluster = new Cluster(t);
  const { gateway, journal } = await cluster.open();
  const failures = listen(t, "waystation:append-failed", gateway);
  const appends = listen(t, "waystation:append", gateway);
  journal.failNext("append", { kind: "reject", code: "FULL" }, { kind: "lose-reply" });
  await rejects(push(gateway, "a", "m 1\n"), "FULL");
  await push(gateway, "a", "m 1\n");
  assert.deepEqual(shapeOf(failures), [{ error: "FULL", records: "number", gateway: "gateway" }]);
  assert.deepEqual(
    failures.map(({ error }) => shapeOf(error)),
    ["FULL", "IN_DOUBT"],
  );
  assert.deepEqual(appends, []);
});

test("a compaction is published with its outcome and size", async (t) => {
  const cluster = new Cluster(t);
  const { gateway, journal } = await cluster.open();
  const compactions = listen(t, "waystation:compaction", gateway);
  await push(gateway, "a", "m 1\n");
  await gateway.compact();
  journal.failNext("compact", { kind: "reject", code: "UNAVAILABLE" });
  await gateway.compact();
  const shape = { outcome: "string", bytes: "number", duration: "number", gateway: "gateway" };
  assert.deepEqual(compactions.map(shapeOf), [shape, { ...shape, error: "UNAVAILABLE" }]);
  assert.deepEqual(
    compactions.map(({ outcome }) => outcome),
    ["published", "failed"],
  );
});

test("a body that was mended is published with its group", async (t) => {
  const cluster = new Cluster(t, { lenientText: true });
  const { gateway } = await cluster.open();
  const repaired = listen(t, "waystation:repaired", gateway);
  await push(gateway, "a", "m 1\n");
  await push(gateway, "b", "m 1");
  assert.deepEqual(repaired, [{ group: '{job="b"}', gateway }]);
});

test("what was left out of an exposition is published with it", async (t) => {
  const cluster = new Cluster(t, { checkConsistency: false });
  const { gateway } = await cluster.open();
  const conflicts = listen(t, "waystation:conflicts", gateway);
  await push(gateway, "a", "# TYPE m gauge\nm 1\n");
  await gateway.expose();
  assert.deepEqual(conflicts, []);
  await push(gateway, "b", "# TYPE m counter\nm 1\n");
  await gateway.expose();
  assert.ok(conflicts.length > 0);
  assert.deepEqual(conflicts[0], { hidden: [{ family: "m", group: '{job="b"}' }], gateway });
});

test("reloads, divergences and halts are published with what they are about", async (t) => {
  const cluster = new Cluster(t, {}, { trimLagBytes: 0 });
  const { gateway: slow, journal } = await cluster.open();
  const { gateway: fast } = await cluster.open();
  const reloads = listen(t, "waystation:reload", slow);
  const divergences = listen(t, "waystation:divergence", slow);
  const halts = listen(t, "waystation:halt", slow);
  journal.failAlways("read", { kind: "reject", code: "UNAVAILABLE" });
  await push(fast, "a", "m 1\n");
  await fast.compact();
  journal.heal();
  await slow.refresh();
  assert.deepEqual(shapeOf(reloads), [{ reason: "TRUNCATED", gateway: "gateway" }]);

  await push(slow, "a", "m 2\n");
  const stranger = new MemoryJournal(cluster.store);
  await stranger.open();
  const own = { tag: "5", deadline: Number.MAX_SAFE_INTEGER };
  const base = { position: 2, hash: [1, 2] } as const;
  await stranger.append(encodeEntry([], { level: RULES_LEVEL, base }), cluster.store.head, own);
  await slow.refresh();
  assert.deepEqual(divergences, [{ position: 2, gateway: slow }]);

  await stranger.append(encodeEntry([], { level: 999, base }), cluster.store.head, own);
  await stranger.close();
  await rejects(slow.refresh(), "UNSUPPORTED");
  assert.deepEqual(shapeOf(halts), [{ error: "UNSUPPORTED", gateway: "gateway" }]);
  assert.match(halts[0]!.error.message, /^entry 4-5 cannot be applied: .* newer release/);
});
