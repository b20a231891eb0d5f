import type {
  Bucket,
  BucketSpan,
  Count,
  Exemplar,
  Histogram,
  NativeHistogram,
  Timestamp,
} from "../model/metric-family.ts";
import { readExemplar, readTimestamp } from "./protobuf-exemplar-decoder.ts";
import type { WireReader } from "./protobuf-reader.ts";
import { BUCKET, HISTOGRAM, SPAN } from "./protobuf-schema.ts";

/** A `Histogram` message as it came: integer and float counts beside each other, absent ones undefined. */
export interface HistogramMessage {
  count?: Count;
  countFloat?: number;
  sum?: number;
  buckets: BucketMessage[];
  schema?: number;
  zeroThreshold?: number;
  zeroCount?: Count;
  zeroCountFloat?: number;
  negativeSpans: BucketSpan[];
  negativeDeltas: Count[];
  negativeCounts: number[];
  positiveSpans: BucketSpan[];
  positiveDeltas: Count[];
  positiveCounts: number[];
  created?: Timestamp;
  exemplars: Exemplar[];
}

interface BucketMessage {
  count?: Count;
  countFloat?: number;
  upperBound?: number;
  exemplar?: Exemplar;
}

/** Reads the field whose tag was read last, and merges it with what an earlier occurrence of the field gave. */
export function readHistogram(reader: WireReader, earlier: HistogramMessage | undefined): HistogramMessage {
  const outer = reader.enter();
  const histogram = earlier ?? emptyHistogram();
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    switch (tag) {
      case HISTOGRAM.count:
        histogram.count = reader.uint64();
        break;
      case HISTOGRAM.sum:
        histogram.sum = reader.double();
        break;
      case HISTOGRAM.bucket:
        histogram.buckets.push(readBucket(reader));
        break;
      case HISTOGRAM.countFloat:
        histogram.countFloat = reader.double();
        break;
      case HISTOGRAM.created:
        histogram.created = readTimestamp(reader, histogram.created);
        break;
      default:
        readNativeField(reader, tag, histogram);
    }
  }
  reader.leave(outer);
  return histogram;
}

function emptyHistogram(): HistogramMessage {
  return {
    buckets: [],
    negativeSpans: [],
    negativeDeltas: [],
    negativeCounts: [],
    positiveSpans: [],
    positiveDeltas: [],
    positiveCounts: [],
    exemplars: [],
  };
}

function readNativeField(reader: WireReader, tag: number, histogram: HistogramMessage): void {
  switch (tag) {
    case HISTOGRAM.schema:
      histogram.schema = reader.sint32();
      break;
    case HISTOGRAM.zeroThreshold:
      histogram.zeroThreshold = reader.double();
      break;
    case HISTOGRAM.zeroCount:
      histogram.zeroCount = reader.uint64();
      break;
    case HISTOGRAM.zeroCountFloat:
      histogram.zeroCountFloat = reader.double();
      break;
    case HISTOGRAM.negativeSpan:
      histogram.negativeSpans.push(readSpan(reader));
      break;
    case HISTOGRAM.negativeDelta:
      histogram.negativeDeltas.push(reader.sint64());
      break;
    case HISTOGRAM.negativeDeltas:
      readPackedDeltas(reader, histogram.negativeDeltas);
      break;
    case HISTOGRAM.negativeCount:
      histogram.negativeCounts.push(reader.double());
      break;
    case HISTOGRAM.negativeCounts:
      readPackedCounts(reader, histogram.negativeCounts);
      break;
    case HISTOGRAM.positiveSpan:
      histogram.positiveSpans.push(readSpan(reader));
      break;
    case HISTOGRAM.positiveDelta:
      histogram.positiveDeltas.push(reader.sint64());
      break;
    case HISTOGRAM.positiveDeltas:
      readPackedDeltas(reader, histogram.positiveDeltas);
      break;
    case HISTOGRAM.positiveCount:
      histogram.positiveCounts.push(reader.double());
      break;
    case HISTOGRAM.positiveCounts:
      readPackedCounts(reader, histogram.positiveCounts);
      break;
    case HISTOGRAM.exemplar:
      histogram.exemplars.push(readExemplar(reader, undefined));
      break;
    default:
      reader.skip(tag);
  }
}

