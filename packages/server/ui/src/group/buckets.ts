import type { Histogram } from "../../../src/api-v2/schema.ts";

export interface Bar {
  /** Spelled as in the exposition. */
  readonly bound: string;
  /** The whole range, for the readout. */
  readonly range: string;
  readonly value: number;
}

/** What each bucket counts for itself: classic ones are pushed cumulative, and in any order. */
export function bucketBars({ buckets, count, native }: Histogram): Bar[] {
  if (native !== null && native.length > 0) {
    return native.map(({ lower, upper, count }) => ({
      bound: shorten(upper),
      range: `${shorten(lower)} to ${shorten(upper)}`,
      value: Number(count),
    }));
  }
  const sorted = buckets.map(({ le, count }) => ({ le, bound: parseBound(le), count: Number(count) }));
  sorted.sort((a, b) => a.bound - b.bound);
  if (sorted.at(-1)?.bound !== Number.POSITIVE_INFINITY) {
    sorted.push({ le: "+Inf", bound: Number.POSITIVE_INFINITY, count: Number(count) });
  }
  return sorted.map(({ le, count }, i) => ({
    bound: le,
    range: i === 0 ? `up to ${le}` : le === "+Inf" ? `over ${sorted[i - 1]!.le}` : `${sorted[i - 1]!.le} to ${le}`,
    value: Math.max(0, count - (sorted[i - 1]?.count ?? 0)),
  }));
}

function parseBound(text: string): number {
  return text === "+Inf" ? Number.POSITIVE_INFINITY : text === "-Inf" ? Number.NEGATIVE_INFINITY : Number(text);
}

/** With three digits. */
export function shorten(text: string): string {
  const number = parseBound(text);
  return Number.isFinite(number) ? String(Number(number.toPrecision(3))) : text;
}
