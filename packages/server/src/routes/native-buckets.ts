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
 * model/histogram/generic.go.
 *
 * @param float are the counts absolute? Else they are differences between neighbours.
 */
export function nativeBuckets(histogram: NativeHistogram, float: boolean): NativeBucket[] {
  const { schema = 0, zeroThreshold = 0, zeroCount = 0 } = histogram;
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
  for (const { offset = 0, length = 0 } of spans) {
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
  if (schema < 0) {
    const exponent = index * 2 ** -schema;
    return exponent === 1024 ? Number.MAX_VALUE : 2 ** exponent;
  }
  const fractions = boundFractions(Math.min(schema, MAX_SCHEMA));
  const exponent = Math.floor(index / fractions.length);
  const fraction = fractions[index - exponent * fractions.length]!;
  return fraction === 0.5 && exponent === 1024 ? Number.MAX_VALUE : 2 * fraction * 2 ** exponent;
}

const MAX_SCHEMA = 8;
const FRACTIONS: number[][] = [[0.5]];

/**
 * The bounds within [0.5, 1) of a schema. Prometheus has them as a table; this is the calculation that the table was made by,
 * rounding errors included, since two programs should not name different bounds for one bucket. Every other bound is the previous
 * schema's.
 */
function boundFractions(schema: number): readonly number[] {
  for (let next = FRACTIONS.length; next <= schema; next++) {
    const coarser = FRACTIONS[next - 1]!;
    const factor = exp2(exp2(-next));
    FRACTIONS.push(coarser.flatMap((fraction) => [fraction, fraction * factor]));
  }
  return FRACTIONS[schema]!;
}

/** 2^x as Go computes it, which is not always the nearest number: the algorithm of FreeBSD's `e_exp.c`. */
function exp2(x: number): number {
  const whole = Math.trunc(x + Math.sign(x) * 0.5);
  const high = (x - whole) * 0.6931471803691238;
  const low = -(x - whole) * 1.9082149292705877e-10;
  const rest = high - low;
  const square = rest * rest;
  let polynomial = 0;
  for (const coefficient of EXP_COEFFICIENTS) polynomial = coefficient + square * polynomial;
  const correction = rest - square * polynomial;
  return (1 - (low - (rest * correction) / (2 - correction) - high)) * 2 ** whole;
}

/** From the highest power down. */
const EXP_COEFFICIENTS = [
  4.1381367970572385e-8, -1.6533902205465252e-6, 6.613756321437934e-5, -0.0027777777777015593, 0.16666666666666666,
];
