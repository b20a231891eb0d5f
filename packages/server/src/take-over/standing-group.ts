import {
  fromByteString,
  type GroupingKey,
  groupingKey,
  isValidUtf8,
  type StandingGroup,
  WaystationError,
} from "@waystation/core";
import type { GoFamily, GoGroup } from "../import/go-group.ts";

/**
 * A group of a Go Pushgateway as one that a gateway can restore. Its families are not copied.
 *
 * @throws `GROUPING_KEY` if no gateway can have a group with such labels. The Go program may: it fails its scrapes because of it.
 */
export function toStandingGroup(group: GoGroup): StandingGroup {
  const pushed = group.families.find(({ family }) => family.name === "push_time_seconds");
  const failed = group.families.find(({ family }) => family.name === "push_failure_time_seconds");
  return {
    key: toGroupingKey(group),
    pushTime: firstValue(pushed),
    failureTime: firstValue(failed),
    pushStamp: toStamp(pushed?.time),
    failureStamp: toStamp(failed?.time),
    families: group.families.map(({ time, family }) => ({ time: toStamp(time), family })),
  };
}

function toGroupingKey({ labels }: GoGroup): GroupingKey {
  const entries = [...labels];
  if (!entries.flat().every(isValidUtf8)) {
    throw new WaystationError("GROUPING_KEY", "a grouping label is not valid UTF-8");
  }
  // Whatever names the old gateway was told to accept, the group is there.
  return groupingKey(Object.fromEntries(entries.map((pair) => pair.map(fromByteString))), { utf8Names: true });
}

function firstValue(family: GoFamily | undefined): number {
  return family?.family.metrics[0]?.value ?? 0;
}

const LAST_STAMP = 2n ** 63n - 1n;

/** Go's zero time, which stands for none, is long before 1970; stamps are 64 bits of nanoseconds from then on. */
function toStamp(time = 0n): bigint {
  return time < 0n ? 0n : time > LAST_STAMP ? LAST_STAMP : time;
}
