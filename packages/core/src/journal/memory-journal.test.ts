import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryFixture } from "../../test/journal/memory-fixture.ts";
import { rejectsWith } from "../testing/contract/kit.ts";
import { journalContract } from "../testing/index.ts";
import { type Cursor, ORIGIN } from "./journal.ts";
import { MemoryJournal, MemoryStore } from "./memory-journal.ts";

journalContract({
  test,
  name: "memory journal",
  capabilities: { shared: false, trimLag: true, crash: true, disturb: true },
  create: async (settings) => memoryFixture({ shared: false, ...settings }),
});

journalContract({
  test,
  name: "memory journals on one store",
  capabilities: { shared: true, trimLag: true, crash: true, disturb: true },
  create: async (settings) => memoryFixture({ shared: true, ...settings }),
});

test("a journal of its own keeps nothing, so that a gateway's memory does not grow with its pushes", async () => {
  const journal = new MemoryJournal();
  await journal.open();
  const deadline = Date.now() + 60_000;
  let at: Cursor = ORIGIN;
  for (const tag of ["1", "2", "3"]) {
    ({ at } = await journal.append(new Uint8Array(1000), at, { tag, deadline }));
  }
  assert.deepEqual(at, { position: 3, tag: "3" });
  assert.deepEqual((await journal.read(at)).entries, []);
  await assert.rejects(journal.read(ORIGIN), { code: "TRUNCATED" });
  assert.deepEqual(await journal.health(), { ok: true, journalBytes: 0, snapshotBytes: 0 });
  await journal.close();
});

test("a store keeps as many bytes before a snapshot as it was told to", async () => {
  const journal = new MemoryJournal(new MemoryStore({ trimLagBytes: 250 }));
  await journal.open();
  const cursors: Cursor[] = [ORIGIN];
  for (let i = 1; i <= 6; i++) {
    const own = { tag: String(i), deadline: Number.POSITIVE_INFINITY };
    const { at } = await journal.append(Buffer.alloc(100), cursors.at(-1)!, own);
    cursors.push(at);
  }
  await journal.compact(
    cursors[5]!,
    (async function* () {
      yield Buffer.from("five");
    })(),
  );
  await rejectsWith(journal.read(cursors[2]!), "TRUNCATED");
  const tail = await journal.read(cursors[3]!);
  assert.deepEqual(
    tail.entries.map((entry) => entry.position),
    [4, 5, 6],
  );
  assert.deepEqual(await journal.health(), { ok: true, journalBytes: 100, snapshotBytes: 4 });
});

test("a store has the clock that it was given", async () => {
  let now = 5000;
  const journal = new MemoryJournal(new MemoryStore({ now: () => now }));
  await journal.open();
  assert.equal((await journal.read(ORIGIN)).time, 5000);
  await journal.append(Buffer.from("in time"), ORIGIN, { tag: "1", deadline: 5000 });
  now = 5001;
  await rejectsWith(journal.append(Buffer.from("late"), ORIGIN, { tag: "2", deadline: 5000 }), "LATE");
});
