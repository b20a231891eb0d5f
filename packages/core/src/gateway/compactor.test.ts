import assert from "node:assert/strict";
import { test } from "node:test";
import { Cluster, gate, listen, push, pushedText, rejects, until, valueIn } from "../../test/gateway-kit.ts";
import { WaystationError } from "../errors.ts";
import type { Journal } from "../journal/journal.ts";
import { MemoryJournal, MemoryStore } from "../journal/memory-journal.ts";
import { encodeEntry, RULES_LEVEL } from "../record/entry.ts";
import { encodeFamilyBlock } from "../record/family-block.ts";
import { encodePushRecord } from "../record/record.ts";
import type { FaultyJournal } from "../testing/faulty-journal.ts";
import { Publisher } from "./channels.ts";
import { Compactor } from "./compactor.ts";
import { Gateway } from "./gateway.ts";
import { Replica } from "./replica.ts";

const MIB = 1024 * 1024;

test("a snapshot replaces entries once they outweigh it, and a new gateway starts from it", async (t) => {
  const cluster = new Cluster(t, { compactAfterBytes: 4_000 }, { trimLagBytes: 0 });
  const { gateway } = await cluster.open();
  const compactions = listen(t, "waystation:compaction", gateway);
  const value = "v".repeat(500);
  for (let i = 0; compactions.length < 3; i++) {
    assert.ok(i < 200, "nothing is compacted");
    await push(gateway, String(i % 20), `m{x="${value}"} ${i}\n`);
    assert.ok(gateway.health().journalBytes < 40_000);
  }
  assert.deepEqual(
    compactions.map(({ outcome }) => outcome),
    ["published", "published", "published"],
  );
  assert.ok(compactions.every(({ bytes, duration }) => bytes > 500 && duration >= 0));
  assert.equal(gateway.health().snapshotBytes, compactions.at(-1)!.bytes);
  const { gateway: late, journal } = await cluster.open();
  assert.equal(late.health().snapshotBytes, compactions.at(-1)!.bytes);
  assert.equal(await pushedText(late), await pushedText(gateway));
  assert.equal(journal.calls.open, 1);
});

test("entries may pile up to the size of the state before they are worth a snapshot", async (t) => {
  const cluster = new Cluster(t, { compactAfterBytes: 1_000 });
  const { gateway } = await cluster.open();
  await push(gateway, "large", `m{x="${"v".repeat(100_000)}"} 1\n`);
  await gateway.compact();
  const compactions = listen(t, "waystation:compaction", gateway);
  for (let i = 0; i < 50; i++) await push(gateway, "small", `m{x="${"v".repeat(1_000)}"} 1\n`);
  assert.deepEqual(compactions, []);
  assert.ok(gateway.health().journalBytes > 50_000);
});

test("pushes go on while a snapshot is written, and are not lost by it", async (t) => {
  const cluster = new Cluster(t, {}, { trimLagBytes: 0 });
  const { gateway, journal } = await cluster.open();
  await push(gateway, "a", "m 1\n");
  await push(gateway, "b", "m 1\n");
  const { closed, open } = gate();
  journal.failNext("compact", { kind: "hold", until: closed });
  const compacting = gateway.compact();
  await push(gateway, "a", "m 2\n");
  await gateway.delete({ labels: [{ name: "job", value: "b" }], id: "job\xffb" });
  open();
  await compacting;
  assert.equal(cluster.store.snapshot!.at.position, 2);
  const { gateway: late } = await cluster.open();
  assert.equal(await pushedText(late), '# TYPE m untyped\nm{instance="",job="a"} 2\n');
  assert.equal((await late.expose()).text(), (await gateway.expose()).text());
});

test("a compaction that fails is told about, and pushes go on", async (t) => {
  const cluster = new Cluster(t, { compactAfterBytes: 1 });
  const { gateway, journal } = await cluster.open();
  const compactions = listen(t, "waystation:compaction", gateway);
  journal.failAlways("compact", { kind: "reject", code: "UNAVAILABLE" });
  for (let i = 0; i < 5; i++) await push(gateway, "a", `m ${i}\n`);
  await until(() => compactions.length > 0);
  // It is not tried again at each push.
  assert.equal(journal.calls.compact, 1);
  assert.deepEqual(
    compactions.map(({ outcome, error }) => [outcome, (error as { code?: string }).code]),
    [["failed", "UNAVAILABLE"]],
  );
  journal.heal();
  await gateway.compact();
  assert.equal(compactions.at(-1)!.outcome, "published");
  assert.equal(cluster.store.snapshot!.at.position, 5);
  assert.equal(await valueIn(gateway, "m", "a"), "4");
});

