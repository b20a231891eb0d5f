import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatNumber, formatSummary, ratios, summarize } from "./summary.ts";

const values = fc.array(fc.double({ min: 0.001, max: 1e9, noNaN: true }), { minLength: 1, maxLength: 20 });

test("a summary is the middle and the ends, in whatever order the rounds came", () => {
  assert.deepEqual(summarize([3, 1, 2]), { median: 2, min: 1, max: 3 });
  assert.deepEqual(summarize([4, 10, 1, 2]), { median: 3, min: 1, max: 10 });
  assert.deepEqual(summarize([7]), { median: 7, min: 7, max: 7 });
  assert.equal(summarize([]), undefined);
  fc.assert(
    fc.property(values, (rounds) => {
      const { median, min, max } = summarize(rounds)!;
      assert.ok(min <= median && median <= max);
      assert.ok(rounds.filter((value) => value <= median).length >= rounds.length / 2);
      assert.ok(rounds.filter((value) => value >= median).length >= rounds.length / 2);
    }),
  );
});

test("ratios are of the same rounds, so a machine that slows down does not change them", () => {
  assert.deepEqual(ratios([10, 5, 20], [5, 2.5, 10]), [2, 2, 2]);
  assert.deepEqual(ratios([10, 5, 20], [5]), [2]);
  assert.deepEqual(ratios([10], [5, 4]), [2]);
});

test("numbers have three digits and no exponent", () => {
  const written = [0.001234, 0.5, 1, 12.345, 999.6, 123_456, Number.NaN].map(formatNumber);
  assert.deepEqual(written, ["0.00123", "0.5", "1", "12.3", "1,000", "123,000", "?"]);
});

test("a range is shown where there is one to be seen", () => {
  assert.equal(formatSummary({ median: 2, min: 1.5, max: 2.25 }), "2 (1.5–2.25)");
  assert.equal(formatSummary({ median: 2, min: 1.9999, max: 2.0001 }), "2");
});
