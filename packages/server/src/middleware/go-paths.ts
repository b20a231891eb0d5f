import { STATUS_CODES } from "node:http";
import type { Context, Middleware } from "koa";
import { readStart } from "../http/body.ts";
import { checkGzipHeader, contentEncoding } from "../http/content-encoding.ts";
import { escapeHtml } from "../http/html.ts";
import { cleaningRedirect, escapePath, parseRequestTarget, type RequestTarget } from "../http/request-target.ts";
import type { Fallback, RouteTable } from "../http/route-table.ts";
import { setEmpty, setError } from "./errors.ts";

export interface GoPathsOptions {
  readonly routes: RouteTable;
  /** Those below `apiPrefix`, which they do not repeat: that tree is routed apart, and its redirects lose the prefix. */
  readonly apiRoutes: RouteTable;
  /** `/api/v1`, with the route prefix. */
  readonly apiPrefix: string;
  /** Answers a push whose path is spelled unusually. @param tail the path after `/metrics/`, percent-encoded */
  push(ctx: Context, tail: string): void;
}

/** Nothing but the header of such a body is looked at; longer ones, with longer names of files in them, count as incomplete. */
const MAX_GZIP_HEADER_BYTES = 64 * 1024;

/**
 * Stands between Koa and the router and makes paths mean what they mean to Go's `net/http` and httprouter: decoding, redirects of
 * unclean paths, `Content-Encoding` before routing, 404 and 405. What it passes on is spelled canonically and has a route.
 */
export function goPaths(options: GoPathsOptions): Middleware {
  const { routes, apiRoutes, apiPrefix } = options;
  return async (ctx, next) => {
    const target = parseRequestTarget(ctx.req.url ?? "/");
    if (ctx.req.url === "*") return answerServerWide(ctx);
    const clean = cleaningRedirect(target);
    if (clean !== undefined) return redirect(ctx, 301, clean);
    if (target.path === apiPrefix) return redirect(ctx, 301, `${apiPrefix}/${target.query}`);

    if (target.escapedPath.startsWith(`${apiPrefix}/`)) {
      const below = { ...target, path: target.path.slice(apiPrefix.length) };
      if (apiRoutes.find(ctx.method, below.path) === undefined)
        return fallBack(ctx, apiRoutes.fallback(ctx.method, below));
    } else {
      const route = routes.find(ctx.method, target.path);
      if (route?.shape === "grouping-key") {
        ctx.respond = false;
        return options.push(ctx, escapePath(target.path.slice(route.path.lastIndexOf("/") + 1)));
      }
      if (contentEncoding(ctx.get("Content-Encoding")) === "gzip") {
        checkGzipHeader(await readStart(ctx.req, MAX_GZIP_HEADER_BYTES));
      }
      if (route === undefined) return fallBack(ctx, routes.fallback(ctx.method, target));
    }
    ctx.url = canonicalUrl(target);
    return next();
  };
}

function canonicalUrl({ path, query }: RequestTarget): string {
  return escapePath(path) + query;
}

/** `OPTIONS *` asks about the server as a whole. */
function answerServerWide(ctx: Context): void {
  if (ctx.method === "OPTIONS") setEmpty(ctx, 200);
  else setError(ctx, { status: 400, message: STATUS_CODES[400]! });
}

function fallBack(ctx: Context, { status, headers }: Fallback): void {
  ctx.set(headers);
  switch (status) {
    case 200:
      setEmpty(ctx, status);
      break;
    case 301:
    case 307:
      redirect(ctx, status, headers["Location"]!);
      break;
    default:
      setError(ctx, { status, message: status === 404 ? "404 page not found" : STATUS_CODES[status]! });
  }
}

/** Browsers get a line to click, as from Go's `http.Redirect`; for other methods there is no body. */
function redirect(ctx: Context, status: number, location: string): void {
  ctx.status = status;
  ctx.set("Location", location);
  if (ctx.method === "GET") {
    ctx.type = "html";
    ctx.body = `<a href="${escapeHtml(location)}">${STATUS_CODES[status]}</a>.\n\n`;
  } else {
    setEmpty(ctx, status);
  }
}