test("a state without entries, or one that another gateway has covered, needs no snapshot", async (t) => {
  const cluster = new Cluster(t);
  const { gateway } = await cluster.open();
  const { gateway: other } = await cluster.open();
  const compactions = listen(t, "waystation:compaction");
  await gateway.compact();
  await push(gateway, "a", "m 1\n");
  await other.refresh();
  await gateway.compact();
  await other.compact();
  await gateway.compact();
  assert.deepEqual(
    compactions.map(({ outcome }) => outcome),
    ["older", "published", "older", "older"],
  );
});

test("compactions asked for at once follow each other", async (t) => {
  const cluster = new Cluster(t);
  const { gateway, journal } = await cluster.open();
  await push(gateway, "a", "m 1\n");
  const { closed, open } = gate();
  journal.failNext("compact", { kind: "hold", until: closed });
  const both = [gateway.compact(), gateway.compact()];
  await until(() => journal.calls.compact === 1);
  await push(gateway, "a", "m 2\n");
  assert.equal(journal.calls.compact, 1);
  open();
  await Promise.all(both);
  assert.equal(journal.calls.compact, 2);
  assert.equal(cluster.store.snapshot!.at.position, 2);
});

test("closing waits for a compaction that is under way", async (t) => {
  const cluster = new Cluster(t);
  const { gateway, journal } = await cluster.open();
  await push(gateway, "a", "m 1\n");
  const { closed, open } = gate();
  journal.failNext("compact", { kind: "hold", until: closed });
  const compacting = gateway.compact();
  const closing = gateway.close();
  open();
  await Promise.all([compacting, closing]);
  assert.equal(cluster.store.snapshot!.at.position, 1);
});

test("a journal that keeps nothing is not compacted", async (t) => {
  const gateway = await Gateway.open({ journal: new MemoryJournal(), compactAfterBytes: 1 });
  const compactions = listen(t, "waystation:compaction", gateway);
  for (let i = 0; i < 5; i++) await push(gateway, "a", `m ${i}\n`);
  await gateway.close();
  assert.deepEqual(compactions, []);
});

test("a journal that could not be compacted for long is overdue, until it is", async () => {
  const journal = new MemoryJournal(new MemoryStore());
  const publisher = new Publisher({});
  const replica = new Replica(journal, publisher);
  await replica.load();
  const compactor = new Compactor(journal, replica, publisher, MIB);
  assert.equal(compactor.threshold, MIB);
  replica.noteEntryBytes(68 * MIB);
  assert.equal(compactor.overdue, false);
  replica.noteEntryBytes(1);
  assert.equal(compactor.overdue, true);
  replica.noteSnapshot(68 * MIB, 2 * MIB);
  assert.equal(compactor.overdue, false);
  assert.equal(compactor.threshold, 2 * MIB);
  await journal.close();
});

test("a gateway whose journal is overdue takes no pushes", async (t) => {
  const cluster = new Cluster(t, { compactAfterBytes: 1 });
  const { gateway, journal } = await cluster.open();
  journal.failAlways("compact", { kind: "reject", code: "UNAVAILABLE" });
  const body = `m{x="${"v".repeat(4 * MIB)}"} 1\n`;
  let pushed = 0;
  for (; gateway.health().journalBytes <= 64 * MIB + 4; pushed++) await push(gateway, "a", body);
  await rejects(push(gateway, "b", "m 2\n"), "FULL");
  assert.equal(cluster.store.head.position, pushed);
  journal.heal();
  // The next push that is refused after a while sets off a compaction.
  const now = Date.now.bind(Date);
  t.mock.method(Date, "now", () => now() + 31_000);
  await rejects(push(gateway, "b", "m 2\n"), "FULL");
  await until(() => gateway.health().journalBytes === 0);
  await push(gateway, "b", "m 2\n");
  assert.equal(await valueIn(gateway, "m", "b"), "2");
});

