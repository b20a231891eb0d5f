import { WaystationError } from "../errors.ts";
import { compareBytes } from "../model/byte-string.ts";
import type { GroupingKey } from "../model/grouping-key.ts";
import type { MetricFamily } from "../model/metric-family.ts";
import { encodeFamilyBlock } from "../record/family-block.ts";
import { encodePushRecord, encodeRecord } from "../record/record.ts";
import { isTimeFamily } from "../record/time-families.ts";
import type { PushLimits } from "./limits.ts";
import { describeRepeated, findRepeated, invalidFamily, invalidLabel, invalidValue, mergeLabels } from "./validity.ts";

export type PushMode = "replace" | "merge";

export interface PushToEncode {
  readonly key: GroupingKey;
  readonly mode: PushMode;
  readonly time: bigint;
  /** Was the consistency check disabled? */
  readonly unchecked: boolean;
  /** Default: none. */
  readonly limits?: PushLimits | undefined;
  /** What a record may take, in bytes. Default: anything. */
  readonly maxBytes?: number | undefined;
}

/**
 * Turns what was pushed into a record, and decides everything that can be decided without the state: a push that is wrong in
 * itself becomes a record of its failure.
 *
 * The families are used up: labels are merged in place.
 *
 * @throws `LIMIT`, `TOO_LARGE`
 */
export function encodePush(pushed: readonly MetricFamily[], push: PushToEncode): Uint8Array {
  const { key, time } = push;
  const families = pushed
    .filter(({ name, metrics }) => metrics.length > 0 && !isTimeFamily(name))
    .sort((a, b) => compareBytes(a.name, b.name));
  push.limits?.checkFamilies(families);
  requireRoom(families, push);
  // A metric without a value of its type has nothing to merge labels into that would matter.
  const reason = findInvalidValue(families) ?? mergeAndCheck(families, push);
  if (reason !== undefined) {
    const prefix = "pushed metrics are invalid or inconsistent with existing metrics: ";
    return encodeRecord({ kind: "failed", key: key.id, time, reason: prefix + reason });
  }
  return encodePushRecord(push, encodeFamilyBlock(families));
}

/** Every series carries the grouping labels: a long key and many series would make something huge out of a small body. */
function requireRoom(families: readonly MetricFamily[], { key, maxBytes = Infinity }: PushToEncode): void {
  const count = families.reduce((sum, { metrics }) => sum + metrics.length, 0);
  if (count * key.id.length > maxBytes) throw tooLargeToStore(count * key.id.length, maxBytes);
}

/** @param bytes at least */
export function tooLargeToStore(bytes: number, most: number): WaystationError {
  return new WaystationError(
    "TOO_LARGE",
    `with the grouping key in each series the push takes ${bytes} bytes or more, of at most ${most}; nothing was stored`,
    { limit: "waitingBytes" },
  );
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
function mergeAndCheck(
  families: readonly MetricFamily[],
  { key, unchecked, limits }: PushToEncode,
): string | undefined {
  for (const family of families) {
    for (const metric of family.metrics) {
      metric.labels = mergeLabels(metric.labels, key.labels);
      limits?.checkLabels(metric);
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
