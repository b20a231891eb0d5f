import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type Entry, ORIGIN } from "../journal/journal.ts";
import { RecentHistory } from "./recent-history.ts";

const MIB = 1024 * 1024;
const MINUTE = 60_000;
const REMEMBERED_TAGS = 2 ** 18;

const tagOf = (position: number) => String(2 ** 47 + position);

test("the newest entries are kept: a minute's worth, and 16 MiB at most", () => {
  const step = fc.record({
    bytes: fc.oneof(fc.nat(10), fc.nat(5 * MIB)),
    after: fc.oneof(fc.nat(100), fc.nat(40_000)),
  });
  const property = fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const start = { position: 7, tag: "7" };
    const history = new RecentHistory(start);
    const all: (Entry & { readonly time: number })[] = [];
    let now = 1_000;
    for (const { bytes, after } of steps) {
      now += after;
      const position = start.position + all.length + 1;
      const data = Buffer.allocUnsafeSlow(bytes);
      all.push({ position, tag: tagOf(position), data, time: now });
      history.add({ position, tag: tagOf(position) }, data, now);

      let kept = all.length;
      for (let sum = 0; kept > 0; kept--) {
        const { data, time } = all[kept - 1]!;
        sum += data.length;
        if (sum > 16 * MIB || now - time > MINUTE) break;
      }
      assert.deepEqual(
        history.entries.map(({ position }) => position),
        all.slice(kept).map(({ position }) => position),
      );
      const { position: before } = all[kept - 1] ?? start;
      assert.deepEqual(history.before, { position: before, tag: all[kept - 1]?.tag ?? start.tag });
      assert.deepEqual(history.head, { position, tag: tagOf(position) });
    }
  });
  fc.assert(property, { numRuns: 100 });
});

test("bytes cut from a larger buffer do not keep that alive", () => {
  const history = new RecentHistory(ORIGIN);
  history.add({ position: 1, tag: "1" }, Buffer.alloc(1000, 3).subarray(10, 20));
  const [entry] = history.entries;
  assert.deepEqual(Buffer.from(entry!.data), Buffer.alloc(10, 3));
  assert.equal(entry!.data.buffer.byteLength, 10);
});

test("tags are known back to the start, or a quarter of a million of positions", () => {
  const history = new RecentHistory({ position: 5, tag: "55" });
  assert.ok(history.knows({ position: 5, tag: "55" }));
  assert.ok(!history.knows({ position: 4, tag: "0" }));
  assert.ok(!history.knows(ORIGIN));
  const empty = new Uint8Array(0);
  for (let position = 6; position <= REMEMBERED_TAGS + 100; position++) {
    history.add({ position, tag: tagOf(position) }, empty, 2 * position);
  }
  const newest = REMEMBERED_TAGS + 100;
  assert.equal(history.oldest, 101);
  for (const position of [101, 102, newest - 1, newest]) {
    assert.equal(history.tagAt(position), tagOf(position));
    assert.ok(history.knows({ position, tag: tagOf(position) }));
    assert.ok(!history.knows({ position, tag: tagOf(position + 1) }));
  }
  for (const position of [0, 5, 100, newest + 1]) assert.equal(history.tagAt(position), undefined, String(position));
});

test("tags of 48 bits are kept exactly", () => {
  const history = new RecentHistory(ORIGIN);
  const tags = ["0", "1", String(2 ** 48 - 1), String(2 ** 32), String(2 ** 31)];
  for (const [i, tag] of tags.entries()) history.add({ position: i + 1, tag }, new Uint8Array(1));
  for (const [i, tag] of tags.entries()) assert.equal(history.tagAt(i + 1), tag);
});
