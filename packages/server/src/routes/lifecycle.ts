import type { Gateway } from "@waystation/core";
import type { Context } from "koa";
import type { Logger } from "../logging.ts";
import { setEmpty } from "../middleware/errors.ts";

/** `PUT` and `POST /-/quit`. @param stop undefined if that is not allowed */
export function quit(stop: (() => Promise<void>) | undefined, logger: Logger): (ctx: Context) => void {
  return (ctx) => {
    ctx.set("Content-Type", "text/plain; charset=utf-8");
    if (stop === undefined) {
      ctx.status = 403;
      ctx.body = "Lifecycle API is not enabled.";
      return;
    }
    logger.info({ source: ctx.req.socket.remoteAddress }, "stopping, as /-/quit was requested");
    ctx.body = "Requesting termination... Goodbye!";
    ctx.res.once("finish", () => void stop());
  };
}

/** `GET /-/quit` */
export function quitByGet(ctx: Context): void {
  ctx.status = 405;
  ctx.set("Content-Type", "text/plain; charset=utf-8");
  ctx.body = "Only POST or PUT requests allowed.";
}

/** `PUT /api/v1/admin/wipe` */
export function wipe(gateway: Gateway, logger: Logger): (ctx: Context) => Promise<void> {
  return async (ctx) => {
    await gateway.wipe();
    logger.warn({ source: ctx.req.socket.remoteAddress }, "wiped everything");
    setEmpty(ctx, 202);
  };
}
