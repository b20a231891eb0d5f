import type { Family, FamilyHead } from "./family.ts";
import type { Group, GroupContent } from "./group.ts";
import type { Page } from "./page.ts";

/** What an entry shows: a family's head, one family of a group, or one of a group's time metrics. */
export const HEAD = -1;
export const PUSH_TIME = -2;
export const FAILURE_TIME = -3;

/** One stretch of the exposition that stays together. */
export interface SequenceEntry {
  readonly family: Family;
  /** Undefined for the head of a family. */
  readonly group: Group | undefined;
  /** The family's place in the group's layout, or one of the constants above. */
  slot: number;
  /** Left out of expositions, because it contradicts what another group holds. */
  hidden: boolean;
  /** About how long it is when printed. */
  bytes: number;
  page: Page | undefined;
}

export type GroupEntry = SequenceEntry & { readonly group: Group };

/** What an entry showed at some moment. */
export type Shown = GroupContent | FamilyHead;
