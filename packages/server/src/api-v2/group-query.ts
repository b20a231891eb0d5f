import { type FamilyHead, fromByteString, type Gateway, type GroupingKey, type GroupView } from "@waystation/core";
import type { GroupScope } from "../access/group-scope.ts";
import { ApiError } from "./api-error.ts";
import { lookUpGroup } from "./group-id.ts";
import { selectRange } from "./select-range.ts";
import type { Selector } from "./selector.ts";
import { inSlices } from "./slices.ts";

/** Which groups: those that pass everything that is given. */
export interface GroupFilter {
  /** As in `GroupSummary.id`. */
  readonly ids: ReadonlySet<string> | undefined;
  /** Lower case. Each must occur in a label, as `name=value`, or in the name of a metric family. */
  readonly words: readonly string[];
  readonly selector: Selector | undefined;
  readonly job: string | undefined;
  /** The exact name of a family that it holds. */
  readonly metric: string | undefined;
  /** Only those that may be seen. Default: all. */
  readonly scope?: GroupScope | undefined;
  /** Only those of which this says that the newest push failed. */
  readonly failed: ((group: GroupView) => boolean) | undefined;
  /** Only those whose last successful push was before this time: seconds since the epoch. */
  readonly pushedBefore: number | undefined;
}

export const SORT_KEYS = ["labels", "pushTime", "series", "families", "bytes"] as const;
export type SortKey = (typeof SORT_KEYS)[number];

export interface GroupQuery extends GroupFilter {
  readonly sort: SortKey;
  readonly descending: boolean;
  readonly limit: number;
  /** Begin behind this place. */
  readonly cursor: Place | undefined;
  /** Begin at this rank, if there is no cursor. */
  readonly offset: number;
}

/** A place in an order of groups, whether there is a group at it or not. */
export interface Place {
  readonly value: number | string;
  readonly id: string;
}

export interface GroupPage {
  readonly groups: readonly GroupView[];
  /** How many may be seen. */
  readonly total: number;
  readonly matched: number;
  /** The rank of the first group. */
  readonly offset: number;
  /** Of the last group, if there are more behind it. */
  readonly next: Place | undefined;
}

/** Milliseconds of work, not counting what others do in between, that one request may take. */
const BUDGET_MS = 2_000;

/** All groups that pass. @throws `TOO_COSTLY` */
export async function filterGroups(gateway: Gateway, filter: GroupFilter): Promise<GroupView[]> {
  const passes = predicate(filter);
  const groups: GroupView[] = [];
  const candidates = filter.ids === undefined ? gateway.groups() : namedGroups(gateway, filter.ids);
  let work = 0;
  await inSlices(candidates, (group) => {
    const started = performance.now();
    if (passes(group)) groups.push(group);
    work += performance.now() - started;
    if (work > BUDGET_MS) throw new ApiError("TOO_COSTLY", "this search takes too long: use a simpler pattern");
  });
  return groups;
}

function* namedGroups(gateway: Gateway, ids: Iterable<string>): Generator<GroupView> {
  for (const id of ids) {
    const group = lookUpGroup(gateway, id);
    if (group !== undefined) yield group;
  }
}

/** One page of the groups that pass, in order. @throws `TOO_COSTLY` */
export async function queryGroups(gateway: Gateway, query: GroupQuery): Promise<GroupPage> {
  const { sort, descending, limit, cursor, scope } = query;
  let seen = 0;
  const counting = (key: GroupingKey): boolean => {
    const isIn = scope!(key);
    if (isIn) seen++;
    return isIn;
  };
  const matching = await filterGroups(gateway, { ...query, scope: scope && counting });
  const placed = matching.map((group) => ({ group, value: sortValue(group, sort), id: group.key.id }));
  const direction = descending ? -1 : 1;
  const compare = (a: Place, b: Place): number => direction * comparePlaces(a, b);
  const later = cursor === undefined ? placed : placed.filter((place) => compare(place, cursor) > 0);
  const start = cursor === undefined ? query.offset : 0;
  const page = selectRange(later, start, start + limit, compare);
  const last = page.at(-1);
  return {
    groups: page.map(({ group }) => group),
    total: scope === undefined ? gateway.health().groups : seen,
    matched: placed.length,
    offset: Math.min(placed.length, placed.length - later.length + start),
    next: last !== undefined && start + limit < later.length ? { value: last.value, id: last.id } : undefined,
  };
}

function comparePlaces(a: Place, b: Place): number {
  if (a.value < b.value) return -1;
  if (a.value > b.value) return 1;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}

function sortValue(group: GroupView, sort: SortKey): number | string {
  switch (sort) {
    case "labels":
      return jobOf(group);
    case "pushTime":
      return group.pushTime;
    case "series":
      return group.countSeries();
    case "families":
      return group.heads.length;
    case "bytes":
      return group.bytes;
  }
}

function jobOf({ labels }: GroupView): string {
  return labels.find(({ name }) => name === "job")!.value;
}

function predicate(filter: GroupFilter): (group: GroupView) => boolean {
  const { words, selector, job, metric, scope, failed, pushedBefore } = filter;
  const heads = new WeakMap<readonly FamilyHead[], string>();
  const namesOf = (group: GroupView): string => {
    let names = heads.get(group.heads);
    if (names === undefined) {
      names = group.heads.map(({ name }) => fromByteString(name).toLowerCase()).join("\n");
      heads.set(group.heads, names);
    }
    return names;
  };
  return (group) => {
    if (scope?.(group.key) === false) return false;
    if (failed?.(group) === false) return false;
    if (pushedBefore !== undefined && group.pushTime >= pushedBefore) return false;
    if (job !== undefined && fromByteString(jobOf(group)) !== job) return false;
    if (metric !== undefined && !group.heads.some(({ name }) => fromByteString(name) === metric)) return false;
    if (selector !== undefined && !selector(group.labels)) return false;
    if (words.length === 0) return true;
    const labels = group.labels
      .map(({ name, value }) => `${fromByteString(name)}=${fromByteString(value)}`)
      .join("\n")
      .toLowerCase();
    return words.every((word) => labels.includes(word) || namesOf(group).includes(word));
  };
}
