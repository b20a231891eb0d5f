import { Readable } from "node:stream";
import type { Gateway } from "@waystation/core";
import type { Context } from "koa";
import { type GroupScope, scopeOf } from "../access/group-scope.ts";
import { setEmpty } from "../middleware/errors.ts";
import { groupJson } from "./api-json.ts";
import { catchUp } from "./freshness.ts";

const CORS_HEADERS = {
  "Access-Control-Allow-Headers": "Accept, Authorization, Content-Type, Origin",
  "Access-Control-Allow-Methods": "GET, POST, DELETE, OPTIONS",
  "Access-Control-Allow-Origin": "*",
  "Access-Control-Expose-Headers": "Date",
  "Cache-Control": "no-cache, no-store, must-revalidate",
};

/** Rendered text is handed on in pieces of about this many characters. */
const PIECE = 65_536;

export interface StatusFacts {
  readonly flags: Readonly<Record<string, string>>;
  readonly startTime: Date;
  readonly buildInformation: Readonly<Record<string, string>>;
}

/** `OPTIONS /api/v1/*` */
export function apiOptions(ctx: Context): void {
  ctx.set(CORS_HEADERS);
  setEmpty(ctx, 200);
}

/** `GET /api/v1/status` */
export function apiStatus({ flags, startTime, buildInformation }: StatusFacts): (ctx: Context) => void {
  const data = { build_information: buildInformation, flags, start_time: startTime.toISOString() };
  return (ctx) => {
    ctx.set(CORS_HEADERS);
    ctx.set("Content-Type", "application/json");
    ctx.body = JSON.stringify({ status: "success", data });
  };
}

/** `GET /api/v1/metrics`: everything stored that may be seen, as JSON, streamed. */
export function apiMetrics(gateway: Gateway): (ctx: Context) => Promise<void> {
  return async (ctx) => {
    await catchUp(gateway);
    ctx.set(CORS_HEADERS);
    ctx.set("Content-Type", "application/json");
    ctx.body = Readable.from(renderGroups(gateway, scopeOf(ctx.req)));
  };
}

function* renderGroups(gateway: Gateway, scope: GroupScope = () => true): Generator<string> {
  let piece = '{"status":"success","data":[';
  let separator = "";
  for (const group of gateway.groups()) {
    if (!scope(group.key)) continue;
    piece += separator + JSON.stringify(groupJson(group));
    separator = ",";
    if (piece.length >= PIECE) {
      yield piece;
      piece = "";
    }
  }
  yield `${piece}]}`;
}
