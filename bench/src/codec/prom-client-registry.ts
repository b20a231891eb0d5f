import { formatFloat, fromByteString, type MetricFamily, type Metric as PushedMetric } from "@waystation/core";
import { type Metric, Registry } from "prom-client";

interface Value {
  readonly metricName: string;
  readonly labels: Record<string, string>;
  readonly value: number;
}

/**
 * A registry of prom-client that exposes these families. Its metrics hand over values in the form that prom-client's own do, but ready
 * made: only the writing of text is left, to its advantage.
 */
export function promClientRegistry(families: readonly MetricFamily[]): Registry {
  const registry = new Registry();
  for (const family of families) {
    const name = fromByteString(family.name);
    const values = family.metrics.flatMap((metric) => valuesOf(name, metric));
    const found = { name, help: fromByteString(family.help ?? ""), type: family.type, values, aggregator: "sum" };
    registry.registerMetric({ name, get: async () => found } as unknown as Metric);
  }
  return registry;
}

function valuesOf(name: string, { labels, value, histogram, summary }: PushedMetric): Value[] {
  const own = Object.fromEntries(labels.map((label) => [fromByteString(label.name), fromByteString(label.value)]));
  const at = (suffix: string, number: unknown, bound: Record<string, string> = {}): Value => ({
    metricName: name + suffix,
    labels: { ...own, ...bound },
    value: Number(number ?? 0),
  });
  const totals = (total: { sum?: number | undefined; count?: number | bigint | undefined }) => [
    at("_sum", total.sum),
    at("_count", total.count),
  ];
  if (histogram !== undefined) {
    const buckets = histogram.buckets.map((bucket) =>
      at("_bucket", bucket.cumulativeCount, { le: formatFloat(bucket.upperBound ?? 0) }),
    );
    return [...buckets, ...totals(histogram)];
  }
  if (summary !== undefined) {
    const quantiles = summary.quantiles.map((one) => at("", one.value, { quantile: formatFloat(one.quantile ?? 0) }));
    return [...quantiles, ...totals(summary)];
  }
  return [at("", value)];
}
