import type { Context, Middleware, Next } from "koa";
import { plainError } from "../http/respond.ts";
import type { Logger } from "../logging.ts";
import { setError } from "../middleware/errors.ts";
import { PasswordChecker, parseBasicAuth } from "./basic-auth.ts";
import { RateLimiter } from "./rate-limiter.ts";
import type { WebConfigFile } from "./web-config-file.ts";

export interface GuardOptions {
  readonly file: WebConfigFile;
  readonly logger: Logger;
  /** Paths, as sent, whose GET needs no password. */
  readonly withoutAuth: readonly string[];
}

/** Stands before everything else and does what the web config file says about requests: rate limit, headers, authentication. */
export function guard({ file, logger, withoutAuth }: GuardOptions): Middleware {
  const passwords = new PasswordChecker();
  // As in the exporter-toolkit, the rate is the one that the process started with.
  const { rateLimit } = file.current();
  const limiter = rateLimit && new RateLimiter(rateLimit, performance.now());
  const isOpen = (ctx: Context): boolean => ctx.method === "GET" && withoutAuth.includes(ctx.req.url!);

  return (ctx, next) => {
    try {
      const { headers, users } = file.current();
      if (limiter && !limiter.allow(performance.now())) return refuse(ctx, 429, "Too Many Requests");
      for (const name in headers) ctx.set(name, headers[name]!);
      if (users.size === 0 || isOpen(ctx)) return next();

      const credentials = parseBasicAuth(ctx.req.headers.authorization);
      if (credentials === undefined) return demandPassword(ctx);
      const verdict = passwords.check(credentials, users);
      if (typeof verdict === "boolean") return verdict ? next() : demandPassword(ctx);
      return verdict.then((accepted) => (accepted ? next() : demandPassword(ctx)));
    } catch (error) {
      logger.error({ err: error }, "cannot check a request against the web config file");
      setError(ctx, plainError(error) ?? { status: 500, message: "Internal Server Error" });
      return Promise.resolve();
    }
  };
}

function demandPassword(ctx: Context): Promise<void> {
  ctx.set("WWW-Authenticate", "Basic");
  return refuse(ctx, 401, "Unauthorized");
}

function refuse(ctx: Context, status: number, message: string): ReturnType<Next> {
  setError(ctx, { status, message });
  return Promise.resolve();
}
