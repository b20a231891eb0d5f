import type { ByteString } from "../model/byte-string.ts";
import {
  type Bucket,
  type BucketSpan,
  type Count,
  type Exemplar,
  type Histogram,
  type Label,
  METRIC_TYPES,
  type Metric,
  type MetricFamily,
  type MetricType,
  type NativeHistogram,
  type Summary,
  type Timestamp,
} from "../model/metric-family.ts";
import {
  BUCKET,
  COUNTER,
  EXEMPLAR,
  FAMILY,
  HISTOGRAM,
  LABEL,
  METRIC,
  QUANTILE,
  SPAN,
  SUMMARY,
  TIMESTAMP,
  VALUE,
} from "./protobuf-schema.ts";
import { WireWriter } from "./protobuf-writer.ts";

/**
 * From metric families to `io.prometheus.client.MetricFamily` messages.
 *
 * Fields are written by ascending number, lists unpacked, and scalars wherever they are given, be it as 0: the bytes that Go programs
 * write for what they were given.
 */

/** One message with its length before it: an element of a scrape or a push with `encoding=delimited`. */
export function encodeDelimited(family: MetricFamily): Uint8Array {
  const out = new WireWriter();
  writeFamily(out, family);
  return out.toBytes();
}

/** The message alone, as `decodeFamily` reads it. */
export function encodeFamily(family: MetricFamily): Uint8Array {
  const out = new WireWriter();
  writeFamilyFields(out, family);
  return out.toBytes();
}

/** Appends one message with its length before it. */
export function writeFamily(out: WireWriter, family: MetricFamily): void {
  const mark = out.openDelimited();
  writeFamilyFields(out, family);
  out.close(mark);
}

function writeFamilyFields(out: WireWriter, family: MetricFamily): void {
  writeFamilyHead(out, family.name, family.help, family.type);
  for (const metric of family.metrics) writeMetric(out, family.type, metric);
  writeFamilyUnit(out, family.unit);
}

/**
 * The fields of a family that come before its metrics. A family can be put together from this, any number of `writeMetric` in any
 * number of pieces, and the length of them all in front.
 */
export function writeFamilyHead(
  out: WireWriter,
  name: ByteString,
  help: ByteString | undefined,
  type: MetricType,
): void {
  out.string(FAMILY.name, name);
  out.string(FAMILY.help, help);
  out.uint32(FAMILY.type, METRIC_TYPES.indexOf(type));
}

/** The one field that comes after the metrics. */
export function writeFamilyUnit(out: WireWriter, unit: ByteString | undefined): void {
  out.string(FAMILY.unit, unit);
}

/** One metric as a field of its family. One that is mistyped has no value message. */
export function writeMetric(out: WireWriter, type: MetricType, metric: Metric): void {
  const mark = out.open(FAMILY.metric);
  for (const label of metric.labels) writeLabel(out, METRIC.label, label);
  if (metric.mistyped !== true) {
    if (type === "gauge") writeValue(out, METRIC.gauge, metric.value);
    else if (type === "counter") writeCounter(out, metric);
    else if (type === "untyped") writeValue(out, METRIC.untyped, metric.value);
  }
  if (metric.summary !== undefined) writeSummary(out, metric.summary);
  out.int64(METRIC.timestampMs, metric.timestamp);
  if (metric.histogram !== undefined) writeHistogram(out, metric.histogram);
  out.close(mark);
}

function writeLabel(out: WireWriter, tag: number, label: Label): void {
  const mark = out.open(tag);
  out.string(LABEL.name, label.name);
  out.string(LABEL.value, label.value);
  out.close(mark);
}

function writeValue(out: WireWriter, tag: number, value: number | undefined): void {
  const mark = out.open(tag);
  out.double(VALUE.value, value);
  out.close(mark);
}

function writeCounter(out: WireWriter, metric: Metric): void {
  const mark = out.open(METRIC.counter);
  out.double(COUNTER.value, metric.value);
  if (metric.exemplar !== undefined) writeExemplar(out, COUNTER.exemplar, metric.exemplar);
  if (metric.created !== undefined) writeTimestamp(out, COUNTER.created, metric.created);
  out.close(mark);
}

