import { type ByteString, compareBytes, fromByteString } from "../model/byte-string.ts";
import type { GroupingKey } from "../model/grouping-key.ts";
import type { MetricFamily } from "../model/metric-family.ts";
import { decodeFamilyBlock, encodeFamilyBlock } from "../record/family-block.ts";
import { encodeRecord } from "../record/record.ts";
import { isTimeFamily } from "../record/time-families.ts";
import { describeRepeated, findRepeated, invalidFamily, invalidLabel, invalidValue, mergeLabels } from "./validity.ts";

/** A metric group as it stood in another gateway. */
export interface StandingGroup {
  readonly key: GroupingKey;
  /** Values of `push_time_seconds` and `push_failure_time_seconds`: seconds since the epoch, 0 for never. */
  readonly pushTime: number;
  readonly failureTime: number;
  /** When each of those two was last written: nanoseconds since the epoch. */
  readonly pushStamp: bigint;
  readonly failureStamp: bigint;
  /** In any order, with the time in nanoseconds at which each was pushed. The two time metrics need not be among them. */
  readonly families: readonly { readonly time: bigint; readonly family: MetricFamily }[];
}

/** What became of a group that was to be restored. */
export interface RestoreOutcome {
  /** False if the group has been pushed to later, and so was left alone. */
  readonly restored: boolean;
  /** How many metrics it was to be restored with: one for each set of labels, without the two times. */
  readonly metrics: number;
  /** Of each metric that was left out, or of a whole family, why no gateway can store it. */
  readonly leftOut: readonly string[];
}

/**
 * A record that puts the group where it stood. What no push may store is left out. The families are used up, as those of a push.
 *
 * Series that contradict those of other groups are not left out here: that depends on the state.
 */
export function encodeRestore(
  group: StandingGroup,
): { readonly record: Uint8Array } & Omit<RestoreOutcome, "restored"> {
  const { key, pushTime, failureTime, pushStamp, failureStamp } = group;
  const leftOut: string[] = [];
  const names = new Set<ByteString>();
  const standing = group.families
    .filter(({ family }) => !isTimeFamily(family.name) && keepValid(family, key, names, leftOut))
    .sort((a, b) => compareBytes(a.family.name, b.family.name));
  const families = standing.map(({ family }) => family);
  const block = encodeFamilyBlock(families);
  const record = encodeRecord({
    kind: "restore",
    key: key.id,
    time: pushStamp,
    pushTime,
    failureTime,
    pushStamp,
    failureStamp,
    familyStamps: standing.map(({ time }) => time),
    block: decodeFamilyBlock(Buffer.from(block)),
  });
  return { record, metrics: families.reduce((sum, { metrics }) => sum + metrics.length, 0), leftOut };
}

/**
 * Removes from the family what no push may store. Returns whether anything is left.
 *
 * @param names of the families before it that are kept; added to
 */
function keepValid(family: MetricFamily, key: GroupingKey, names: Set<ByteString>, leftOut: string[]): boolean {
  const reason = names.has(family.name) ? describeRepeatedFamily(family) : invalidFamily(family);
  if (reason !== undefined) {
    leftOut.push(reason);
    return false;
  }
  const valid = family.metrics.filter((metric) => {
    metric.labels = mergeLabels(metric.labels, key.labels);
    const reason = invalidValue(family, metric) ?? invalidLabel(family, metric);
    if (reason !== undefined) leftOut.push(reason);
    return reason === undefined;
  });
  const repeated = findRepeated(valid);
  for (const metric of repeated) leftOut.push(describeRepeated(family, metric));
  family.metrics = valid.filter((metric) => !repeated.has(metric));
  if (family.metrics.length === 0) return false;
  names.add(family.name);
  return true;
}

function describeRepeatedFamily({ name }: MetricFamily): string {
  return `metric family ${JSON.stringify(fromByteString(name))} is there twice`;
}
