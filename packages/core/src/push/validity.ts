import { valueMismatch } from "../exposition/protobuf-decoder.ts";
import { boundLabel } from "../exposition/text-assembly.ts";
import { type ByteString, fromByteString, isValidUtf8 } from "../model/byte-string.ts";
import { compareLabelNames, formatLabels } from "../model/labels.ts";
import type { Label, Metric, MetricFamily } from "../model/metric-family.ts";
import { isUtf8Name } from "../model/names.ts";
import { findOwnFamily } from "../model/reserved-families.ts";

/**
 * What no gateway stores, whatever its state: each function says in words what is wrong, or returns undefined.
 */

/** With the family as a whole. */
export function invalidFamily({ name, type }: MetricFamily): string | undefined {
  if (!isUtf8Name(name)) return `${quote(name)} is not a metric name`;
  const own = findOwnFamily(name);
  if (own === undefined || (own.name === name && own.type === type)) return undefined;
  return own.name === name
    ? `metric family ${quote(name)} is pushed as ${type}, but is a ${own.type} of the gateway itself`
    : `${quote(name)} is a series that the gateway exposes itself`;
}

/** With a metric, its labels apart. */
export function invalidValue(family: MetricFamily, metric: Metric): string | undefined {
  if (metric.timestamp !== undefined) {
    return `pushed metrics must not have timestamps, but ${quote(family.name)} has one: leave it out`;
  }
  return metric.mistyped ? valueMismatch({ ...family, metrics: [metric] }) : undefined;
}

/** With the final labels of a metric: see {@link mergeLabels}. */
export function invalidLabel({ name: family, type }: MetricFamily, { labels }: Metric): string | undefined {
  let previous: ByteString | undefined;
  for (const { name, value } of labels) {
    if (!isUtf8Name(name)) return `metric ${quote(family)} has a label named ${quote(name)}, which is not a label name`;
    if (name.startsWith("__")) return `metric ${quote(family)} has a label named ${quote(name)}, which is reserved`;
    if (name === previous) return `metric ${quote(family)} has two labels named ${quote(name)}`;
    if (!isValidUtf8(value)) return `metric ${quote(family)} has a label ${quote(name)} whose value is not valid UTF-8`;
    // The Go implementation lets `le` through, and no scraper can read what it then exposes.
    if (name === boundLabel(type)) return `${type} ${quote(family)} must not have a label named ${quote(name)}`;
    previous = name;
  }
  return undefined;
}

/** Grouping labels win over pushed ones, and every series has an instance label. Sorted by name. */
export function mergeLabels(pushed: readonly Label[], grouping: readonly Label[]): Label[] {
  const labels = grouping.slice();
  for (const label of pushed) {
    if (!grouping.some(({ name }) => name === label.name)) labels.push(label);
  }
  if (!labels.some(({ name }) => name === "instance")) labels.push({ name: "instance", value: "" });
  return labels.sort(compareLabelNames);
}

/** Metrics whose labels an earlier one has already. */
export function findRepeated(metrics: readonly Metric[]): Set<Metric> {
  const repeated = new Set<Metric>();
  if (metrics.length < 2) return repeated;
  const seen = new Set<ByteString>();
  for (const metric of metrics) {
    const labels = formatLabels(metric.labels);
    if (seen.has(labels)) repeated.add(metric);
    seen.add(labels);
  }
  return repeated;
}

export function describeRepeated({ name }: MetricFamily, { labels }: Metric): string {
  return `metric ${fromByteString(`${name}{${formatLabels(labels)}}`)} is pushed twice`;
}

function quote(name: ByteString): string {
  return JSON.stringify(fromByteString(name));
}
