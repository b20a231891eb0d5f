import { readFileSync } from "node:fs";
import Router from "@koa/router";
import { type Gateway, type GroupingKey, toByteString } from "@waystation/core";
import type { Context, Middleware } from "koa";
import type { AccessControl } from "../access/access-control.ts";
import { scopeOf } from "../access/group-scope.ts";
import type { Settings } from "../config/settings.ts";
import { withBody } from "../http/body.ts";
import type { InFlight } from "../http/in-flight.ts";
import type { Logger } from "../logging.ts";
import type { HttpMetrics } from "../metrics/http-metrics.ts";
import type { StatusFacts } from "../routes/api.ts";
import { catchUp } from "../routes/freshness.ts";
import { ApiError, errorReply } from "./api-error.ts";
import { checkText } from "./check/check.ts";
import { deleteGroups, parseDeleteRequest } from "./delete-groups.ts";
import { EventStream } from "./event-stream.ts";
import { GatewayWatch } from "./gateway-watch.ts";
import { findGroup, lookUpGroup } from "./group-id.ts";
import { familyJson, pushJson, summaryJson } from "./group-json.ts";
import { queryGroups } from "./group-query.ts";
import type { PushLog } from "./push-log.ts";
import { formatCursor, parseGroupQuery } from "./query-parameters.ts";
import type { DeleteResult, ErrorAnswer, GroupDetail, GroupList, Status } from "./schema.ts";
import { processSample, statusJson } from "./status.ts";

export interface ApiV2Options {
  readonly gateway: Gateway;
  readonly settings: Settings;
  readonly facts: StatusFacts;
  readonly logger: Logger;
  readonly metrics: HttpMetrics;
  readonly log: PushLog;
  /** Default: everybody may do everything. */
  readonly access?: AccessControl | undefined;
  /** Counts bodies. */
  readonly inFlight: InFlight;
  readonly isStopping: () => boolean;
}

/** Metrics of one family that the page of a group lists. */
const MAX_METRICS = 1_000;
const MAX_JSON_BYTES = 1024 * 1024;
const MAX_CHECK_BYTES = 1024 * 1024;

/** Stands for a group that is not there, so that only those who may delete learn that. */
const NO_GROUP: GroupingKey = { id: "", labels: [] };

const OPENAPI = readFileSync(new URL("openapi.yaml", import.meta.url));

/** Everything below `/api/v2`, described in `openapi.yaml`. What goes wrong is answered in JSON. */
export function apiV2(options: ApiV2Options): Middleware {
  const { settings, logger, metrics } = options;
  const prefix = `${settings.routePrefix}/api/v2`;
  const routes = createRouter(options).routes() as unknown as Middleware;
  return async (ctx, next) => {
    const { path } = ctx;
    if (path !== prefix && !path.startsWith(`${prefix}/`)) return next();
    ctx.set("Cache-Control", "no-store");
    ctx.set("X-Content-Type-Options", "nosniff");
    try {
      ctx.path = path.slice(prefix.length) || "/";
      requireRole(options.access, ctx);
      await routes(ctx, () => Promise.reject(notServed(ctx)));
    } catch (error) {
      const { status, code, message, retryAfter } = errorReply(error);
      const details = { method: ctx.method, source: ctx.ip, path, err: error };
      if (code === "INTERNAL") logger.error({ ...details, stack: (error as Error)?.stack }, "defect in the API");
      else logger.debug(details, "API request refused");
      ctx.status = status;
      if (retryAfter !== undefined) ctx.set("Retry-After", String(retryAfter));
      ctx.body = { error: { code, message } } satisfies ErrorAnswer;
    } finally {
      ctx.path = path;
    }
    const route = ctx["_matchedRouteName"] as string | undefined;
    if (route !== undefined) metrics.countRequest(`api/v2/${route}`, ctx.status, ctx.method);
  };
}

/**
 * What only looks needs `read`, and shows no more than {@link scopeOf} allows; routes of one group ask for it once more. What deletes needs `delete`, for all groups unless it names
 * one. See `router.param`.
 */
function requireRole(access: AccessControl | undefined, ctx: Context): void {
  const looks = ctx.method === "GET" || ctx.method === "HEAD" || (ctx.method === "POST" && ctx.path === "/check");
  if (looks) access?.requireInScope("read", ctx);
  else if (ctx.method !== "DELETE") access?.require("delete", ctx);
}

function notServed(ctx: Context): ApiError {
  // Routes of this path, whatever their method.
  const pathExists = (ctx["matched"] as readonly unknown[]).length > 0;
  return pathExists
    ? new ApiError("METHOD_NOT_ALLOWED", `${ctx.method} is not served here`)
    : new ApiError("NOT_FOUND", "nothing is served at this path of the API");
}