function readBucket(reader: WireReader): BucketMessage {
  const outer = reader.enter();
  const bucket: BucketMessage = {};
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === BUCKET.count) bucket.count = reader.uint64();
    else if (tag === BUCKET.upperBound) bucket.upperBound = reader.double();
    else if (tag === BUCKET.exemplar) bucket.exemplar = readExemplar(reader, bucket.exemplar);
    else if (tag === BUCKET.countFloat) bucket.countFloat = reader.double();
    else reader.skip(tag);
  }
  reader.leave(outer);
  return bucket;
}

function readSpan(reader: WireReader): BucketSpan {
  const outer = reader.enter();
  const span: BucketSpan = {};
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === SPAN.offset) span.offset = reader.sint32();
    else if (tag === SPAN.length) span.length = reader.uint32();
    else reader.skip(tag);
  }
  reader.leave(outer);
  return span;
}

function readPackedDeltas(reader: WireReader, deltas: Count[]): void {
  const outer = reader.enter();
  while (!reader.atEnd) {
    reader.spend();
    deltas.push(reader.sint64());
  }
  reader.leave(outer);
}

function readPackedCounts(reader: WireReader, counts: number[]): void {
  const outer = reader.enter();
  while (!reader.atEnd) {
    reader.spend();
    counts.push(reader.double());
  }
  reader.leave(outer);
}

/** Decides between integer and float counts. */
export function toHistogram(message: HistogramMessage): Histogram {
  const float = hasFloatCounts(message);
  const histogram: Histogram = { float, buckets: message.buckets.map((bucket) => toBucket(bucket, float)) };
  const count = pick(float, message.count, message.countFloat);
  if (count !== undefined) histogram.count = count;
  if (message.sum !== undefined) histogram.sum = message.sum;
  if (isNative(message)) histogram.native = toNative(message, float);
  if (message.created !== undefined) histogram.created = message.created;
  return histogram;
}

/** A float count above 0 overrides the integer one; one that is 0 says something only where there is no other. */
function hasFloatCounts(message: HistogramMessage): boolean {
  return (
    overrides(message.count, message.countFloat) ||
    overrides(message.zeroCount, message.zeroCountFloat) ||
    message.negativeCounts.length > 0 ||
    message.positiveCounts.length > 0 ||
    message.buckets.some((bucket) => overrides(bucket.count, bucket.countFloat))
  );
}

function overrides(integer: Count | undefined, float: number | undefined): boolean {
  return float !== undefined && (float > 0 || integer === undefined);
}

function pick(float: boolean, integer: Count | undefined, asFloat: number | undefined): Count | undefined {
  if (overrides(integer, asFloat)) return asFloat;
  return float && integer !== undefined ? BigInt(integer) : integer;
}

function toBucket(message: BucketMessage, float: boolean): Bucket {
  const bucket: Bucket = {};
  const count = pick(float, message.count, message.countFloat);
  if (count !== undefined) bucket.cumulativeCount = count;
  if (message.upperBound !== undefined) bucket.upperBound = message.upperBound;
  if (message.exemplar !== undefined) bucket.exemplar = message.exemplar;
  return bucket;
}

/** A histogram counts as native as soon as a field is present that only native ones have. */
function isNative(message: HistogramMessage): boolean {
  return (
    message.schema !== undefined ||
    message.zeroThreshold !== undefined ||
    message.zeroCount !== undefined ||
    message.zeroCountFloat !== undefined ||
    message.negativeSpans.length > 0 ||
    message.positiveSpans.length > 0 ||
    message.negativeDeltas.length > 0 ||
    message.negativeCounts.length > 0 ||
    message.positiveDeltas.length > 0 ||
    message.positiveCounts.length > 0 ||
    message.exemplars.length > 0
  );
}

function toNative(message: HistogramMessage, float: boolean): NativeHistogram {
  const native: NativeHistogram = {
    negativeSpans: message.negativeSpans,
    positiveSpans: message.positiveSpans,
    negativeBuckets: float ? message.negativeCounts : message.negativeDeltas,
    positiveBuckets: float ? message.positiveCounts : message.positiveDeltas,
    exemplars: message.exemplars,
  };
  const zeroCount = pick(float, message.zeroCount, message.zeroCountFloat);
  if (message.schema !== undefined) native.schema = message.schema;
  if (message.zeroThreshold !== undefined) native.zeroThreshold = message.zeroThreshold;
  if (zeroCount !== undefined) native.zeroCount = zeroCount;
  return native;
}
