import { type ByteString, fromByteString, isValidUtf8, toByteString } from "../model/byte-string.ts";
import { escapeLabelValue } from "../model/labels.ts";
import type {
  Bucket,
  Count,
  Exemplar,
  Histogram,
  Metric,
  MetricFamily,
  MetricType,
  Summary,
  Timestamp,
} from "../model/metric-family.ts";
import type { ByteWriter } from "./byte-writer.ts";
import { formatFloat } from "./float.ts";
import { writeLabels, writeName, writeNameAndLabels } from "./text-encoder.ts";

/**
 * Writes OpenMetrics text 1.0 (github.com/prometheus/OpenMetrics, `specification/OpenMetrics.md`). Names and suffixes are those of
 * the Go implementation (github.com/prometheus/common, `expfmt`), so that series keep their names whichever format is scraped:
 *
 * - A counter is described without its `_total`. One that has no `_total` is of type `unknown`, since OpenMetrics has no such counter.
 * - A gauge histogram is a `histogram`, as in the text format: as a `gaugehistogram`, its sum and count would need other names.
 *
 * Where the Go implementation would write something that makes a scraper refuse the whole exposition, or fail itself, this one does
 * not: units that are no suffix of the name are left out, help becomes UTF-8, buckets are sorted, and histograms of floats keep their
 * float counts. It does not look at other families: a counter `x_total` next to a gauge `x` gives two families `x`, which Prometheus
 * takes.
 *
 * Like in the text format, names are written as given and the order of metrics and labels is the caller's.
 */

const LF = 0x0a;
const SPACE = 0x20;

const TYPE_WORDS: Readonly<Record<MetricType, string>> = {
  counter: "counter",
  gauge: "gauge",
  summary: "summary",
  untyped: "unknown",
  histogram: "histogram",
  gauge_histogram: "histogram",
};

const TOTAL = "_total";

export interface OpenMetricsEncoderOptions {
  /**
   * Write `_created` samples. Default: false, because Prometheus stores them as series of their own unless it is told to take
   * them as what they are.
   */
  readonly createdLines?: boolean;
}

/** Writes all lines of a family. After the last family, write the end: {@link writeOpenMetricsEnd}. */
export function writeOpenMetricsFamily(
  out: ByteWriter,
  family: MetricFamily,
  options: OpenMetricsEncoderOptions = {},
): void {
  const total = family.type === "counter" && family.name.endsWith(TOTAL);
  const name = total ? family.name.slice(0, -TOTAL.length) : family.name;
  if (family.help !== undefined) {
    writeDescriptor(out, "HELP", name, escapeLabelValue(toValidUtf8(family.help)));
  }
  writeDescriptor(out, "TYPE", name, family.type === "counter" && !total ? "unknown" : TYPE_WORDS[family.type]);
  if (family.unit && name.endsWith(`_${family.unit}`)) {
    writeDescriptor(out, "UNIT", name, family.unit);
  }
  const hasCreated = options.createdLines === true && (total || family.type !== "counter");
  for (const metric of family.metrics) {
    writeMetric(out, family, metric, total);
    const created = metric.created ?? metric.summary?.created ?? metric.histogram?.created;
    if (hasCreated && created !== undefined) {
      writeSample(out, `${name}_created`, metric, formatTimestamp(created));
    }
  }
}

/** Writes the line that ends an exposition. */
export function writeOpenMetricsEnd(out: ByteWriter): void {
  out.writeLatin1("# EOF\n");
}

function toValidUtf8(text: ByteString): ByteString {
  return isValidUtf8(text) ? text : toByteString(fromByteString(text));
}

function writeDescriptor(out: ByteWriter, keyword: string, name: ByteString, text: ByteString): void {
  out.writeLatin1(`# ${keyword} `);
  writeName(out, name);
  out.writeByte(SPACE);
  out.writeLatin1(text);
  out.writeByte(LF);
}

function writeMetric(out: ByteWriter, { name }: MetricFamily, metric: Metric, total: boolean): void {
  if (metric.summary !== undefined) {
    writeSummary(out, name, metric, metric.summary);
  } else if (metric.histogram !== undefined) {
    writeHistogram(out, name, metric, metric.histogram);
  } else {
    const exemplar = total ? metric.exemplar : undefined;
    writeSample(out, name, metric, formatOpenMetricsFloat(metric.value ?? 0), { exemplar });
  }
}

