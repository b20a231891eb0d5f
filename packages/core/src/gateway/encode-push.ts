import { valueMismatch } from "../exposition/protobuf-decoder.ts";
import { boundLabel } from "../exposition/text-assembly.ts";
import { type ByteString, compareBytes, fromByteString, isValidUtf8 } from "../model/byte-string.ts";
import type { GroupingKey } from "../model/grouping-key.ts";
import { compareLabelNames, formatLabels } from "../model/labels.ts";
import type { Label, Metric, MetricFamily } from "../model/metric-family.ts";
import { isUtf8Name } from "../model/names.ts";
import { reservedType } from "../model/reserved-families.ts";
import { encodeFamilyBlock } from "../record/family-block.ts";
import { encodePushRecord, encodeRecord } from "../record/record.ts";
import { exposes, PARTS } from "../state/consistency.ts";
import { isTimeFamily } from "../state/time-families.ts";

export type PushMode = "replace" | "merge";

export interface PushToEncode {
  readonly key: GroupingKey;
  readonly mode: PushMode;
  readonly time: bigint;
  /** Was the consistency check disabled? */
  readonly unchecked: boolean;
}

/**
 * Turns what was pushed into a record, and decides everything that can be decided without the state: a push that is wrong in
 * itself becomes a record of its failure.
 *
 * The families are used up: labels are merged in place.
 */
export function encodePush(pushed: readonly MetricFamily[], push: PushToEncode): Uint8Array {
  const { key, mode, time, unchecked } = push;
  const families = pushed
    .filter(({ name, metrics }) => metrics.length > 0 && !isTimeFamily(name))
    .sort((a, b) => compareBytes(a.name, b.name));
  // A metric without a value of its type has nothing to merge labels into that would matter.
  const reason = findInvalidValue(families) ?? mergeAndCheck(families, key, unchecked);
  if (reason !== undefined) {
    const prefix = "pushed metrics are invalid or inconsistent with existing metrics: ";
    return encodeRecord({ kind: "failed", key: key.id, time, reason: prefix + reason });
  }
  return encodePushRecord(mode, key.id, time, unchecked, encodeFamilyBlock(families));
}

function findInvalidValue(families: readonly MetricFamily[]): string | undefined {
  for (const family of families) {
    if (family.metrics.some(({ timestamp }) => timestamp !== undefined))
      return "pushed metrics must not have timestamps";
    const mismatch = valueMismatch(family);
    if (mismatch !== undefined) return mismatch;
    if (!isUtf8Name(family.name)) return `${quote(family.name)} is not a metric name`;
    const type = reservedType(family.name);
    if (type !== undefined && type !== family.type) {
      return `metric family ${quote(family.name)} is pushed as ${family.type}, but is a ${type} of the gateway itself`;
    }
    const taken = PARTS.find((part) => {
      const whole = family.name.endsWith(part) ? reservedType(family.name.slice(0, -part.length)) : undefined;
      return whole !== undefined && exposes(whole, part);
    });
    if (taken !== undefined) return `${quote(family.name)} is a series that the gateway exposes itself`;
  }
  return undefined;
}

/** Brings every metric's labels to their final form, and looks at that. */
function mergeAndCheck(families: readonly MetricFamily[], key: GroupingKey, unchecked: boolean): string | undefined {
  for (const family of families) {
    for (const metric of family.metrics) {
      metric.labels = mergeLabels(metric.labels, key.labels);
      const reason = findInvalidLabel(family, metric);
      if (reason !== undefined) return reason;
    }
    const repeated = findRepeated(family.metrics);
    const [first] = repeated;
    if (first === undefined) continue;
    if (!unchecked) {
      return `metric ${fromByteString(`${family.name}{${formatLabels(first.labels)}}`)} is pushed twice`;
    }
    // Without check it cannot be refused, and must not be exposed twice either: the earlier one stays.
    family.metrics = family.metrics.filter((metric) => !repeated.has(metric));
  }
  return undefined;
}

/** Grouping labels win over pushed ones, and every series has an instance label. */
function mergeLabels(pushed: readonly Label[], grouping: readonly Label[]): Label[] {
  const labels = grouping.slice();
  for (const label of pushed) {
    if (!grouping.some(({ name }) => name === label.name)) labels.push(label);
  }
  if (!labels.some(({ name }) => name === "instance")) labels.push({ name: "instance", value: "" });
  return labels.sort(compareLabelNames);
}

function findInvalidLabel({ name: family, type }: MetricFamily, { labels }: Metric): string | undefined {
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

/** Metrics whose labels an earlier one has already. */
function findRepeated(metrics: readonly Metric[]): Set<Metric> {
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

function quote(name: ByteString): string {
  return JSON.stringify(fromByteString(name));
}
