import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { selectRange } from "./select-range.ts";

const ascending = (a: number, b: number): number => a - b;

test("a range is what sorting all would have there", () => {
  const elements = fc.array(fc.oneof(fc.integer({ min: 0, max: 5 }), fc.integer()), { maxLength: 200 });
  fc.assert(
    fc.property(elements, fc.nat(220), fc.nat(60), (array, from, length) => {
      const expected = array.toSorted(ascending).slice(from, from + length);
      assert.deepEqual(selectRange(array.slice(), from, from + length, ascending), expected);
    }),
    { numRuns: 2_000 },
  );
});

test("orders that are known to trouble quickselect cost no more than a few comparisons per element", () => {
  const size = 20_000;
  const orders = {
    ascending: Array.from({ length: size }, (_, i) => i),
    descending: Array.from({ length: size }, (_, i) => size - i),
    equal: Array.from({ length: size }, () => 7),
    "organ pipe": Array.from({ length: size }, (_, i) => Math.min(i, size - i)),
    sawtooth: Array.from({ length: size }, (_, i) => i % 17),
  };
  for (const [name, elements] of Object.entries(orders)) {
    let comparisons = 0;
    const compare = (a: number, b: number): number => {
      comparisons++;
      return a - b;
    };
    const expected = elements.toSorted(ascending).slice(9_000, 9_100);
    assert.deepEqual(selectRange(elements, 9_000, 9_100, compare), expected, name);
    assert.ok(comparisons < 40 * size, `${name}: ${comparisons} comparisons`);
  }
});
