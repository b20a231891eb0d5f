import {
  type Count,
  type Exemplar,
  formatFloatSigned,
  fromByteString,
  type GroupView,
  type Histogram,
  type Label,
  type Metric,
  type MetricFamily,
  type PushedFamilyView,
  type Timestamp,
} from "@waystation/core";
import { nativeBuckets } from "../routes/native-buckets.ts";
import { groupId, pushPath } from "./group-id.ts";
import type { RecentPushes, RememberedPush } from "./recent-pushes.ts";
import type * as json from "./schema.ts";

/** Groups as the JSON of `schema.ts`. */

export function summaryJson(group: GroupView, recent: RecentPushes): json.GroupSummary {
  const { key, pushTime, failureTime } = group;
  const failed = newestPushFailed(group, recent);
  return {
    id: groupId(key),
    labels: labelsJson(key.labels),
    path: pushPath(key),
    families: group.heads.length,
    series: group.countSeries(),
    bytes: group.bytes,
    pushTime: pushTime === 0 ? null : pushTime,
    failureTime: failureTime === 0 ? null : failureTime,
    failed,
    failure: (failed ? recent.lastFailure(key.id) : undefined) ?? null,
  };
}

/** What cannot be read leaves no trace in the group, but this process may have seen it. */
export function newestPushFailed({ key, lastPushSuccessful }: GroupView, recent: RecentPushes): boolean {
  return !lastPushSuccessful || recent.newestFailed(key.id);
}

/** Families with more sample lines than this are not decoded: the page of one group must not stop the gateway. */
const MAX_DECODED_SERIES = 20_000;

/** @param most metrics to list */
export function familyJson(view: PushedFamilyView, most: number): json.Family {
  const { name, type, help, unit } = view.head;
  const metrics = view.series > MAX_DECODED_SERIES ? undefined : view.decode().metrics;
  return {
    name: fromByteString(name),
    type,
    help: help === undefined ? null : fromByteString(help),
    unit: unit === undefined ? null : fromByteString(unit),
    time: Number(view.time) / 1e9,
    series: view.series,
    metrics: metrics?.slice(0, most).map((metric) => metricJson(type, metric)) ?? [],
    omitted: metrics === undefined ? view.series : Math.max(0, metrics.length - most),
  };
}

function metricJson(type: MetricFamily["type"], metric: Metric): json.Metric {
  const labels = labelsJson(metric.labels);
  const exemplars = exemplarsOf(metric).map(exemplarJson);
  const some = exemplars.length > 0 ? { exemplars } : {};
  switch (type) {
    case "summary": {
      const { count, sum, quantiles = [] } = metric.summary ?? {};
      const pairs = quantiles.map(({ quantile = 0, value = 0 }) => ({
        quantile: formatFloatSigned(quantile),
        value: formatFloatSigned(value),
      }));
      return { labels, summary: { count: formatCount(count), sum: formatFloatSigned(sum ?? 0), quantiles: pairs } };
    }
    case "histogram":
    case "gauge_histogram":
      return { labels, histogram: histogramJson(metric.histogram), ...some };
    default:
      return { labels, value: formatFloatSigned(metric.value ?? 0), ...some };
  }
}

function histogramJson(histogram: Histogram | undefined): json.Histogram {
  const { count, sum = 0, buckets = [], native, float = false } = histogram ?? {};
  return {
    count: formatCount(count, float),
    sum: formatFloatSigned(sum),
    buckets: buckets.map(({ upperBound = 0, cumulativeCount }) => ({
      le: formatFloatSigned(upperBound),
      count: formatCount(cumulativeCount, float),
    })),
    native:
      native === undefined
        ? null
        : nativeBuckets(native, float).map(({ boundaries, lower, upper, count }) => ({
            lower: formatFloatSigned(lower),
            upper: formatFloatSigned(upper),
            lowerInclusive: boundaries === 1 || boundaries === 3,
            upperInclusive: boundaries === 0 || boundaries === 3,
            count: formatCount(count, float),
          })),
  };
}

function exemplarsOf({ exemplar, histogram }: Metric): Exemplar[] {
  if (exemplar !== undefined) return [exemplar];
  const ofBuckets = (histogram?.buckets ?? []).flatMap((bucket) => bucket.exemplar ?? []);
  return [...ofBuckets, ...(histogram?.native?.exemplars ?? [])];
}

function exemplarJson({ labels, value = 0, timestamp }: Exemplar): json.Exemplar {
  return { labels: labelsJson(labels), value: formatFloatSigned(value), time: timestamp ? seconds(timestamp) : null };
}

function seconds({ seconds, nanos }: Timestamp): number {
  return Number(seconds) + nanos / 1e9;
}

function formatCount(count: Count = 0, float = false): string {
  return float ? formatFloatSigned(Number(count)) : BigInt(count).toString();
}

/** Any text may be a name, `__proto__` too. */
export function labelsJson(labels: readonly Label[]): json.Labels {
  const object = Object.create(null) as Record<string, string>;
  for (const { name, value } of labels) object[fromByteString(name)] = fromByteString(value);
  return object;
}

export function pushJson(push: RememberedPush): json.PushEvent {
  const { time, method, source, bytes, milliseconds, status, outcome, message } = push;
  return {
    time: time / 1000,
    method,
    source: source?.address ?? null,
    client: source?.client || null,
    bytes,
    milliseconds: milliseconds ?? null,
    status,
    outcome,
    message: message ?? null,
  };
}
