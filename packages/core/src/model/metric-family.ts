import type { ByteString } from "./byte-string.ts";

/**
 * Metrics as a tree: what the parsers build, what protobuf and JSON are written from. The gateway itself keeps groups in a
 * compact encoded form and comes back to this one only where a format needs it.
 *
 * The shapes follow `io.prometheus.client` (client_model's `metrics.proto`), whose numbers are all optional: one that is not given
 * counts as 0 wherever it is read, and is left out where it is written as protobuf. Text and JSON, which cannot leave it out, say 0.
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

/** One metric of a family: of `value`, `summary` and `histogram`, only the member that belongs to the family's type is set. */
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
  /**
   * Was there no value of the family's type, not even one that says nothing? Only protobuf can bring such a metric, and the gateway
   * refuses it. No value is set then.
   */
  mistyped?: true | undefined;
}

/**
 * A number of observations: a `bigint` where a `number` would not be exact. In a histogram of floats, a `bigint` is a count that was
 * given as an integer all the same.
 */
export type Count = number | bigint;

export interface Summary {
  count?: Count | undefined;
  sum?: number | undefined;
  quantiles: Quantile[];
  created?: Timestamp | undefined;
}

export interface Quantile {
  quantile?: number | undefined;
  value?: number | undefined;
}

export interface Histogram {
  /** Is any count a float (`sample_count_float` and so on)? All count as floats then. */
  float: boolean;
  count?: Count | undefined;
  sum?: number | undefined;
  /** Classic buckets as pushed, with or without the one for +Inf. */
  buckets: Bucket[];
  /** Present if the histogram is a native one, be it in addition to classic buckets. */
  native?: NativeHistogram | undefined;
  created?: Timestamp | undefined;
}

export interface Bucket {
  upperBound?: number | undefined;
  cumulativeCount?: Count | undefined;
  exemplar?: Exemplar | undefined;
}

export interface NativeHistogram {
  schema?: number | undefined;
  zeroThreshold?: number | undefined;
  zeroCount?: Count | undefined;
  negativeSpans: BucketSpan[];
  positiveSpans: BucketSpan[];
  /** Deltas between neighbouring buckets of an integer histogram, absolute counts of a float one. */
  negativeBuckets: Count[];
  positiveBuckets: Count[];
  exemplars: Exemplar[];
}

export interface BucketSpan {
  offset?: number | undefined;
  length?: number | undefined;
}

export interface Exemplar {
  labels: Label[];
  value?: number | undefined;
  timestamp?: Timestamp | undefined;
}

/** As in `google.protobuf.Timestamp`. */
export interface Timestamp {
  seconds: bigint;
  nanos: number;
}
