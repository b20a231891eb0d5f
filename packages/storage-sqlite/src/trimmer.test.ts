import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import fc from "fast-check";
import { temporaryPath } from "../test/kit.ts";
import { openForWriting } from "./database.ts";
import { type EntryMark, EntryTable } from "./entries.ts";
import { type TrimLag, Trimmer } from "./trimmer.ts";

const NOW = 1_000_000;

interface Written {
  readonly bytes: number;
  readonly time: number;
}

async function emptyTable(t: TestContext) {
  const path = await temporaryPath(t);
  const database = openForWriting({ path });
  t.after(() => database.close());
  const entries = new EntryTable(database, path);
  const write = database.transaction((written: readonly Written[]): EntryMark[] => {
    database.exec("DELETE FROM entry");
    const marks: EntryMark[] = [];
    for (const { bytes, time } of written) marks.push(entries.insert(entries.head(), "7", time, new Uint8Array(bytes)));
    return marks;
  });
  return { database, entries, write };
}

/** The first entry that has to stay, looked for one by one. */
function obviousFloor(marks: readonly EntryMark[], snapshot: number, lag: TrimLag): number {
  const at = marks[snapshot - 1];
  if (!at) return marks.length > 0 ? 1 : 0;
  const stays = ({ position, time, total }: EntryMark): boolean =>
    position === snapshot ||
    at.total - total < lag.bytes ||
    (NOW - time >= 0 && NOW - time < lag.ms && at.total - total < 4 * lag.bytes);
  return marks.find(stays)!.position;
}

test("the floor is the first entry that is near the snapshot, or young and not far from it", async (t) => {
  const { database, write, entries } = await emptyTable(t);
  const written = fc
    .array(fc.record({ bytes: fc.nat(50), age: fc.nat(200) }), { maxLength: 30 })
    .map((all) => all.toSorted((a, b) => b.age - a.age).map(({ bytes, age }) => ({ bytes, time: NOW - age })));
  fc.assert(
    fc.property(written, fc.nat(30), fc.nat(200), fc.nat(500), (all, snapshot, ms, bytes) => {
      const marks = write(all);
      const trimmer = new Trimmer(database, entries, { ms, bytes });
      assert.equal(trimmer.floor(snapshot, NOW), obviousFloor(marks, snapshot, { ms, bytes }));
    }),
  );
});

test("times in the future, left by a clock that was set back, keep nothing", async (t) => {
  const { database, write, entries } = await emptyTable(t);
  write([NOW + 50, NOW + 60, NOW + 70].map((time) => ({ bytes: 10, time })));
  assert.equal(new Trimmer(database, entries, { ms: 1_000, bytes: 10 }).floor(3, NOW), 3);
});

test("slices delete up to the floor, a limited number of rows and bytes at a time", async (t) => {
  const { database, write, entries } = await emptyTable(t);
  const trimmer = new Trimmer(database, entries, { ms: 0, bytes: 0 });
  const slices = (floor: number): number[] => {
    const lowest: number[] = [];
    for (let done = false; !done && lowest.length < 100; ) {
      done = trimmer.deleteSlice(floor);
      lowest.push(entries.lowest());
    }
    return lowest;
  };
  write(Array.from({ length: 2_600 }, () => ({ bytes: 1, time: 0 })));
  assert.deepEqual(slices(2_500), [1_001, 2_001, 2_500]);
  assert.deepEqual(slices(2_500), [2_500]);
  write(Array.from({ length: 10 }, () => ({ bytes: 2 * 1024 * 1024, time: 0 })));
  assert.deepEqual(slices(10), [4, 7, 10]);
});
