import { type Label, type Metric, type MetricFamily, type MetricType, toByteString } from "@waystation/core";

/** Helpers that build metric families of the gateway's own. Names, help and values are ordinary strings. */

export type LabelValues = Readonly<Record<string, string>>;

export function family(name: string, type: MetricType, help: string, metrics: Metric[]): MetricFamily {
  return { name: toByteString(name), type, help: toByteString(help), metrics };
}

/** Of a counter, a gauge or an untyped family. */
export function metric(labels: LabelValues, value: number): Metric {
  return { labels: sortedLabels(labels), value };
}

export function sortedLabels(values: LabelValues): Label[] {
  return Object.entries(values)
    .map(([name, value]) => ({ name: toByteString(name), value: toByteString(value) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}
