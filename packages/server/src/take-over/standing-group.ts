import {
  fromByteString,
  type Gateway,
  type GroupingKey,
  groupingKey,
  isValidUtf8,
  isWaystationError,
  type StandingGroup,
  WaystationError,
} from "@waystation/core";
import { describeLabels, type GoFamily, type GoGroup } from "../import/go-group.ts";
import type { Logger } from "../logging.ts";

/** Groups restored at once: enough for the journal to take many with one write. */
const AT_ONCE = 256;
/** How often to say how far it is. */
const TELL_EVERY_MS = 1_000;

/**
 * Puts the groups of a Go Pushgateway into this gateway. Groups that no gateway can serve (the Go one fails its scrapes because of
 * them) are left out and named in the log.
 *
 * @returns how many were taken
 */
export async function restoreGroups(gateway: Gateway, groups: readonly GoGroup[], logger: Logger): Promise<number> {
  let taken = 0;
  let toldAt = performance.now();
  for (let start = 0; start < groups.length; start += AT_ONCE) {
    const slice = groups.slice(start, start + AT_ONCE);
    const outcomes = await Promise.all(slice.map((group) => restore(gateway, group, logger)));
    taken += outcomes.filter(Boolean).length;
    if (performance.now() - toldAt > TELL_EVERY_MS) {
      toldAt = performance.now();
      logger.info({ groups: start + slice.length, of: groups.length }, "storing imported groups");
    }
  }
  return taken;
}

async function restore(gateway: Gateway, group: GoGroup, logger: Logger): Promise<boolean> {
  try {
    await gateway.restore(toStandingGroup(group));
    return true;
  } catch (error) {
    if (!isWaystationError(error, "INCONSISTENT", "GROUPING_KEY")) throw error;
    logger.warn({ group: describeLabels(group.labels), err: error }, "a group was not imported");
    return false;
  }
}

function toStandingGroup(group: GoGroup): StandingGroup {
  const pushed = group.families.find(({ family }) => family.name === "push_time_seconds");
  const failed = group.families.find(({ family }) => family.name === "push_failure_time_seconds");
  return {
    key: toGroupingKey(group),
    pushTime: firstValue(pushed),
    failureTime: firstValue(failed),
    pushStamp: pushed?.time ?? 0n,
    failureStamp: failed?.time ?? 0n,
    families: group.families,
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
