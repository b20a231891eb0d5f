import { isWaystationError } from "@waystation/core";
import type { Context, Middleware } from "koa";
import { errorHeaders, type PlainError, plainError } from "../http/respond.ts";
import type { Logger } from "../logging.ts";
import type { HttpMetrics } from "../metrics/http-metrics.ts";

/** Answers in plain text, as the Pushgateway does, what routes throw. */
export function errors(logger: Logger, metrics: HttpMetrics): Middleware {
  return async (ctx, next) => {
    try {
      await next();
    } catch (error) {
      const answer = plainError(error);
      if (isWaystationError(error) && error.limit !== undefined) metrics.countLimitRefusal(error.limit);
      const details = { method: ctx.method, source: ctx.ip, path: ctx.path, err: error };
      if (answer === undefined)
        logger.error({ ...details, stack: (error as Error)?.stack }, "defect while handling a request");
      else if (answer.status >= 500) logger.warn(details, "request failed");
      else logger.debug(details, "request refused");
      setError(ctx, answer ?? { status: 500, message: "internal error: see the gateway's log" });
    }
  };
}

export function setError(ctx: Context, error: PlainError): void {
  ctx.status = error.status;
  ctx.body = `${error.message}\n`;
  ctx.set(errorHeaders(error));
}

/** An answer of no bytes, and so of no type. */
export function setEmpty(ctx: Context, status: number): void {
  ctx.status = status;
  ctx.body = "";
  ctx.remove("Content-Type");
}
