import { type FamilyHead, fromByteString, type Gateway, type GroupView, isWaystationError } from "@waystation/core";
import { parseDuration } from "../config/duration.ts";
import { ApiError } from "./api-error.ts";
import { selectRange } from "./select-range.ts";
import { parseSelector, type Selector } from "./selector.ts";
import { inSlices } from "./slices.ts";

/** Which groups. */
export interface GroupFilter {
  /** Lower case. Each must occur in a label, as `name=value`, or in the name of a metric family. */
  readonly words: readonly string[];
  readonly selector: Selector | undefined;
  readonly job: string | undefined;
  /** The exact name of a family that it holds. */
  readonly metric: string | undefined;
  /** Only those whose newest push failed. */
  readonly failed: boolean;
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
  let work = 0;
  await inSlices(gateway.groups(), (group) => {
    const started = performance.now();
    if (passes(group)) groups.push(group);
    work += performance.now() - started;
    if (work > BUDGET_MS) throw new ApiError("TOO_COSTLY", "this search takes too long: use a simpler pattern");
  });
  return groups;
}

/** One page of the groups that pass, in order. @throws `TOO_COSTLY` */
export async function queryGroups(gateway: Gateway, query: GroupQuery): Promise<GroupPage> {
  const { sort, descending, limit, cursor } = query;
  const matching = await filterGroups(gateway, query);
  const placed = matching.map((group) => ({ group, value: sortValue(group, sort), id: group.key.id }));
  const direction = descending ? -1 : 1;
  const compare = (a: Place, b: Place): number => direction * comparePlaces(a, b);
  const later = cursor === undefined ? placed : placed.filter((place) => compare(place, cursor) > 0);
  const start = cursor === undefined ? query.offset : 0;
  const page = selectRange(later, start, start + limit, compare);
  const last = page.at(-1);
  return {
    groups: page.map(({ group }) => group),
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
  const { words, selector, job, metric, failed, pushedBefore } = filter;
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
    if (failed && group.lastPushSuccessful) return false;
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

// --- From requests ----------------------------------------------------------------------------------------------------------------

const MAX_LIMIT = 1_000;
const DEFAULT_LIMIT = 100;
const MAX_WORDS = 10;
const MAX_SEARCH = 1_000;
const PARAMETERS = [
  "search",
  "selector",
  "job",
  "metric",
  "failed",
  "olderThan",
  "sort",
  "order",
  "limit",
  "offset",
  "cursor",
];

/** @param now seconds since the epoch; @throws `INVALID_PARAMETER`, `INVALID_SELECTOR` */
export function parseGroupQuery(parameters: URLSearchParams, now: number): GroupQuery {
  for (const name of parameters.keys()) {
    if (!PARAMETERS.includes(name)) throw invalidParameter(name, `the parameters are ${PARAMETERS.join(", ")}`);
  }
  const text = (name: string): string | undefined => parameters.get(name) || undefined;
  const cursor = text("cursor");
  if (cursor !== undefined && parameters.has("offset"))
    throw invalidParameter("offset", "the cursor says where to begin");
  const selector = text("selector");
  const sort = choice(parameters, "sort", SORT_KEYS);
  const olderThan = text("olderThan");
  return {
    words: parseWords(text("search") ?? ""),
    selector: selector === undefined ? undefined : parseSelector(selector),
    job: text("job"),
    metric: text("metric"),
    failed: choice(parameters, "failed", ["false", "true"]) === "true",
    pushedBefore: olderThan === undefined ? undefined : now - parseAge(olderThan),
    sort,
    descending: choice(parameters, "order", ["asc", "desc"]) === "desc",
    limit: wholeNumber(parameters, "limit", DEFAULT_LIMIT, 1, MAX_LIMIT),
    offset: wholeNumber(parameters, "offset", 0, 0, Number.MAX_SAFE_INTEGER),
    cursor: cursor === undefined ? undefined : parseCursor(cursor, sort),
  };
}

function parseWords(search: string): string[] {
  if (search.length > MAX_SEARCH) throw invalidParameter("search", `it is longer than ${MAX_SEARCH} characters`);
  const words = search
    .toLowerCase()
    .split(/\s+/)
    .filter((word) => word !== "");
  if (words.length > MAX_WORDS) throw invalidParameter("search", `it has more than ${MAX_WORDS} words`);
  return words;
}

/** Seconds of `90s`, `1h30m` or, as in Prometheus, `7d`, `2w`. @throws `INVALID_PARAMETER` */
export function parseAge(text: string): number {
  const days = /^(\d{1,5})([dw])$/.exec(text);
  if (days !== null) return Number(days[1]) * (days[2] === "w" ? 7 : 1) * 86_400;
  try {
    const seconds = parseDuration(text) / 1000;
    if (seconds >= 0) return seconds;
  } catch (error) {
    if (!isWaystationError(error, "CONFIG")) throw error;
  }
  throw invalidParameter("olderThan", "write it like 90s, 1h30m, 7d or 2w");
}

function choice<Choice extends string>(parameters: URLSearchParams, name: string, choices: readonly Choice[]): Choice {
  const given = parameters.get(name) ?? choices[0]!;
  const chosen = choices.find((candidate) => candidate === given);
  if (chosen === undefined) throw invalidParameter(name, `write ${choices.join(" or ")}`);
  return chosen;
}

function wholeNumber(
  parameters: URLSearchParams,
  name: string,
  otherwise: number,
  least: number,
  most: number,
): number {
  const given = parameters.get(name);
  if (given === null) return otherwise;
  const number = /^\d{1,16}$/.test(given) ? Number(given) : Number.NaN;
  if (!(number >= least && number <= most))
    throw invalidParameter(name, `write a whole number from ${least} to ${most}`);
  return number;
}

/** Opaque to clients. */
export function formatCursor({ value, id }: Place): string {
  return Buffer.from(JSON.stringify([value, id])).toString("base64url");
}

function parseCursor(text: string, sort: SortKey): Place {
  try {
    const [value, id, ...rest] = JSON.parse(Buffer.from(text, "base64url").toString()) as unknown[];
    const wanted = sort === "labels" ? "string" : "number";
    if (typeof value === wanted && typeof id === "string" && rest.length === 0)
      return { value: value as string | number, id };
  } catch {
    // Not one of ours.
  }
  throw invalidParameter("cursor", "take it from `next` of the page before, with the same sort");
}

function invalidParameter(name: string, remedy: string): ApiError {
  return new ApiError(
    "INVALID_PARAMETER",
    `the parameter ${JSON.stringify(name.slice(0, 40))} is not valid: ${remedy}`,
  );
}
