import type { ByteString } from "./byte-string.ts";

/**
 * Metrics as a tree: what the parsers build, what protobuf and JSON are written from. The gateway itself keeps groups in a
 * compact encoded form and comes back to this one only where a format needs it.
 *
 * The shapes follow `io.prometheus.client` (client_model's `metrics.proto`).
 */
export const METRIC_TYPES = ["counter", "gauge", "summary", "untyped", "histogram", "gauge_histogram"] as const;
/** In the order of the protobuf enumeration, so that the index is its number. */
export type MetricType = (typeof METRIC_TYPES)[number];

export interface MetricFamily {
  name: ByteString;
  /** Undefined if none was given, which is not the same as an empty one. */
  help?: ByteString | undefined;
  type: MetricType;
  unit?: ByteString | undefined;
  /** In the order in which they were pushed. */
  metrics: Metric[];
}

export interface Label {
  name: ByteString;
  value: ByteString;
}

/** One metric of a family: exactly the member that belongs to the family's type is set. */
export interface Metric {
  labels: Label[];
  /** Of a counter, a gauge or an untyped metric. */
  value?: number | undefined;
  summary?: Summary | undefined;
  /** Of a histogram or a gauge histogram. */
  histogram?: Histogram | undefined;
  /** Of a counter. */
  exemplar?: Exemplar | undefined;
  /** Of a counter. */
  created?: Timestamp | undefined;
  /** Milliseconds. The gateway refuses pushes that have one. */
  timestamp?: bigint | undefined;
}

/** A number of observations: a `bigint` only where a `number` would not be exact. */
export type Count = number | bigint;

export interface Summary {
  count: Count;
  sum: number;
  quantiles: Quantile[];
  created?: Timestamp | undefined;
}

export interface Quantile {
  quantile: number;
  value: number;
}

export interface Histogram {
  /** Are the counts floats (`sample_count_float` and so on)? They are numbers then. */
  float: boolean;
  count: Count;
  sum: number;
  /** Classic buckets as pushed, with or without the one for +Inf. */
  buckets: Bucket[];
  /** Present if the histogram is a native one, be it in addition to classic buckets. */
  native?: NativeHistogram | undefined;
  created?: Timestamp | undefined;
}

export interface Bucket {
  upperBound: number;
  cumulativeCount: Count;
  exemplar?: Exemplar | undefined;
}

export interface NativeHistogram {
  schema: number;
  zeroThreshold: number;
  zeroCount: Count;
  negativeSpans: BucketSpan[];
  positiveSpans: BucketSpan[];
  /** Deltas between neighbouring buckets of an integer histogram, absolute counts of a float one. */
  negativeBuckets: Count[];
  positiveBuckets: Count[];
  exemplars: Exemplar[];
}

export interface BucketSpan {
  offset: number;
  length: number;
}

export interface Exemplar {
  labels: Label[];
  value: number;
  timestamp?: Timestamp | undefined;
}

/** As in `google.protobuf.Timestamp`. */
export interface Timestamp {
  seconds: bigint;
  nanos: number;
}