function createRouter(options: ApiV2Options): Router {
  const { gateway, settings, log, inFlight, isStopping } = options;
  const watch = new GatewayWatch(gateway, log);
  const events = new EventStream({ gateway, isStopping, sample: () => processSample(gateway, log) });
  const position = (): number => gateway.health().position;

  const router = new Router();
  router.param("id", async (id, ctx, next) => {
    await catchUp(gateway);
    const role = ctx.method === "DELETE" ? "delete" : "read";
    options.access?.require(role, ctx, lookUpGroup(gateway, id)?.key ?? NO_GROUP);
    return next();
  });
  router.get("openapi", "/openapi.yaml", (ctx) => {
    ctx.type = "application/yaml";
    ctx.body = OPENAPI;
  });
  router.get("status", "/status", (ctx) => {
    const status = statusJson({ ...options, watch });
    // It names groups.
    ctx.body = scopeOf(ctx.req) === undefined ? status : ({ ...status, hidden: [] } satisfies Status);
  });
  router.get("events", "/events", events.handle);
  router.get("groups", "/groups", async (ctx) => {
    const query = parseGroupQuery(new URLSearchParams(ctx.querystring), { now: Date.now() / 1000, recent: log.recent });
    await catchUp(gateway);
    const { groups, total, matched, offset, next } = await queryGroups(gateway, { ...query, scope: scopeOf(ctx.req) });
    ctx.body = {
      groups: groups.map((group) => summaryJson(group, log.recent)),
      total,
      matched,
      offset,
      next: next === undefined ? null : formatCursor(next),
      position: position(),
    } satisfies GroupList;
  });
  router.post("delete-groups", "/groups/delete", async (ctx) => {
    const request = parseDeleteRequest(await readJson(ctx, inFlight));
    await catchUp(gateway);
    ctx.body = (await deleteGroups(gateway, request, log.recent)) satisfies DeleteResult;
  });
  router.get("group", "/groups/:id", (ctx) => {
    const group = findGroup(gateway, ctx.params["id"]!);
    ctx.body = {
      group: summaryJson(group, log.recent),
      families: group.pushedFamilies().map((family) => familyJson(family, MAX_METRICS)),
      pushes: log.recent.of(group.key.id).map(pushJson),
      position: position(),
    } satisfies GroupDetail;
  });
  router.get("group-text", "/groups/:id/text", (ctx) => {
    ctx.set("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    ctx.body = Buffer.from(findGroup(gateway, ctx.params["id"]!).text());
  });
  router.delete("delete-group", "/groups/:id", async (ctx) => {
    await gateway.delete(findGroup(gateway, ctx.params["id"]!).key);
    ctx.status = 204;
  });
  router.delete("delete-family", "/groups/:id/families/:family", async (ctx) => {
    const group = findGroup(gateway, ctx.params["id"]!);
    const name = toByteString(ctx.params["family"]!);
    if (!group.heads.some((head) => head.name === name)) {
      throw new ApiError("NOT_FOUND", `the group has no metric family ${JSON.stringify(ctx.params["family"])}`);
    }
    await gateway.deleteFamily(group.key, name);
    ctx.status = 204;
  });
  router.post("check", "/check", async (ctx) => {
    const key = gateway.parseKey(toByteString(pathParameter(ctx)));
    options.access?.require("read", ctx, key);
    ctx.body = await withBody(ctx.req, MAX_CHECK_BYTES, inFlight, (body) =>
      checkText(body, {
        gateway,
        key,
        utf8Names: settings["push.enable-utf8-names"],
        lenientText: settings["push.lenient-text"],
      }),
    );
  });
  return router;
}

/** The group that a checked exposition would be pushed to: what follows `/metrics/` in that push. */
function pathParameter(ctx: Context): string {
  return new URLSearchParams(ctx.querystring).get("path") ?? "job/check";
}

/** Only JSON that says so: a page of another origin cannot send that without being asked whether it may. */
async function readJson(ctx: Context, inFlight: InFlight): Promise<unknown> {
  if (!ctx.is("application/json")) {
    throw new ApiError("UNSUPPORTED_MEDIA_TYPE", "send JSON, with Content-Type: application/json");
  }
  return withBody(ctx.req, MAX_JSON_BYTES, inFlight, (body) => {
    try {
      return JSON.parse(Buffer.from(body).toString("utf8")) as unknown;
    } catch (cause) {
      throw new ApiError("INVALID_BODY", `the request body is not JSON: ${(cause as Error).message}`);
    }
  });
}
