import { type Metric, type MetricFamily, type MetricType, toByteString } from "@waystation/core";
import { collectDefaultMetrics, Registry } from "prom-client";
import { family, sortedLabels } from "./families.ts";

/** The observers behind it are the process's, whatever number of gateways run in it. */
let registry: Registry | undefined;

/** Begins to observe the process, if that was not done before. */
export function observeProcess(): Registry {
  if (registry === undefined) {
    registry = new Registry();
    collectDefaultMetrics({ register: registry });
  }
  return registry;
}

/** `process_*` and `nodejs_*`, from prom-client. */
export async function processMetrics(): Promise<MetricFamily[]> {
  const collected = await observeProcess().getMetricsAsJSON();
  return collected.map(toFamily).filter(({ metrics }) => metrics.length > 0);
}

type PromMetric = Awaited<ReturnType<Registry["getMetricsAsJSON"]>>[number];
/** A histogram's values also say which sample they are. */
type PromValue = PromMetric["values"][number] & { metricName?: string };

function toFamily(prom: PromMetric): MetricFamily {
  const type = String(prom.type) as MetricType;
  const metrics = type === "histogram" ? histograms(prom) : prom.values.map(simple);
  return family(prom.name, type, prom.help, metrics);
}

function simple({ labels, value }: PromValue): Metric {
  return { labels: sortedLabels(stringLabels(labels)), value };
}

/** prom-client lists the samples of histograms flat, in exposition order. */
function histograms(prom: PromMetric): Metric[] {
  const byLabels = new Map<string, Metric>();
  for (const { labels, value, metricName } of prom.values as PromValue[]) {
    const { le, ...own } = stringLabels(labels);
    const key = JSON.stringify(own);
    let metric = byLabels.get(key);
    if (metric === undefined) {
      metric = { labels: sortedLabels(own), histogram: { float: false, count: 0, sum: 0, buckets: [] } };
      byLabels.set(key, metric);
    }
    const histogram = metric.histogram!;
    if (metricName === `${prom.name}_sum`) histogram.sum = value;
    else if (metricName === `${prom.name}_count`) histogram.count = value;
    else
      histogram.buckets.push({
        upperBound: le === "+Inf" ? Number.POSITIVE_INFINITY : Number(le),
        cumulativeCount: value,
      });
  }
  return [...byLabels.values()];
}

function stringLabels(labels: Partial<Record<string, string | number>>): Record<string, string> {
  const strings: Record<string, string> = {};
  for (const [name, value] of Object.entries(labels)) strings[toByteString(name)] = String(value);
  return strings;
}
