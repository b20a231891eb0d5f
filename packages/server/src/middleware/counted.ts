import type { Middleware } from "koa";
import type { HttpMetrics } from "../metrics/http-metrics.ts";

/** Counts the requests that a route answers, under the handler name of the Go Pushgateway. */
export function counted(metrics: HttpMetrics, handler: string, route: Middleware): Middleware {
  return async (ctx, next) => {
    await route(ctx, next);
    metrics.countRequest(handler, ctx.status, ctx.method);
  };
}
