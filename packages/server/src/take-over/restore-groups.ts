import { type Gateway, isWaystationError, type RestoreOutcome } from "@waystation/core";
import { describeLabels, type GoGroup } from "../import/go-group.ts";
import type { Logger } from "../logging.ts";
import { toStandingGroup } from "./standing-group.ts";

/** What became of the groups of another gateway. */
export interface RestoreCounts {
  /** Groups that this gateway has now as they stood there. */
  groups: number;
  /** Their metrics: one for each set of labels, without the two times of each group. */
  metrics: number;
  /** Groups that were pushed to here later than there, and so were left alone. */
  newerHere: number;
  /** Groups and metrics that no gateway can serve. */
  leftOutGroups: number;
  leftOutMetrics: number;
}

/** How much may wait for the journal at once: enough for it to take many groups with one write. */
const MAX_WAITING = 256;
const MAX_WAITING_BYTES = 8 * 2 ** 20;
const PROGRESS_EVERY_MS = 1000;

/**
 * Puts the groups of a Go Pushgateway into this gateway. What no gateway can serve (the Go one fails its scrapes because of it) is
 * left out and named in the log; what contradicts other groups is taken, and the gateway leaves it out of its expositions.
 *
 * The groups are used up.
 *
 * @throws what {@link Gateway.restore} throws; then some groups are restored already, and it may be tried again
 */
export async function restoreGroups(
  gateway: Gateway,
  groups: readonly GoGroup[],
  logger: Logger,
): Promise<RestoreCounts> {
  const counts: RestoreCounts = { groups: 0, metrics: 0, newerHere: 0, leftOutGroups: 0, leftOutMetrics: 0 };
  let waiting: Promise<void>[] = [];
  let nextProgress = performance.now() + PROGRESS_EVERY_MS;
  for (const [done, group] of groups.entries()) {
    waiting.push(restore(gateway, group, counts, logger));
    if (waiting.length < MAX_WAITING && gateway.health().waitingBytes < MAX_WAITING_BYTES) continue;
    await Promise.all(waiting);
    waiting = [];
    if (performance.now() < nextProgress) continue;
    logger.info({ groups: done + 1, of: groups.length }, "storing imported groups");
    nextProgress = performance.now() + PROGRESS_EVERY_MS;
  }
  await Promise.all(waiting);
  return counts;
}

async function restore(gateway: Gateway, group: GoGroup, counts: RestoreCounts, logger: Logger): Promise<void> {
  const name = describeLabels(group.labels);
  let outcome: RestoreOutcome;
  try {
    outcome = await gateway.restore(toStandingGroup(group));
  } catch (error) {
    if (!isWaystationError(error, "GROUPING_KEY")) throw error;
    counts.leftOutGroups++;
    logger.warn({ group: name, err: error }, "a group was not imported");
    return;
  }
  if (!outcome.restored) {
    counts.newerHere++;
    return;
  }
  counts.groups++;
  counts.metrics += outcome.metrics;
  const [reason] = outcome.leftOut;
  if (reason === undefined) return;
  counts.leftOutMetrics += outcome.leftOut.length;
  logger.warn({ group: name, metrics: outcome.leftOut.length, reason }, "metrics of a group were not imported");
}
