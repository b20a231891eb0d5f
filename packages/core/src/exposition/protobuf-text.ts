import type { ByteString } from "../model/byte-string.ts";
import type {
  BucketSpan,
  Count,
  Exemplar,
  Histogram,
  Label,
  Metric,
  MetricFamily,
  NativeHistogram,
  Summary,
  Timestamp,
} from "../model/metric-family.ts";
import type { ByteWriter } from "./byte-writer.ts";
import { formatFloatSigned } from "./float.ts";

/**
 * Metric families in the protobuf text format: for people who look at a scrape, and for nothing else.
 *
 * Source: protobuf.dev, "Text Format Language". Fields come in the order in which `metrics.proto` declares them, as in Go, where
 * white space is random on purpose.
 */
export type ProtobufTextForm = "text" | "compact-text";

/** Appends one family: over many lines and with an empty line after it as `text`, on one line as `compact-text`. */
export function writeFamilyAsText(out: ByteWriter, family: MetricFamily, form: ProtobufTextForm): void {
  const message = new MessageText(out, form === "compact-text");
  message.string("name", family.name);
  message.string("help", family.help);
  message.scalar("type", family.type.toUpperCase());
  for (const metric of family.metrics) writeMetric(message, family.type, metric);
  message.string("unit", family.unit);
  message.end();
}

function writeMetric(message: MessageText, type: MetricFamily["type"], metric: Metric): void {
  message.open("metric");
  writeLabels(message, metric.labels);
  if (metric.summary !== undefined) writeSummary(message, metric.summary);
  else if (metric.histogram !== undefined) writeHistogram(message, metric.histogram);
  else if (metric.mistyped !== true) {
    message.open(type);
    message.double("value", metric.value);
    if (metric.exemplar !== undefined) writeExemplar(message, "exemplar", metric.exemplar);
    if (metric.created !== undefined) writeTimestamp(message, "created_timestamp", metric.created);
    message.close();
  }
  if (metric.timestamp !== undefined) message.scalar("timestamp_ms", String(metric.timestamp));
  message.close();
}

function writeLabels(message: MessageText, labels: readonly Label[]): void {
  for (const { name, value } of labels) {
    message.open("label");
    message.string("name", name);
    message.string("value", value);
    message.close();
  }
}

function writeSummary(message: MessageText, summary: Summary): void {
  message.open("summary");
  message.integer("sample_count", summary.count);
  message.double("sample_sum", summary.sum);
  for (const { quantile, value } of summary.quantiles) {
    message.open("quantile");
    message.double("quantile", quantile);
    message.double("value", value);
    message.close();
  }
  if (summary.created !== undefined) writeTimestamp(message, "created_timestamp", summary.created);
  message.close();
}

function writeHistogram(message: MessageText, histogram: Histogram): void {
  const { float, native } = histogram;
  message.open("histogram");
  writeCount(message, "sample_count", histogram.count, float);
  message.double("sample_sum", histogram.sum);
  for (const { upperBound, cumulativeCount, exemplar } of histogram.buckets) {
    message.open("bucket");
    writeCount(message, "cumulative_count", cumulativeCount, float);
    message.double("upper_bound", upperBound);
    if (exemplar !== undefined) writeExemplar(message, "exemplar", exemplar);
    message.close();
  }
  if (histogram.created !== undefined) writeTimestamp(message, "created_timestamp", histogram.created);
  if (native !== undefined) writeNative(message, native, float);
  message.close();
}

function writeNative(message: MessageText, native: NativeHistogram, float: boolean): void {
  message.integer("schema", native.schema);
  message.double("zero_threshold", native.zeroThreshold);
  writeCount(message, "zero_count", native.zeroCount, float);
  writeBuckets(message, "negative", native.negativeSpans, native.negativeBuckets, float);
  writeBuckets(message, "positive", native.positiveSpans, native.positiveBuckets, float);
  for (const exemplar of native.exemplars) writeExemplar(message, "exemplars", exemplar);
}

function writeBuckets(
  message: MessageText,
  sign: "negative" | "positive",
  spans: readonly BucketSpan[],
  buckets: readonly Count[],
  float: boolean,
): void {
  for (const { offset, length } of spans) {
    message.open(`${sign}_span`);
    message.integer("offset", offset);
    message.integer("length", length);
    message.close();
  }
  for (const bucket of buckets) {
    if (float) message.double(`${sign}_count`, Number(bucket));
    else message.integer(`${sign}_delta`, bucket);
  }
}

