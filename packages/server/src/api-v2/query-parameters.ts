import { isWaystationError } from "@waystation/core";
import { parseDuration } from "../config/duration.ts";
import { ApiError } from "./api-error.ts";
import { newestPushFailed } from "./group-json.ts";
import { type GroupFilter, type GroupQuery, type Place, SORT_KEYS, type SortKey } from "./group-query.ts";
import type { RecentPushes } from "./recent-pushes.ts";
import { parseSelector } from "./selector.ts";

const MAX_LIMIT = 1_000;
const DEFAULT_LIMIT = 100;
const MAX_WORDS = 10;
const MAX_SEARCH = 1_000;
const FILTERS = ["id", "search", "selector", "job", "metric", "failed", "olderThan"];
const PARAMETERS = [...FILTERS, "sort", "order", "limit", "offset", "cursor"];

export interface QueryContext {
  /** Seconds since the epoch. */
  readonly now: number;
  readonly recent: RecentPushes;
}

/** Which groups a request is about, as it says it. */
export interface FilterTexts {
  readonly ids?: readonly string[] | undefined;
  readonly search?: string | undefined;
  readonly selector?: string | undefined;
  readonly job?: string | undefined;
  readonly metric?: string | undefined;
  readonly failed?: boolean | undefined;
  readonly olderThan?: string | undefined;
}

/** @throws `INVALID_PARAMETER`, `INVALID_SELECTOR` */
export function parseFilter(texts: FilterTexts, { now, recent }: QueryContext): GroupFilter {
  const { ids, search = "", selector, job, metric, failed = false, olderThan } = texts;
  return {
    ids: ids === undefined ? undefined : new Set(ids),
    words: parseWords(search),
    selector: selector === undefined ? undefined : parseSelector(selector),
    job,
    metric,
    failed: failed ? (group) => newestPushFailed(group, recent) : undefined,
    pushedBefore: olderThan === undefined ? undefined : now - parseAge(olderThan),
  };
}

/** The parameters of `GET /groups`. @throws `INVALID_PARAMETER`, `INVALID_SELECTOR` */
export function parseGroupQuery(parameters: URLSearchParams, context: QueryContext): GroupQuery {
  for (const name of parameters.keys()) {
    if (!PARAMETERS.includes(name)) throw invalidParameter(name, `the parameters are ${PARAMETERS.join(", ")}`);
  }
  const text = (name: string): string | undefined => parameters.get(name) || undefined;
  const cursor = text("cursor");
  if (cursor !== undefined && parameters.has("offset")) {
    throw invalidParameter("offset", "the cursor says where to begin");
  }
  const sort = choice(parameters, "sort", SORT_KEYS);
  return {
    ...parseFilter(
      {
        ids: parameters.has("id") ? parameters.getAll("id") : undefined,
        search: text("search"),
        selector: text("selector"),
        job: text("job"),
        metric: text("metric"),
        failed: choice(parameters, "failed", ["false", "true"]) === "true",
        olderThan: text("olderThan"),
      },
      context,
    ),
    sort,
    descending: choice(parameters, "order", ["asc", "desc"]) === "desc",
    limit: wholeNumber(parameters, "limit", DEFAULT_LIMIT, 1, MAX_LIMIT),
    offset: wholeNumber(parameters, "offset", 0, 0, Number.MAX_SAFE_INTEGER),
    cursor: cursor === undefined ? undefined : parseCursor(cursor, sort),
  };
}

/** Lower case, as filters want them. */
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

/** The first one is the default. */
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
  if (number >= least && number <= most) return number;
  throw invalidParameter(name, `write a whole number from ${least} to ${most}`);
}

/** Opaque to clients. */
export function formatCursor({ value, id }: Place): string {
  return Buffer.from(JSON.stringify([value, id])).toString("base64url");
}

function parseCursor(text: string, sort: SortKey): Place {
  const wanted = sort === "labels" ? "string" : "number";
  try {
    const [value, id, ...rest] = JSON.parse(Buffer.from(text, "base64url").toString()) as unknown[];
    if (typeof value === wanted && typeof id === "string" && rest.length === 0) {
      return { value: value as string | number, id };
    }
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
