import type { Context, Middleware } from "koa";
import { setEmpty } from "../middleware/errors.ts";

const MAX_AGE_SECONDS = 600;

/**
 * Lets pages of these origins push from browsers: answers what browsers ask before they push, and says on answers to pushes that
 * the page may see them. Everything else is left as it is.
 *
 * @param origins as browsers send them, `https://ci.example.org`
 * @param pushPrefix what the paths of pushes begin with: `/metrics/job`, after the route prefix
 */
export function cors(origins: readonly string[], pushPrefix: string): Middleware {
  return (ctx, next) => {
    if (!isPush(ctx, pushPrefix)) return next();
    ctx.vary("Origin");
    const origin = ctx.get("Origin");
    if (!origins.includes(origin)) return next();
    ctx.set("Access-Control-Allow-Origin", origin);
    if (ctx.method !== "OPTIONS" || ctx.get("Access-Control-Request-Method") === "") return next();
    ctx.set("Access-Control-Allow-Methods", "PUT, POST, DELETE");
    ctx.set("Access-Control-Allow-Headers", "Authorization, Content-Type, Content-Encoding");
    ctx.set("Access-Control-Max-Age", String(MAX_AGE_SECONDS));
    setEmpty(ctx, 204);
    return Promise.resolve();
  };
}

function isPush(ctx: Context, pushPrefix: string): boolean {
  const url = ctx.req.url ?? "";
  return ctx.req.headers.origin !== undefined && url.startsWith(pushPrefix);
}