/** Journals that give leases, as those do that processes share. */
function withLeases() {
  const holders = new Map<string, string>();
  return (journal: FaultyJournal): Journal =>
    Object.assign(journal, {
      async lease(name: string, holder: string, ms: number) {
        if ((holders.get(name) ?? holder) !== holder) return false;
        if (ms > 0) holders.set(name, holder);
        else holders.delete(name);
        return true;
      },
    });
}

test("of several replicas one compacts at a time, and the others notice that it was done", async (t) => {
  const cluster = new Cluster(t, { compactAfterBytes: 2_000 });
  const wrap = withLeases();
  const opened = [await cluster.open({}, wrap), await cluster.open({}, wrap), await cluster.open({}, wrap)];
  const compactions = listen(t, "waystation:compaction");
  const { closed, open } = gate();
  for (const { journal } of opened) journal.failNext("compact", { kind: "hold", until: closed });
  const calls = () => opened.reduce((sum, { journal }) => sum + journal.calls.compact, 0);
  for (let i = 0; calls() === 0; i++) {
    assert.ok(i < 50, "nobody compacts");
    await push(opened[i % 3]!.gateway, "a", `m{x="${"v".repeat(200)}"} ${i}\n`);
    await Promise.all(opened.map(({ gateway }) => gateway.refresh()));
  }
  for (const { gateway } of opened) assert.ok(gateway.health().journalBytes > 2_000);
  for (const { gateway } of opened) await push(gateway, "a", "m 1\n");
  assert.equal(calls(), 1);
  open();
  await until(() => compactions.length === 1);
  // The others' turn comes later.
  const now = Date.now.bind(Date);
  t.mock.method(Date, "now", () => now() + 31_000);
  for (const { gateway } of opened) await push(gateway, "a", "m 2\n");
  await until(() => opened.every(({ gateway }) => gateway.health().journalBytes < 2_000));
  assert.equal(calls(), 1);
  assert.deepEqual(
    compactions.map(({ outcome }) => outcome),
    ["published"],
  );
});

test("a lease that cannot be had is asked for again later", async (t) => {
  const cluster = new Cluster(t, { compactAfterBytes: 1 });
  let asked = 0;
  const { gateway, journal } = await cluster.open({}, (journal) =>
    Object.assign(journal, {
      async lease(): Promise<boolean> {
        if (++asked === 1) throw new WaystationError("UNAVAILABLE", "no answer");
        return true;
      },
    }),
  );
  for (let i = 0; i < 5; i++) await push(gateway, "a", `m ${i}\n`);
  assert.deepEqual([asked, journal.calls.compact], [1, 0]);
  const now = Date.now.bind(Date);
  t.mock.method(Date, "now", () => now() + 31_000);
  await push(gateway, "a", "m 6\n");
  await until(() => cluster.store.snapshot !== undefined);
});

test("a replica that stopped within an entry makes no snapshot of what it holds", async (t) => {
  const cluster = new Cluster(t);
  const { gateway } = await cluster.open();
  const compactions = listen(t, "waystation:compaction", gateway);
  await push(gateway, "a", "m 1\n");
  const block = encodeFamilyBlock([{ name: "m", type: "gauge", metrics: [{ labels: [], value: 1 }] }]);
  const unreadable = Uint8Array.from(block);
  // The type of the first family.
  unreadable[8] = 0xff;
  const records = [block, unreadable].map((each) =>
    encodePushRecord({ mode: "replace", key: { id: "job\xffb" }, time: 1n, unchecked: false }, each),
  );
  const data = encodeEntry(records, { level: RULES_LEVEL, base: { position: 0, hash: [0, 0] } });
  const journal = new MemoryJournal(cluster.store);
  await journal.open();
  await journal.append(data, cluster.store.head, { tag: "5", deadline: Number.MAX_SAFE_INTEGER });
  await journal.close();
  await rejects(gateway.refresh(), "CORRUPT");
  await gateway.compact();
  assert.equal(cluster.store.snapshot, undefined);
  assert.deepEqual(
    compactions.map(({ outcome, error }) => [outcome, (error as { code?: string }).code]),
    [["failed", "CORRUPT"]],
  );
});
