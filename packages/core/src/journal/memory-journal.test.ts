import assert from "node:assert/strict";
import { test } from "node:test";
import { memoryFixture } from "../../test/journal/memory-fixture.ts";
import { journalContract } from "../testing/index.ts";
import { type Cursor, ORIGIN } from "./journal.ts";
import { MemoryJournal } from "./memory-journal.ts";

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
