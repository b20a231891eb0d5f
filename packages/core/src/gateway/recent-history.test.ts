import assert from "node:assert/strict";
import { test } from "node:test";
import { ORIGIN } from "../journal/journal.ts";
import { RecentHistory } from "./recent-history.ts";

const tagOf = (position: number) => (position === 0 ? "0" : String(position * 1000 + 7));
const cursor = (position: number) => ({ position, tag: tagOf(position) });

function historyOf(count: number, options: { readonly bytes?: number; readonly every?: number } = {}): RecentHistory {
  const { bytes = 10, every = 0 } = options;
  const history = new RecentHistory(ORIGIN);
  for (let position = 1; position <= count; position++) {
    history.add(cursor(position), new Uint8Array(bytes), position * every);
  }
  return history;
}

test("a new history begins where it was told to, and knows only that place", () => {
  const history = new RecentHistory(cursor(40));
  assert.deepEqual([history.before, history.head, history.entries], [cursor(40), cursor(40), []]);
  assert.ok(history.knows(cursor(40)));
  assert.ok(!history.knows({ position: 40, tag: "1" }));
  assert.ok(!history.knows(cursor(39)));
  assert.ok(!history.knows(cursor(41)));
});

test("entries stay for a minute, and the place before the first of them is known", () => {
  const history = historyOf(100, { every: 1000 });
  assert.deepEqual(history.before, cursor(39));
  assert.deepEqual(
    history.entries.map(({ position, tag }) => ({ position, tag })),
    Array.from({ length: 61 }, (_, i) => cursor(40 + i)),
  );
  assert.ok(history.knows(cursor(3)));
});

test("entries take 16 MiB at most; one that is larger is not kept, but its tag is", () => {
  const MIB = 1024 * 1024;
  assert.equal(historyOf(40, { bytes: MIB }).entries.length, 16);
  const history = historyOf(3);
  history.add(cursor(4), new Uint8Array(17 * MIB), 0);
  assert.deepEqual([history.before, history.entries.length, history.knows(cursor(4))], [cursor(4), 0, true]);
  history.add(cursor(5), new Uint8Array(1), 0);
  assert.deepEqual([history.before, history.entries.length], [cursor(4), 1]);
});

test("a piece of a larger buffer does not keep that in memory", () => {
  const history = new RecentHistory(ORIGIN);
  const buffer = new Uint8Array(65536).fill(3);
  history.add(cursor(1), buffer.subarray(10, 20), 0);
  buffer.fill(0);
  assert.deepEqual(history.entries[0]!.data, new Uint8Array(10).fill(3));
  assert.equal(history.entries[0]!.data.buffer.byteLength, 10);
});

test("what was given out does not change", () => {
  const history = historyOf(5);
  const { entries } = history;
  history.add(cursor(6), new Uint8Array(1), 120_000);
  assert.equal(entries.length, 5);
  assert.equal(history.entries.length, 1);
});

test("tags are known of a quarter of a million places, whatever has become of the entries", () => {
  const count = 300_000;
  const history = historyOf(count, { every: 100 });
  assert.equal(history.oldest, count - 2 ** 18 + 1);
  assert.ok(history.knows(cursor(history.oldest)));
  assert.ok(!history.knows(cursor(history.oldest - 1)));
  assert.equal(history.tagAt(count + 1), undefined);
});

test("the longest tag there can be is known exactly", () => {
  const history = new RecentHistory(ORIGIN);
  const tag = String(2 ** 48 - 1);
  history.add({ position: 1, tag }, new Uint8Array(1));
  assert.equal(history.tagAt(1), tag);
  assert.equal(history.tagAt(0), "0");
});
