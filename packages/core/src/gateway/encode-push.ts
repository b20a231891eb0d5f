import { compareBytes } from "../model/byte-string.ts";
import type { GroupingKey } from "../model/grouping-key.ts";
import type { MetricFamily } from "../model/metric-family.ts";
import { encodeFamilyBlock } from "../record/family-block.ts";
import { encodePushRecord, encodeRecord } from "../record/record.ts";
import { isTimeFamily } from "../record/time-families.ts";
import { describeRepeated, findRepeated, invalidFamily, invalidLabel, invalidValue, mergeLabels } from "./validity.ts";

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
    for (const metric of family.metrics) {
      const reason = invalidValue(family, metric);
      if (reason !== undefined) return reason;
    }
    const reason = invalidFamily(family);
    if (reason !== undefined) return reason;
  }
  return undefined;
}

/** Brings every metric's labels to their final form, and looks at that. */
function mergeAndCheck(families: readonly MetricFamily[], key: GroupingKey, unchecked: boolean): string | undefined {
  for (const family of families) {
    for (const metric of family.metrics) {
      metric.labels = mergeLabels(metric.labels, key.labels);
      const reason = invalidLabel(family, metric);
      if (reason !== undefined) return reason;
    }
    const repeated = findRepeated(family.metrics);
    const [first] = repeated;
    if (first === undefined) continue;
    if (!unchecked) return describeRepeated(family, first);
    // Without check it cannot be refused, and must not be exposed twice either: the earlier one stays.
    family.metrics = family.metrics.filter((metric) => !repeated.has(metric));
  }
  return undefined;
}
