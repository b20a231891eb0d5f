import type { Gateway, GroupView } from "@waystation/core";
import { ApiError } from "./api-error.ts";
import { summaryJson } from "./group-json.ts";
import { filterGroups } from "./group-query.ts";
import { parseFilter } from "./query-parameters.ts";
import type { RecentPushes } from "./recent-pushes.ts";
import type { DeleteRequest, DeleteResult } from "./schema.ts";

const MAX_IDS = 10_000;
/** Groups of a result that are listed. */
const SAMPLE = 20;
/** Deletions that wait for the journal at once: pushes should find room beside them. */
const BATCH = 500;

/** Deletes the groups that a request is about, or counts them. @param request see {@link parseDeleteRequest} */
export async function deleteGroups(
  gateway: Gateway,
  request: DeleteRequest,
  recent: RecentPushes,
): Promise<DeleteResult> {
  const { dryRun = false, expect } = request;
  const groups = await filterGroups(gateway, parseFilter(request, { now: Date.now() / 1000, recent }));
  if (expect !== undefined && !dryRun && expect !== groups.length) {
    throw new ApiError(
      "COUNT_CHANGED",
      `this would delete ${groups.length} groups, and ${expect} were expected: look again, nothing was deleted`,
    );
  }
  const sample = groups.slice(0, SAMPLE).map((group) => summaryJson(group, recent));
  return { matched: groups.length, deleted: dryRun ? 0 : await deleteAll(gateway, groups), dryRun, sample };
}

async function deleteAll(gateway: Gateway, groups: readonly GroupView[]): Promise<number> {
  let deleted = 0;
  for (let i = 0; i < groups.length; i += BATCH) {
    const gone = await Promise.all(groups.slice(i, i + BATCH).map((group) => gateway.deleteSeen(group)));
    deleted += gone.filter(Boolean).length;
  }
  return deleted;
}

/** Checks the JSON of a request. @throws `INVALID_BODY` */
export function parseDeleteRequest(json: unknown): DeleteRequest {
  if (typeof json !== "object" || json === null || Array.isArray(json)) throw invalid("it is not an object");
  for (const [name, value] of Object.entries(json)) {
    const isValid = Object.hasOwn(MEMBERS, name) ? MEMBERS[name] : undefined;
    if (isValid === undefined) throw invalid(`it has no member ${JSON.stringify(name.slice(0, 40))}`);
    if (!isValid(value)) throw invalid(`${name} is not what it should be`);
  }
  const request = json as DeleteRequest;
  const { ids, search, selector, job, metric, failed, olderThan } = request;
  if (![ids, search, selector, job, metric, olderThan].some((given) => given !== undefined) && failed !== true) {
    throw invalid("it must say which groups: by ids, search, selector, job, metric, failed or olderThan");
  }
  return request;
}

const isText = (value: unknown): boolean => typeof value === "string";
const isFlag = (value: unknown): boolean => typeof value === "boolean";

const MEMBERS: Readonly<Record<string, (value: unknown) => boolean>> = {
  search: (value) => isText(value) && (value as string).trim() !== "",
  selector: isText,
  job: isText,
  metric: isText,
  olderThan: isText,
  failed: isFlag,
  dryRun: isFlag,
  expect: (value) => Number.isSafeInteger(value) && (value as number) >= 0,
  ids: (value) => Array.isArray(value) && value.length <= MAX_IDS && value.every(isText),
};

function invalid(reason: string): ApiError {
  return new ApiError("INVALID_BODY", `the request body cannot be used: ${reason}`);
}
