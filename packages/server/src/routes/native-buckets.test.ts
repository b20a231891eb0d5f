import assert from "node:assert/strict";
import { test } from "node:test";
import type { NativeHistogram } from "@waystation/core";
import { nativeBuckets } from "./native-buckets.ts";

function histogram(parts: Partial<NativeHistogram>): NativeHistogram {
  return {
    schema: 0,
    zeroThreshold: 0,
    zeroCount: 0,
    negativeSpans: [],
    positiveSpans: [],
    negativeBuckets: [],
    positiveBuckets: [],
    exemplars: [],
    ...parts,
  };
}

/** The upper bounds of the positive buckets with these indexes. */
function upperBounds(schema: number, offset: number, length: number): number[] {
  const positiveBuckets = Array.from({ length }, (_, i) => (i === 0 ? 1 : 0));
  return nativeBuckets(histogram({ schema, positiveSpans: [{ offset, length }], positiveBuckets }), false).map(
    ({ upper }) => upper,
  );
}

test("buckets come from the lowest to the highest, without empty ones, each with its bounds", () => {
  const buckets = nativeBuckets(
    histogram({
      zeroThreshold: 0.001,
      zeroCount: 2,
      negativeSpans: [{ offset: 0, length: 2 }],
      negativeBuckets: [1, 2],
      positiveSpans: [
        { offset: -1, length: 2 },
        { offset: 2, length: 1 },
      ],
      positiveBuckets: [5, -5, 7n],
    }),
    false,
  );
  assert.deepEqual(buckets, [
    { boundaries: 1, lower: -2, upper: -1, count: 3n },
    { boundaries: 1, lower: -1, upper: -0.5, count: 1n },
    { boundaries: 3, lower: -0.001, upper: 0.001, count: 2 },
    { boundaries: 0, lower: 0.25, upper: 0.5, count: 5n },
    { boundaries: 0, lower: 4, upper: 8, count: 7n },
  ]);
});

test("counts of float histograms are absolute", () => {
  const parts = histogram({ positiveSpans: [{ offset: 1, length: 3 }], positiveBuckets: [1.5, 0, 2.5] });
  assert.deepEqual(
    nativeBuckets(parts, true).map(({ count }) => count),
    [1.5, 2.5],
  );
});

test("bounds are those of Prometheus' table", () => {
  assert.deepEqual(upperBounds(2, -4, 5), [0.5, 0.5946035575013605, 0.7071067811865475, 0.8408964152537144, 1]);
  assert.deepEqual(upperBounds(5, -29, 3), [0.5335702003384117, 0.5452538663326288, 0.5571933712979462]);
  assert.deepEqual(
    upperBounds(8, -4, 5),
    [0.9892280131939752, 0.9919100824251095, 0.9945994234836328, 0.9972960560854698, 1],
  );
  assert.deepEqual(upperBounds(-2, -1, 3), [0.0625, 1, 16]);
});

test("the last finite bucket ends at the largest number, the one after it at infinity", () => {
  assert.deepEqual(upperBounds(0, 1024, 2), [Number.MAX_VALUE, Number.POSITIVE_INFINITY]);
  assert.deepEqual(upperBounds(-4, 64, 2), [Number.MAX_VALUE, Number.POSITIVE_INFINITY]);
});

test("spans that claim more buckets than there are do no harm", () => {
  const parts = histogram({ positiveSpans: [{ offset: 0, length: 4_000_000_000 }], positiveBuckets: [1] });
  assert.equal(nativeBuckets(parts, false).length, 1);
});
