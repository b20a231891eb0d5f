import {
  type Count,
  formatFloatSigned,
  fromByteString,
  type GroupView,
  type Metric,
  type MetricFamily,
} from "@waystation/core";
import { nativeBuckets } from "./native-buckets.ts";

/**
 * The JSON of `/api/v1/metrics`, in the Pushgateway's shapes. Numbers are strings, spelled as in the text format except that
 * negative zero keeps its sign.
 */

type JsonObject = Record<string, unknown>;

/** Any text may be a key, `__proto__` too. */
function jsonObject(): JsonObject {
  return Object.create(null) as JsonObject;
}

export function groupJson(group: GroupView): JsonObject {
  const json = jsonObject();
  json["labels"] = labelsJson(group.labels);
  json["last_push_successful"] = group.lastPushSuccessful;
  for (const { time, family } of group.families()) json[fromByteString(family.name)] = familyJson(time, family);
  return json;
}

function familyJson(time: bigint, family: MetricFamily): JsonObject {
  return {
    time_stamp: formatTime(time),
    type: family.type.toUpperCase(),
    ...(family.help ? { help: fromByteString(family.help) } : {}),
    metrics: family.metrics.map((metric) => metricJson(family.type, metric)),
  };
}

function metricJson(type: MetricFamily["type"], metric: Metric): JsonObject {
  const labels = labelsJson(metric.labels);
  if (type === "summary") {
    const quantiles = jsonObject();
    for (const { quantile = 0, value = 0 } of metric.summary?.quantiles ?? [])
      quantiles[formatFloatSigned(quantile)] = formatFloatSigned(value);
    return {
      count: formatCount(metric.summary?.count),
      labels,
      quantiles,
      sum: formatFloatSigned(metric.summary?.sum ?? 0),
    };
  }
  if (type === "histogram") {
    const { histogram } = metric;
    const isNative =
      histogram?.native && histogram.native.negativeSpans.length + histogram.native.positiveSpans.length > 0;
    return {
      buckets: isNative ? nativeBucketsJson(metric) : classicBuckets(metric),
      count: formatCount(histogram?.count, histogram?.float),
      labels,
      sum: formatFloatSigned(histogram?.sum ?? 0),
    };
  }
  // The Pushgateway knows no gauge histograms here.
  return { labels, value: formatFloatSigned(metric.value ?? 0) };
}

function classicBuckets(metric: Metric): JsonObject {
  const buckets = jsonObject();
  for (const { upperBound = 0, cumulativeCount } of metric.histogram?.buckets ?? []) {
    buckets[formatFloatSigned(upperBound)] = formatCount(cumulativeCount, metric.histogram?.float);
  }
  return buckets;
}

function nativeBucketsJson(metric: Metric): unknown[] {
  const { native, float } = metric.histogram!;
  return nativeBuckets(native!, float).map(({ boundaries, lower, upper, count }) => [
    boundaries,
    formatFloatSigned(lower),
    formatFloatSigned(upper),
    formatCount(count, float),
  ]);
}

function labelsJson(labels: readonly { readonly name: string; readonly value: string }[]): JsonObject {
  const json = jsonObject();
  for (const { name, value } of labels) json[fromByteString(name)] = fromByteString(value);
  return json;
}

function formatCount(count: Count = 0, float = false): string {
  return float ? formatFloatSigned(Number(count)) : BigInt(count).toString();
}

/** RFC 3339 with as many digits as needed, UTC. @param time nanoseconds since the epoch */
export function formatTime(time: bigint): string {
  const milliseconds = Number(time / 1_000_000n);
  const fraction = (time % 1_000_000_000n)
    .toString()
    .padStart(9, "0")
    .replace(/(?<!0)0+$/, "");
  return `${new Date(milliseconds).toISOString().slice(0, 19)}${fraction === "" ? "" : `.${fraction}`}Z`;
}
