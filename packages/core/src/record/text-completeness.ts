import { isUint64 } from "../exposition/text-assembly.ts";
import type { Count, Histogram, Metric, MetricFamily, Summary } from "../model/metric-family.ts";

/**
 * Is everything that was pushed of a family in its sample lines, so that parsing them gives the same family again (apart from the
 * order of metrics)? Not if it has parts that the text format lacks, or numbers that it does not keep apart.
 *
 * @param impliedInf see {@link lacksInfBucket}
 */
export function isTextComplete(family: MetricFamily, impliedInf: boolean): boolean {
  return family.metrics.every((metric) => isMetricComplete(metric, impliedInf));
}

/** Do all histograms of the family lack the bucket for +Inf, which the text format then adds? */
export function lacksInfBucket(family: MetricFamily): boolean {
  return family.metrics.length > 0 && family.metrics.every(({ histogram }) => histogram && !hasInfBucket(histogram));
}

function isMetricComplete(metric: Metric, impliedInf: boolean): boolean {
  if (metric.exemplar !== undefined || metric.created !== undefined) return false;
  if (metric.summary !== undefined) return isSummaryComplete(metric.summary);
  if (metric.histogram !== undefined) return isHistogramComplete(metric.histogram, impliedInf);
  return isPlain(metric.value);
}

function isSummaryComplete({ count, sum, quantiles, created }: Summary): boolean {
  return (
    created === undefined &&
    isPlainCount(count) &&
    isPlain(sum) &&
    quantiles.every(({ quantile, value }) => isBound(quantile) && isPlain(value))
  );
}

function isHistogramComplete(histogram: Histogram, impliedInf: boolean): boolean {
  const { float, count, sum, buckets, native, created } = histogram;
  if (native !== undefined || created !== undefined || hasInfBucket(histogram) === impliedInf) return false;
  const counts = [count, ...buckets.map(({ cumulativeCount }) => cumulativeCount)];
  // The text format shows a histogram to be one of floats only by a count that is not an integer.
  if (float && !counts.some((value) => typeof value === "number" && !isUint64(value))) return false;
  return (
    counts.every(isPlainCount) &&
    isPlain(sum) &&
    buckets.every(({ upperBound, exemplar }) => exemplar === undefined && isBound(upperBound))
  );
}

function hasInfBucket({ buckets }: Histogram): boolean {
  return buckets.some(({ upperBound }) => upperBound === Number.POSITIVE_INFINITY);
}

/** The text format prints what was not given, and -0, as 0. */
function isPlain(value: number | undefined): boolean {
  return value !== undefined && !Object.is(value, -0);
}

/** The parser leaves out buckets and quantiles whose bound is NaN. */
function isBound(value: number | undefined): boolean {
  return isPlain(value) && !Number.isNaN(value);
}

/**
 * The text format prints counts as floats, which are exact up to 2^53, and does not tell which of them were given as integers. The
 * parser refuses negative ones.
 */
function isPlainCount(count: Count | undefined): boolean {
  return typeof count === "number" && isPlain(count) && !(count < 0);
}
