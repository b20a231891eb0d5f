import type { Gateway } from "@waystation/core";
import type { Context } from "koa";
import { setError } from "../middleware/errors.ts";

/** `GET /-/healthy`: this process answers. What it depends on is `ready`'s business. */
export function healthy(ctx: Context): void {
  ctx.set("Content-Type", "text/plain; charset=utf-8");
  ctx.body = "OK";
}

/** `GET /-/ready`: pushes can be expected to succeed; balancers should send pushes elsewhere if not. */
export function ready(gateway: Gateway, isStopping: () => boolean): (ctx: Context) => void {
  return (ctx) => {
    const health = gateway.health();
    if (health.ready && !isStopping()) return healthy(ctx);
    setError(ctx, {
      status: 503,
      message: isStopping() ? "the gateway is stopping" : (health.reason ?? "the gateway is not ready"),
    });
  };
}
