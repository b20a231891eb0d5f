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
  return isPlain(metric.value ?? 0);
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
  // The text format shows a histogram to be one of floats only by a count that is not an integer.
  if (float && [count, ...buckets.map((bucket) => bucket.cumulativeCount)].every(isIntegerCount)) return false;
  const isCount = float ? (value: Count) => isPlain(Number(value)) : isPlainCount;
  return (
    isCount(count) &&
    isPlain(sum) &&
    buckets.every(
      ({ upperBound, cumulativeCount, exemplar }) =>
        exemplar === undefined && isBound(upperBound) && isCount(cumulativeCount),
    )
  );
}

function hasInfBucket({ buckets }: Histogram): boolean {
  return buckets.some(({ upperBound }) => upperBound === Number.POSITIVE_INFINITY);
}

/** The text format prints -0 as 0. */
function isPlain(value: number): boolean {
  return !Object.is(value, -0);
}

/** The parser leaves out buckets and quantiles whose bound is NaN. */
function isBound(value: number): boolean {
  return isPlain(value) && !Number.isNaN(value);
}

/** The text format prints counts as floats, which are exact up to 2^53. */
function isPlainCount(count: Count): boolean {
  return typeof count === "number" && isPlain(count);
}

function isIntegerCount(count: Count): boolean {
  return typeof count === "bigint" || Number.isInteger(count);
}