function writeSummary(out: WireWriter, summary: Summary): void {
  const mark = out.open(METRIC.summary);
  out.uint64(SUMMARY.count, summary.count);
  out.double(SUMMARY.sum, summary.sum);
  for (const { quantile, value } of summary.quantiles) {
    const inner = out.open(SUMMARY.quantile);
    out.double(QUANTILE.quantile, quantile);
    out.double(QUANTILE.value, value);
    out.close(inner);
  }
  if (summary.created !== undefined) writeTimestamp(out, SUMMARY.created, summary.created);
  out.close(mark);
}

function writeHistogram(out: WireWriter, histogram: Histogram): void {
  const { float, native } = histogram;
  const mark = out.open(METRIC.histogram);
  out.uint64(HISTOGRAM.count, asInteger(histogram.count, float));
  out.double(HISTOGRAM.sum, histogram.sum);
  for (const bucket of histogram.buckets) writeBucket(out, bucket, float);
  out.double(HISTOGRAM.countFloat, asFloat(histogram.count, float));
  if (native !== undefined) writeNative(out, native, float);
  if (histogram.created !== undefined) writeTimestamp(out, HISTOGRAM.created, histogram.created);
  for (const exemplar of native?.exemplars ?? []) writeExemplar(out, HISTOGRAM.exemplar, exemplar);
  out.close(mark);
}

/** The count, unless it is a float. */
function asInteger(count: Count | undefined, float: boolean): Count | undefined {
  return float && typeof count === "number" ? undefined : count;
}

/** The count, if it is a float. */
function asFloat(count: Count | undefined, float: boolean): number | undefined {
  return float && typeof count === "number" ? count : undefined;
}

function writeBucket(out: WireWriter, bucket: Bucket, float: boolean): void {
  const mark = out.open(HISTOGRAM.bucket);
  out.uint64(BUCKET.count, asInteger(bucket.cumulativeCount, float));
  out.double(BUCKET.upperBound, bucket.upperBound);
  if (bucket.exemplar !== undefined) writeExemplar(out, BUCKET.exemplar, bucket.exemplar);
  out.double(BUCKET.countFloat, asFloat(bucket.cumulativeCount, float));
  out.close(mark);
}

function writeNative(out: WireWriter, native: NativeHistogram, float: boolean): void {
  out.sint32(HISTOGRAM.schema, native.schema);
  out.double(HISTOGRAM.zeroThreshold, native.zeroThreshold);
  out.uint64(HISTOGRAM.zeroCount, asInteger(native.zeroCount, float));
  out.double(HISTOGRAM.zeroCountFloat, asFloat(native.zeroCount, float));
  writeSpans(out, HISTOGRAM.negativeSpan, native.negativeSpans);
  if (float) writeCounts(out, HISTOGRAM.negativeCount, native.negativeBuckets);
  else writeDeltas(out, HISTOGRAM.negativeDelta, native.negativeBuckets);
  writeSpans(out, HISTOGRAM.positiveSpan, native.positiveSpans);
  if (float) writeCounts(out, HISTOGRAM.positiveCount, native.positiveBuckets);
  else writeDeltas(out, HISTOGRAM.positiveDelta, native.positiveBuckets);
}

function writeSpans(out: WireWriter, tag: number, spans: readonly BucketSpan[]): void {
  for (const { offset, length } of spans) {
    const mark = out.open(tag);
    out.sint32(SPAN.offset, offset);
    out.uint32(SPAN.length, length);
    out.close(mark);
  }
}

function writeDeltas(out: WireWriter, tag: number, deltas: readonly Count[]): void {
  for (const delta of deltas) out.sint64(tag, delta);
}

function writeCounts(out: WireWriter, tag: number, counts: readonly Count[]): void {
  for (const count of counts) out.double(tag, Number(count));
}

function writeExemplar(out: WireWriter, tag: number, exemplar: Exemplar): void {
  const mark = out.open(tag);
  for (const label of exemplar.labels) writeLabel(out, EXEMPLAR.label, label);
  out.double(EXEMPLAR.value, exemplar.value);
  if (exemplar.timestamp !== undefined) writeTimestamp(out, EXEMPLAR.timestamp, exemplar.timestamp);
  out.close(mark);
}

/** Of `google.protobuf`, whose scalars are left out where they are 0. */
function writeTimestamp(out: WireWriter, tag: number, timestamp: Timestamp): void {
  const mark = out.open(tag);
  if (timestamp.seconds !== 0n) out.int64(TIMESTAMP.seconds, timestamp.seconds);
  if (timestamp.nanos !== 0) out.int32(TIMESTAMP.nanos, timestamp.nanos);
  out.close(mark);
}
