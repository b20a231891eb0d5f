import fc from "fast-check";
import type {
  Bucket,
  BucketSpan,
  Count,
  Exemplar,
  Histogram,
  Label,
  Metric,
  MetricFamily,
  MetricType,
  NativeHistogram,
  Quantile,
  Summary,
  Timestamp,
} from "../src/model/metric-family.ts";
import { METRIC_TYPES } from "../src/model/metric-family.ts";

/** Any bytes: what protobuf strings may hold. */
export const byteString = fc.uint8Array({ maxLength: 12 }).map((bytes) => Buffer.from(bytes).toString("latin1"));

const double = fc.double();

/** Up to 64 bits, as a number wherever that is exact. */
export const count: fc.Arbitrary<Count> = fc
  .oneof(fc.nat(), fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), fc.bigInt({ min: 2n ** 53n - 3n, max: 2n ** 53n + 3n }))
  .map(canonical);

export const signedCount: fc.Arbitrary<Count> = fc
  .oneof(
    fc.integer(),
    fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    fc.bigInt({ min: -(2n ** 53n) - 3n, max: 3n - 2n ** 53n }),
  )
  .map(canonical);

function canonical(value: number | bigint): Count {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : BigInt(value);
}

/** A member that is there or not; never there with the value undefined. */
function object<T>(
  required: { [K in keyof T]?: fc.Arbitrary<T[K]> },
  optional: { [K in keyof T]?: fc.Arbitrary<T[K]> } = {},
) {
  const keys = Object.keys(required) as (keyof T)[];
  return fc.record(
    { ...required, ...optional },
    { requiredKeys: keys as never, noNullPrototype: true },
  ) as unknown as fc.Arbitrary<T>;
}

/** Any subset of the members. */
const sparse = <T>(members: { [K in keyof T]?: fc.Arbitrary<T[K]> }) => object<T>({}, members);

const label = object<Label>({ name: byteString, value: byteString });
const labels = fc.array(label, { maxLength: 3 });
const timestamp = object<Timestamp>({
  seconds: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
  nanos: fc.integer(),
});
const exemplar = object<Exemplar>({ labels }, { value: double, timestamp });

const summary = object<Summary>(
  { quantiles: fc.array(sparse<Quantile>({ quantile: double, value: double }), { maxLength: 3 }) },
  { count, sum: double, created: timestamp },
);

const spans = fc.array(sparse<BucketSpan>({ offset: fc.integer(), length: fc.nat() }), { maxLength: 3 });

function histogramOf(float: boolean): fc.Arbitrary<Histogram> {
  const counts: fc.Arbitrary<Count> = float ? fc.oneof(double, count.map(BigInt)) : count;
  const buckets: fc.Arbitrary<Count[]> = fc.array(float ? double : signedCount, { maxLength: 4 });
  const native = object<NativeHistogram>(
    {
      negativeSpans: spans,
      positiveSpans: spans,
      negativeBuckets: buckets,
      positiveBuckets: buckets,
      exemplars: fc.array(exemplar, { maxLength: 2 }),
    },
    { schema: fc.integer(), zeroThreshold: double, zeroCount: counts },
  ).filter((native) => Object.values(native).some((value) => !Array.isArray(value) || value.length > 0));
  const bucket = sparse<Bucket>({ upperBound: double, cumulativeCount: counts, exemplar });
  return object<Histogram>(
    { float: fc.constant(float), buckets: fc.array(bucket, { maxLength: 3 }) },
    { count: counts, sum: double, native, created: timestamp },
  ).filter((histogram) => histogram.float === hasFloats(histogram));
}

/** A histogram is one of floats because one of its counts is. */
function hasFloats({ float, count, buckets, native }: Histogram): boolean {
  const counts = [count, native?.zeroCount, ...buckets.map(({ cumulativeCount }) => cumulativeCount)];
  const isNativeFloat = native !== undefined && native.negativeBuckets.length + native.positiveBuckets.length > 0;
  return float && (isNativeFloat || counts.some((count) => typeof count === "number"));
}

const histogram = fc.boolean().chain(histogramOf);

function mistypedOr(metric: fc.Arbitrary<Metric>): fc.Arbitrary<Metric> {
  const mistyped = object<Metric>({ labels, mistyped: fc.constant(true) });
  return fc.oneof({ arbitrary: metric, weight: 19 }, { arbitrary: mistyped, weight: 1 });
}

function metricOf(type: MetricType): fc.Arbitrary<Metric> {
  const always = { labels };
  const sometimes = { timestamp: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }) };
  switch (type) {
    case "counter":
      return mistypedOr(object<Metric>(always, { ...sometimes, value: double, exemplar, created: timestamp }));
    case "gauge":
    case "untyped":
      return mistypedOr(object<Metric>(always, { ...sometimes, value: double }));
    case "summary":
      return mistypedOr(object<Metric>({ ...always, summary }, sometimes));
    case "histogram":
    case "gauge_histogram":
      return mistypedOr(object<Metric>({ ...always, histogram }, sometimes));
  }
}

/** Anything that a `MetricFamily` can hold, valid as metrics or not. */
export const metricFamily: fc.Arbitrary<MetricFamily> = fc
  .constantFrom(...METRIC_TYPES)
  .chain((type) =>
    object<MetricFamily>(
      { name: byteString, type: fc.constant(type), metrics: fc.array(metricOf(type), { maxLength: 4 }) },
      { help: byteString, unit: byteString },
    ),
  );
