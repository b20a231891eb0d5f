import type { Gateway } from "@waystation/core";
import type { Context } from "koa";
import { setEmpty } from "../middleware/errors.ts";

/** `PUT` and `POST /-/quit`. @param stop undefined if that is not allowed */
export function quit(stop: (() => Promise<void>) | undefined): (ctx: Context) => void {
  return (ctx) => {
    ctx.set("Content-Type", "text/plain; charset=utf-8");
    if (stop === undefined) {
      ctx.status = 403;
      ctx.body = "Lifecycle API is not enabled.";
      return;
    }
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
export function wipe(gateway: Gateway): (ctx: Context) => Promise<void> {
  return async (ctx) => {
    await gateway.wipe();
    setEmpty(ctx, 202);
  };
}
