import type { BucketSpan, Count, NativeHistogram } from "@waystation/core";

/** One bucket of a native histogram with what it counts, as the query API lists it. */
export interface NativeBucket {
  /** Which bounds belong to the bucket: 0 the upper, 1 the lower, 2 none, 3 both. */
  readonly boundaries: 0 | 1 | 2 | 3;
  readonly lower: number;
  readonly upper: number;
  readonly count: Count;
}

/**
 * The buckets that are not empty, from the lowest to the highest.
 *
 * Format: prometheus/client_model's `metrics.proto`; bounds: 2^(index / 2^schema), as in prometheus/prometheus,
 * model/histogram.
 *
 * @param float are the counts absolute? Else they are differences between neighbours.
 */
export function nativeBuckets(histogram: NativeHistogram, float: boolean): NativeBucket[] {
  const { schema, zeroThreshold, zeroCount } = histogram;
  const buckets: NativeBucket[] = [];
  for (const [index, count] of populated(histogram.negativeSpans, histogram.negativeBuckets, float)) {
    buckets.unshift({ boundaries: 1, lower: -bound(index, schema), upper: -bound(index - 1, schema), count });
  }
  if (Number(zeroCount) !== 0)
    buckets.push({ boundaries: 3, lower: -zeroThreshold, upper: zeroThreshold, count: zeroCount });
  for (const [index, count] of populated(histogram.positiveSpans, histogram.positiveBuckets, float)) {
    buckets.push({ boundaries: 0, lower: bound(index - 1, schema), upper: bound(index, schema), count });
  }
  return buckets;
}

function* populated(
  spans: readonly BucketSpan[],
  values: readonly Count[],
  float: boolean,
): Generator<[number, Count]> {
  let index = 0;
  let next = 0;
  let sum = 0n;
  for (const { offset, length } of spans) {
    index += offset;
    // A span may claim more than there are values.
    for (let i = 0; i < length && next < values.length; i++, index++, next++) {
      const value = values[next]!;
      if (!float) sum += BigInt(value);
      const count = float ? value : sum;
      if (Number(count) !== 0) yield [index, count];
    }
  }
}

/** The upper bound of a positive bucket. The last finite bucket ends at the largest number, as in Prometheus. */
function bound(index: number, schema: number): number {
  const perDoubling = schema > 0 ? 2 ** schema : 1;
  const exponent = schema > 0 ? Math.floor(index / perDoubling) : index * 2 ** -schema;
  const step = schema > 0 ? index - exponent * perDoubling : 0;
  if (exponent === 1024 && step === 0) return Number.MAX_VALUE;
  return step === 0 ? 2 ** exponent : rootOfTwo(step, schema) * 2 ** exponent;
}

/** Fraction bits of the fixed-point numbers below; enough that rounding to a double is right. */
const PRECISION = 160n;

/** 2^(step / 2^schema), correctly rounded, which `Math.pow` is not: by `schema` square roots of 2^step. */
function rootOfTwo(step: number, schema: number): number {
  let value = 1n << (BigInt(step) + PRECISION);
  for (let i = 0; i < schema; i++) value = squareRoot(value << PRECISION);
  return Number(value) / 2 ** Number(PRECISION);
}

/** The largest whole number whose square is not above `value`, by Newton's method from above. */
function squareRoot(value: bigint): bigint {
  let root = 1n << BigInt(Math.ceil(value.toString(2).length / 2));
  for (;;) {
    const better = (root + value / root) >> 1n;
    if (better >= root) return root;
    root = better;
  }
}
