import type { ByteString } from "../model/byte-string.ts";
import { type GroupingKey, timeLabels } from "../model/grouping-key.ts";
import { formatLabels } from "../model/labels.ts";
import { isLegacyLabelName } from "../model/names.ts";
import { type FamilySide, NO_SIDES } from "../record/family-block.ts";
import type { GroupTimes } from "../record/record.ts";
import type { Layout } from "./layout.ts";
import type { SequenceEntry } from "./sequence-entry.ts";
import type { Shape } from "./shape.ts";

/** Everything that one grouping key holds. Immutable: a push replaces it, so whoever took it keeps seeing one moment. */
export interface GroupContent extends GroupTimes {
  readonly layout: Layout;
  /** Ends of the families' sample lines, then the lines; see `record/family-block.ts`. */
  readonly body: Uint8Array;
  readonly sides: ReadonlyMap<number, FamilySide>;
}

/** What a group holds before anything was pushed to it, apart from the layout of no families. */
export const NOTHING: Omit<GroupContent, "layout"> = Object.freeze({
  body: new Uint8Array(0),
  sides: NO_SIDES,
  pushTime: 0,
  failureTime: 0,
  pushStamp: 0n,
  failureStamp: 0n,
  familyStamps: undefined,
});

/** A metric group: the stable thing that the exposition refers to, with a content that changes. */
export class Group {
  readonly key: GroupingKey;
  readonly shape: Shape;
  /** Of the key, for state hashes. */
  readonly keyHash: number;
  /** The labels of its two time metrics, as printed. */
  readonly timeLabels: ByteString;
  /** Are there grouping labels whose names are outside the legacy character set? */
  readonly quoted: boolean;
  content: GroupContent;
  /** Where its families stand in the exposition, in the order of the content's layout. */
  entries: SequenceEntry[] = [];
  /** Where its two time metrics stand. */
  timeEntries: readonly SequenceEntry[] = [];
  /** Its share in the state hash, as signed integers, which need no memory of their own. */
  hashLow = 0;
  hashHigh = 0;

  constructor(key: GroupingKey, shape: Shape, content: GroupContent, keyHash: number) {
    this.key = key;
    this.keyHash = keyHash;
    this.shape = shape;
    this.content = content;
    this.timeLabels = formatLabels(timeLabels(key));
    this.quoted = key.labels.some(({ name }) => !isLegacyLabelName(name));
  }
}

/** When a group was last pushed to, with success or not: nanoseconds since the epoch. */
export function latestStamp({ pushStamp, failureStamp }: GroupTimes): bigint {
  return pushStamp > failureStamp ? pushStamp : failureStamp;
}

/** When family `slot` of a group was last pushed: nanoseconds since the epoch. */
export function familyStamp(content: GroupContent, slot: number): bigint {
  return content.familyStamps?.[slot] ?? content.pushStamp;
}
