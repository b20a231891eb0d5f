import type { ByteString } from "../model/byte-string.ts";
import { escapeLabelValue } from "../model/labels.ts";
import type { Histogram, Label, Metric, MetricFamily, MetricType, Summary } from "../model/metric-family.ts";
import { isLegacyLabelName, isLegacyMetricName } from "../model/names.ts";
import type { ByteWriter } from "./byte-writer.ts";
import { formatFloat } from "./float.ts";

/**
 * Writes the text format 0.0.4. The bytes are those of the Go implementation (github.com/prometheus/common, `expfmt`), except that
 * a label name with a colon is quoted, without which no parser reads it.
 *
 * Nothing is sorted or checked here, and names are written as given: escape them first if the scraper does not take UTF-8 names.
 * Those outside the legacy character set are quoted, and a metric name of that kind moves into the braces: `{"a.b",x="y"} 1`.
 */

const LF = 0x0a;
const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const OPENING_BRACE = 0x7b;
const CLOSING_BRACE = 0x7d;

/** The text format has no gauge histograms. */
const TYPE_WORDS: Readonly<Record<MetricType, string>> = {
  counter: "counter",
  gauge: "gauge",
  summary: "summary",
  untyped: "untyped",
  histogram: "histogram",
  gauge_histogram: "histogram",
};

/** Writes all lines of a family. A family without help gets no `# HELP` line; one with empty help gets one. */
export function writeFamily(out: ByteWriter, family: MetricFamily): void {
  if (family.help !== undefined) {
    writeHelpLine(out, family.name, family.help);
  }
  writeTypeLine(out, family.name, family.type);
  for (const metric of family.metrics) {
    writeMetric(out, family.name, family.type, metric);
  }
}

export function writeHelpLine(out: ByteWriter, name: ByteString, help: ByteString): void {
  out.writeLatin1("# HELP ");
  writeName(out, name);
  out.writeByte(SPACE);
  out.writeLatin1(escapeHelp(help));
  out.writeByte(LF);
}

export function writeTypeLine(out: ByteWriter, name: ByteString, type: MetricType): void {
  out.writeLatin1("# TYPE ");
  writeName(out, name);
  out.writeByte(SPACE);
  out.writeLatin1(TYPE_WORDS[type]);
  out.writeByte(LF);
}

/**
 * Writes all sample lines of one metric, labels in the order given. A histogram without a bucket for +Inf gets one, with the
 * count of all observations.
 *
 * @throws TypeError If the metric of a summary or histogram is none.
 */
export function writeMetric(out: ByteWriter, familyName: ByteString, type: MetricType, metric: Metric): void {
  switch (type) {
    case "summary":
      writeSummary(out, familyName, metric, present(metric.summary, familyName, type));
      break;
    case "histogram":
    case "gauge_histogram":
      writeHistogram(out, familyName, metric, present(metric.histogram, familyName, type));
      break;
    default:
      writeSample(out, familyName, metric, metric.value ?? 0);
  }
}

function present<T>(member: T | undefined, familyName: ByteString, type: MetricType): T {
  if (member === undefined) {
    throw new TypeError(`a metric of family ${JSON.stringify(familyName)} is not a ${type}`);
  }
  return member;
}

function writeSummary(out: ByteWriter, name: ByteString, metric: Metric, summary: Summary): void {
  for (const { quantile = 0, value = 0 } of summary.quantiles) {
    writeSample(out, name, metric, value, "quantile", quantile);
  }
  writeSample(out, `${name}_sum`, metric, summary.sum ?? 0);
  writeSample(out, `${name}_count`, metric, Number(summary.count ?? 0));
}

function writeHistogram(out: ByteWriter, name: ByteString, metric: Metric, histogram: Histogram): void {
  const count = Number(histogram.count ?? 0);
  const bucketName = `${name}_bucket`;
  let complete = false;
  for (const { upperBound = 0, cumulativeCount = 0 } of histogram.buckets) {
    writeSample(out, bucketName, metric, Number(cumulativeCount), "le", upperBound);
    complete ||= upperBound === Infinity;
  }
  if (!complete) {
    writeSample(out, bucketName, metric, count, "le", Infinity);
  }
  writeSample(out, `${name}_sum`, metric, histogram.sum ?? 0);
  writeSample(out, `${name}_count`, metric, count);
}

function writeSample(
  out: ByteWriter,
  name: ByteString,
  metric: Metric,
  value: number,
  boundName?: "le" | "quantile",
  bound = 0,
): void {
  const boundText = boundName === undefined ? undefined : formatFloat(bound);
  writeNameAndLabels(out, name, metric.labels, boundName, boundText);
  out.writeByte(SPACE);
  out.writeLatin1(formatFloat(value));
  if (metric.timestamp !== undefined) {
    out.writeByte(SPACE);
    out.writeLatin1(String(metric.timestamp));
  }
  out.writeByte(LF);
}

/**
 * Writes the name and labels of a sample. `boundName` and `bound` are a last label, for `le` and `quantile`: its name must be a
 * legacy one, its value free of characters to escape.
 */
export function writeNameAndLabels(
  out: ByteWriter,
  name: ByteString,
  labels: readonly Label[],
  boundName?: ByteString,
  bound?: ByteString,
): void {
  const legacyName = isLegacyMetricName(name);
  if (!legacyName) {
    out.writeByte(OPENING_BRACE);
  }
  writeName(out, name, legacyName);
  if (legacyName) {
    if (labels.length === 0 && boundName === undefined) {
      return;
    }
    out.writeByte(OPENING_BRACE);
  } else if (labels.length > 0 || boundName !== undefined) {
    out.writeByte(COMMA);
  }
  writeLabels(out, labels);
  if (boundName !== undefined && bound !== undefined) {
    if (labels.length > 0) {
      out.writeByte(COMMA);
    }
    out.writeLatin1(boundName);
    out.writeLatin1('="');
    out.writeLatin1(bound);
    out.writeByte(QUOTE);
  }
  out.writeByte(CLOSING_BRACE);
}

/** Writes `a="x",b="y"`, without braces. */
export function writeLabels(out: ByteWriter, labels: readonly Label[]): void {
  for (let i = 0; i < labels.length; i++) {
    const { name, value } = labels[i]!;
    if (i > 0) {
      out.writeByte(COMMA);
    }
    writeName(out, name, isLegacyLabelName(name));
    out.writeLatin1('="');
    out.writeLatin1(escapeLabelValue(value));
    out.writeByte(QUOTE);
  }
}

/** Writes a name, quoted unless it is a legacy one. */
export function writeName(out: ByteWriter, name: ByteString, legacy = isLegacyMetricName(name)): void {
  if (legacy) {
    out.writeLatin1(name);
  } else {
    out.writeByte(QUOTE);
    out.writeLatin1(escapeLabelValue(name));
    out.writeByte(QUOTE);
  }
}

/** Unlike label values, help keeps its quotes as they are. */
function escapeHelp(text: ByteString): ByteString {
  return /[\\\n]/.test(text) ? text.replaceAll("\\", "\\\\").replaceAll("\n", "\\n") : text;
}
