import { WaystationError } from "../errors.ts";
import { compareBytes } from "../model/byte-string.ts";
import type { GroupingKey } from "../model/grouping-key.ts";
import type { MetricFamily } from "../model/metric-family.ts";
import { decodeRecord, encodeRecord } from "../record/record.ts";
import { isTimeFamily } from "../state/time-families.ts";
import { encodePush } from "./encode-push.ts";

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

/**
 * A record that puts the group where it stood. Its families are used up, as those of a push.
 *
 * @throws `INCONSISTENT` if it holds what no push may store
 */
export function encodeRestore(group: StandingGroup): Uint8Array {
  const { key, pushTime, failureTime, pushStamp, failureStamp } = group;
  const standing = group.families
    .filter(({ family }) => family.metrics.length > 0 && !isTimeFamily(family.name))
    .sort((a, b) => compareBytes(a.family.name, b.family.name));
  const families = standing.map(({ family }) => family);
  const pushed = decodeRecord(
    Buffer.from(encodePush(families, { key, mode: "replace", time: pushStamp, unchecked: true })),
  );
  if (pushed.kind === "failed") throw new WaystationError("INCONSISTENT", pushed.reason);
  if (pushed.kind !== "replace") throw new TypeError("a push to restore a group from is one that replaces it");
  return encodeRecord({
    kind: "restore",
    key: key.id,
    time: pushStamp,
    pushTime,
    failureTime,
    pushStamp,
    failureStamp,
    familyStamps: standing.map(({ time }) => time),
    block: pushed.block,
  });
}