function writeSummary(out: ByteWriter, name: ByteString, metric: Metric, summary: Summary): void {
  for (const { quantile = 0, value = 0 } of summary.quantiles) {
    const bound: Bound = { name: "quantile", value: formatOpenMetricsFloat(quantile) };
    writeSample(out, name, metric, formatOpenMetricsFloat(value), { bound });
  }
  writeSample(out, `${name}_sum`, metric, formatOpenMetricsFloat(summary.sum ?? 0));
  writeSample(out, `${name}_count`, metric, formatCount(summary.count ?? 0));
}

function writeHistogram(out: ByteWriter, name: ByteString, metric: Metric, histogram: Histogram): void {
  for (const { upperBound = 0, cumulativeCount = 0, exemplar } of completeBuckets(histogram)) {
    const bound: Bound = { name: "le", value: formatOpenMetricsFloat(upperBound) };
    writeSample(out, `${name}_bucket`, metric, formatCount(cumulativeCount), { bound, exemplar });
  }
  writeSample(out, `${name}_sum`, metric, formatOpenMetricsFloat(histogram.sum ?? 0));
  writeSample(out, `${name}_count`, metric, formatCount(histogram.count ?? 0));
}

/** The buckets in the order of their bounds, with one for +Inf. */
function completeBuckets({ buckets, count }: Histogram): Bucket[] {
  const sorted = buckets.toSorted((a, b) => (a.upperBound ?? 0) - (b.upperBound ?? 0));
  if (sorted.at(-1)?.upperBound !== Infinity) {
    sorted.push({ upperBound: Infinity, cumulativeCount: count });
  }
  return sorted;
}

interface Bound {
  readonly name: "le" | "quantile";
  readonly value: ByteString;
}

interface SampleParts {
  readonly bound?: Bound;
  readonly exemplar?: Exemplar | undefined;
}

function writeSample(
  out: ByteWriter,
  name: ByteString,
  metric: Metric,
  value: ByteString,
  { bound, exemplar }: SampleParts = {},
): void {
  writeNameAndLabels(out, name, metric.labels, bound?.name, bound?.value);
  out.writeByte(SPACE);
  out.writeLatin1(value);
  if (metric.timestamp !== undefined) {
    out.writeByte(SPACE);
    out.writeLatin1(formatDecimal(metric.timestamp, 3));
  }
  if (exemplar !== undefined) {
    writeExemplar(out, exemplar);
  }
  out.writeByte(LF);
}

function writeExemplar(out: ByteWriter, { labels, value = 0, timestamp }: Exemplar): void {
  out.writeLatin1(" # {");
  writeLabels(out, labels);
  out.writeLatin1("} ");
  out.writeLatin1(formatOpenMetricsFloat(value));
  if (timestamp !== undefined) {
    out.writeByte(SPACE);
    out.writeLatin1(formatTimestamp(timestamp));
  }
}

/** Like {@link formatFloat}, but integers have a fraction: `1.0`. */
export function formatOpenMetricsFloat(value: number): string {
  // Larger integers have an exponent already.
  return Number.isInteger(value) && Math.abs(value) < 1e6 ? `${formatFloat(value)}.0` : formatFloat(value);
}

function formatCount(count: Count): string {
  return typeof count === "bigint" || Number.isInteger(count)
    ? BigInt(count).toString()
    : formatOpenMetricsFloat(count);
}

function formatTimestamp({ seconds, nanos }: Timestamp): string {
  return formatDecimal(seconds * 1_000_000_000n + BigInt(nanos), 9);
}

/** Writes `value / 10 ** digits` without trailing zeros. */
function formatDecimal(value: bigint, digits: number): string {
  const sign = value < 0n ? "-" : "";
  const text = (value < 0n ? -value : value).toString().padStart(digits + 1, "0");
  const fraction = text.slice(-digits).replace(/(?<!0)0+$/, "");
  return `${sign}${text.slice(0, -digits)}${fraction === "" ? "" : `.${fraction}`}`;
}
