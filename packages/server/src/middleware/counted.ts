import type { Middleware } from "koa";
import { plainError } from "../http/respond.ts";
import type { HttpMetrics } from "../metrics/http-metrics.ts";

/** Counts the requests that a route answers, under the handler name of the Go Pushgateway, as well as those that it fails. */
export function counted(metrics: HttpMetrics, handler: string, route: Middleware): Middleware {
  return async (ctx, next) => {
    try {
      await route(ctx, next);
    } catch (error) {
      metrics.countRequest(handler, plainError(error)?.status ?? 500, ctx.method);
      throw error;
    }
    metrics.countRequest(handler, ctx.status, ctx.method);
  };
}
