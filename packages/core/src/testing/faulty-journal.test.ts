import assert from "node:assert/strict";
import { test } from "node:test";
import { isWaystationError } from "../errors.ts";
import { type Cursor, ORIGIN } from "../journal/journal.ts";
import { MemoryJournal, MemoryStore } from "../journal/memory-journal.ts";
import { inAMinute, rejectsWith } from "./contract/kit.ts";
import { FaultyJournal } from "./faulty-journal.ts";

async function opened(store = new MemoryStore()): Promise<FaultyJournal> {
  const journal = new FaultyJournal(new MemoryJournal(store));
  await journal.open();
  return journal;
}

function append(journal: FaultyJournal, tag: string, deadline = inAMinute()): Promise<{ readonly at: Cursor }> {
  return journal.append(Buffer.from(tag), ORIGIN, { tag, deadline });
}

async function tagsIn(journal: FaultyJournal): Promise<string[]> {
  const { entries } = await journal.inner.read(ORIGIN);
  return entries.map((entry) => entry.tag);
}

test("reject: nothing is done", async () => {
  const journal = await opened();
  journal.failNext("append", { kind: "reject", code: "FULL" });
  await rejectsWith(append(journal, "1"), "FULL");
  await append(journal, "2");
  assert.deepEqual(await tagsIn(journal), ["2"]);
});

test("lose-reply: it is done, but the caller does not learn of it", async () => {
  const journal = await opened();
  journal.failNext("append", { kind: "lose-reply" }, { kind: "lose-reply", code: "UNAVAILABLE" });
  await rejectsWith(append(journal, "1"), "IN_DOUBT");
  await rejectsWith(append(journal, "2"), "UNAVAILABLE");
  assert.deepEqual(await tagsIn(journal), ["1", "2"]);
});

test("late: it is done later, with the bytes of then, unless its deadline has passed", async () => {
  let now = 1000;
  const journal = await opened(new MemoryStore({ now: () => now }));
  const { promise: until, resolve: release } = Promise.withResolvers<void>();
  journal.failNext("append", { kind: "late", until }, { kind: "late", until });
  const data = Buffer.from("early");
  await rejectsWith(journal.append(data, ORIGIN, { tag: "1", deadline: 3000 }), "IN_DOUBT");
  await rejectsWith(append(journal, "2", 1500), "IN_DOUBT");
  data.fill(0);
  await append(journal, "3", 1500);
  now = 2000;
  release();
  await journal.lateCallsDone();
  const { entries } = await journal.inner.read(ORIGIN);
  assert.deepEqual(
    entries.map((entry) => [entry.tag, Buffer.from(entry.data).toString()]),
    [
      ["3", "3"],
      ["1", "early"],
    ],
  );
});

test("hold: it is done later, and answers then", async () => {
  const journal = await opened();
  const { promise: until, resolve: release } = Promise.withResolvers<void>();
  journal.failNext("append", { kind: "hold", until });
  const held = append(journal, "1");
  await append(journal, "2");
  release();
  assert.equal((await held).at.position, 2);
});

test("failAlways lasts until heal, health can be set, and calls are counted", async () => {
  const journal = await opened();
  journal.failAlways("read", { kind: "reject", code: "UNAVAILABLE" });
  journal.reportHealth({ ok: false, detail: "broken" });
  for (let i = 0; i < 3; i++) await rejectsWith(journal.read(ORIGIN), "UNAVAILABLE");
  assert.deepEqual(await journal.health(), { ok: false, detail: "broken" });
  journal.heal();
  await journal.read(ORIGIN);
  assert.equal((await journal.health()).ok, true);
  assert.deepEqual(journal.calls, { open: 1, append: 0, read: 4, compact: 0 });
});

test("a fault of an append is not met by other calls", async () => {
  const journal = await opened();
  journal.failNext("append", { kind: "reject", code: "FULL" });
  await journal.read(ORIGIN);
  await assert.rejects(append(journal, "1"), (error) => isWaystationError(error, "FULL"));
});
