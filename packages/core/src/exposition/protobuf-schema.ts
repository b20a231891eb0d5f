import { doubleTag, lengthTag, varintTag } from "./protobuf-wire.ts";

/**
 * Tags of the messages of `io.prometheus.client` (client_model's `metrics.proto`, v0.6) and of `google.protobuf.Timestamp`.
 *
 * `sample_count_float` and the like exist beside their integer twins: a histogram uses one kind throughout.
 */
export const FAMILY = {
  name: lengthTag(1),
  help: lengthTag(2),
  type: varintTag(3),
  metric: lengthTag(4),
  unit: lengthTag(5),
} as const;

export const METRIC = {
  label: lengthTag(1),
  gauge: lengthTag(2),
  counter: lengthTag(3),
  summary: lengthTag(4),
  untyped: lengthTag(5),
  timestampMs: varintTag(6),
  histogram: lengthTag(7),
} as const;

export const LABEL = { name: lengthTag(1), value: lengthTag(2) } as const;

/** Of a gauge and of an untyped metric; a counter has more beside it. */
export const VALUE = { value: doubleTag(1) } as const;

export const COUNTER = { value: doubleTag(1), exemplar: lengthTag(2), created: lengthTag(3) } as const;

export const SUMMARY = {
  count: varintTag(1),
  sum: doubleTag(2),
  quantile: lengthTag(3),
  created: lengthTag(4),
} as const;

export const QUANTILE = { quantile: doubleTag(1), value: doubleTag(2) } as const;

export const HISTOGRAM = {
  count: varintTag(1),
  sum: doubleTag(2),
  bucket: lengthTag(3),
  countFloat: doubleTag(4),
  schema: varintTag(5),
  zeroThreshold: doubleTag(6),
  zeroCount: varintTag(7),
  zeroCountFloat: doubleTag(8),
  negativeSpan: lengthTag(9),
  negativeDelta: varintTag(10),
  negativeDeltas: lengthTag(10),
  negativeCount: doubleTag(11),
  negativeCounts: lengthTag(11),
  positiveSpan: lengthTag(12),
  positiveDelta: varintTag(13),
  positiveDeltas: lengthTag(13),
  positiveCount: doubleTag(14),
  positiveCounts: lengthTag(14),
  created: lengthTag(15),
  exemplar: lengthTag(16),
} as const;

export const BUCKET = {
  count: varintTag(1),
  upperBound: doubleTag(2),
  exemplar: lengthTag(3),
  countFloat: doubleTag(4),
} as const;

export const SPAN = { offset: varintTag(1), length: varintTag(2) } as const;

export const EXEMPLAR = { label: lengthTag(1), value: doubleTag(2), timestamp: lengthTag(3) } as const;

export const TIMESTAMP = { seconds: varintTag(1), nanos: varintTag(2) } as const;
