import type { Family } from "./family.ts";
import type { Group, GroupContent } from "./group.ts";
import type { Page } from "./page.ts";

/**
 * An entry is a stretch of the exposition that stays together: a family's head, one family of a group, or one of a group's time
 * metrics. There are a dozen of them for each group, so they are no objects: a page holds their parts in columns, and family and
 * group know the page.
 *
 * Of a group's entry the slot is the family's place in the group's layout, or one of these:
 */
export const HEAD = -1;
export const PUSH_TIME = -2;
export const FAILURE_TIME = -3;

/** What an entry showed at some moment. */
export type Shown = GroupContent | FamilyHead;

/** What stands above a family's samples in an exposition. Immutable. */
export type FamilyHead = NonNullable<Family["head"]>;

/** About how long an entry is when printed. @param group undefined for a head */
export function entryBytes(family: Family, group: Group | undefined, slot: number): number {
  return group === undefined ? headBytes(family.head!) : groupEntryBytes(group, slot);
}

export function groupEntryBytes(group: Group, slot: number): number {
  if (slot === FAILURE_TIME) return group.timeLabels.length + 50;
  if (slot === PUSH_TIME) return group.timeLabels.length + 40;
  const { layout, body } = group.content;
  return layout.lineBytes(body, slot);
}

export function headBytes({ name, help }: FamilyHead): number {
  return 2 * name.length + (help?.length ?? 0) + 30;
}

/** Where an entry stands. */
export function pageOf(family: Family, group: Group | undefined, slot: number): Page | undefined {
  if (group === undefined) return family.headPage;
  if (slot === FAILURE_TIME) return group.failureTimePage;
  return slot === PUSH_TIME ? group.pushTimePage : group.pages[slot];
}

export function setPage(family: Family, group: Group | undefined, slot: number, page: Page | undefined): void {
  if (group === undefined) family.headPage = page;
  else if (slot === FAILURE_TIME) group.failureTimePage = page;
  else if (slot === PUSH_TIME) group.pushTimePage = page;
  else group.pages[slot] = page;
}