function writeCount(message: MessageText, field: string, count: Count | undefined, float: boolean): void {
  if (float && typeof count === "number") message.double(`${field}_float`, count);
  else message.integer(field, count);
}

function writeExemplar(message: MessageText, field: string, exemplar: Exemplar): void {
  message.open(field);
  writeLabels(message, exemplar.labels);
  message.double("value", exemplar.value);
  if (exemplar.timestamp !== undefined) writeTimestamp(message, "timestamp", exemplar.timestamp);
  message.close();
}

function writeTimestamp(message: MessageText, field: string, timestamp: Timestamp): void {
  message.open(field);
  if (timestamp.seconds !== 0n) message.scalar("seconds", String(timestamp.seconds));
  if (timestamp.nanos !== 0) message.integer("nanos", timestamp.nanos);
  message.close();
}

/** Puts fields down with the white space that one of the two forms has between them. Values that are undefined are left out. */
class MessageText {
  readonly #out: ByteWriter;
  readonly #compact: boolean;
  #indent = "";
  /** Has the innermost open message no field yet? */
  #empty = true;

  constructor(out: ByteWriter, compact: boolean) {
    this.#out = out;
    this.#compact = compact;
  }

  scalar(field: string, text: ByteString): void {
    this.#field(field);
    this.#out.writeLatin1(text);
    if (!this.#compact) this.#out.writeLatin1("\n");
  }

  integer(field: string, value: Count | undefined): void {
    if (value !== undefined) this.scalar(field, String(value));
  }

  double(field: string, value: number | undefined): void {
    if (value !== undefined) this.scalar(field, formatDouble(value));
  }

  string(field: string, value: ByteString | undefined): void {
    if (value !== undefined) this.scalar(field, `"${value.replace(NEEDS_A_LOOK, escapeUnit)}"`);
  }

  open(field: string): void {
    this.#field(field);
    this.#out.writeLatin1("{");
    this.#indent += "  ";
    this.#empty = true;
  }

  close(): void {
    this.#indent = this.#indent.slice(2);
    if (this.#compact) this.#out.writeLatin1("}");
    else this.#out.writeLatin1(this.#empty ? "}\n" : `${this.#indent}}\n`);
    this.#empty = false;
  }

  end(): void {
    this.#out.writeLatin1("\n");
  }

  #field(name: string): void {
    if (this.#compact) this.#out.writeLatin1(this.#empty ? `${name}:` : ` ${name}:`);
    else
      this.#out.writeLatin1(
        this.#empty && this.#indent !== "" ? `\n${this.#indent}${name}: ` : `${this.#indent}${name}: `,
      );
    this.#empty = false;
  }
}

function formatDouble(value: number): string {
  if (Number.isFinite(value)) return formatFloatSigned(value);
  return Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf";
}

/** Everything but printable ASCII, with valid UTF-8 sequences in one piece. */
const NEEDS_A_LOOK =
  /[\0-\x1f"\\\x7f]|[\xc2-\xdf][\x80-\xbf]|\xe0[\xa0-\xbf][\x80-\xbf]|\xed[\x80-\x9f][\x80-\xbf]|[\xe1-\xec\xee\xef][\x80-\xbf]{2}|\xf0[\x90-\xbf][\x80-\xbf]{2}|[\xf1-\xf3][\x80-\xbf]{3}|\xf4[\x80-\x8f][\x80-\xbf]{2}|[\x80-\xff]/g;

const SHORT_ESCAPES = new Map([
  ['"', '\\"'],
  ["\\", "\\\\"],
  ["\n", "\\n"],
  ["\r", "\\r"],
  ["\t", "\\t"],
]);

function escapeUnit(unit: ByteString): ByteString {
  if (unit.length > 1) return isC1Control(unit) ? `\\u00${hexByte(unit.charCodeAt(1))}` : unit;
  return SHORT_ESCAPES.get(unit) ?? `\\x${hexByte(unit.charCodeAt(0))}`;
}

/** U+0080 to U+009F, whose second UTF-8 byte equals the code point. */
function isC1Control(sequence: ByteString): boolean {
  return sequence.charCodeAt(0) === 0xc2 && sequence.charCodeAt(1) < 0xa0;
}

function hexByte(code: number): string {
  return code.toString(16).padStart(2, "0");
}
