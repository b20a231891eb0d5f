import { createHash, timingSafeEqual } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { type GroupingKey, isWaystationError } from "@waystation/core";
import type { Context, Middleware } from "koa";
import { plainError } from "../http/respond.ts";
import type { Logger } from "../logging.ts";
import { setError } from "../middleware/errors.ts";
import { PasswordChecker, parseBasicAuth } from "../web-config/basic-auth.ts";
import { AccessError } from "./access-error.ts";
import type { AccessFile } from "./access-file.ts";
import { type AccessRules, coversGroup, hasRole, type Principal, type Role } from "./access-rules.ts";
import { limitToScope } from "./group-scope.ts";

export interface AccessControlOptions {
  readonly file: AccessFile;
  readonly logger: Logger;
  /** Paths, as sent, whose GET is open to everybody. */
  readonly withoutAuth: readonly string[];
  /** Origins from which browsers may push with what they have stored of a password: those of `--web.cors-origin`. */
  readonly origins: readonly string[];
}

interface Request {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
}

/**
 * Finds out who sends a request, and lets nobody in who is not in the access file. What they may do is asked at the place where it is
 * done, with {@link require}: whatever way a path is spelled, the check and the deed go by the same group.
 */
export class AccessControl {
  readonly #options: AccessControlOptions;
  readonly #passwords = new PasswordChecker();
  readonly #principals = new WeakMap<IncomingMessage, Principal>();

  /** @throws `CONFIG` if the file is not valid */
  constructor(options: AccessControlOptions) {
    this.#options = options;
    options.file.current();
  }

  readonly middleware: Middleware = (ctx, next) => {
    const { file, logger, withoutAuth } = this.#options;
    if (ctx.method === "GET" && withoutAuth.includes(ctx.req.url!)) return next();
    try {
      const identified = this.#identify(ctx.req, file.current());
      if (!(identified instanceof Promise)) return this.#admit(ctx, identified, next);
      return identified.then(
        (principal) => this.#admit(ctx, principal, next),
        (error: unknown) => this.#cannotCheck(ctx, error),
      );
    } catch (error) {
      if (!isWaystationError(error, "OVERLOADED")) logger.error({ err: error }, "cannot check who sends a request");
      return this.#cannotCheck(ctx, error);
    }
  };

  /**
   * @param key of the group that is pushed to, deleted or seen; none for what concerns more than one group
   * @throws AccessError
   */
  require(role: Role, { req, res }: Request, key?: GroupingKey): void {
    const principal = this.#principalOf(req);
    const reason = refusal(principal, role, key) ?? this.#foreignOrigin(req, role);
    if (reason !== undefined) this.#refuse(req, principal, role, reason);
    if (role !== "delete" && role !== "admin") return;
    res.once("close", () => this.#audit(req, principal.name, { as: role, status: res.statusCode }, "done"));
  }

  /**
   * For what keeps to {@link scopeOf} by itself: asks for the role, and notes which groups may be seen.
   *
   * @throws AccessError
   */
  requireInScope(role: "read" | "scrape", { req }: Request): void {
    const principal = this.#principalOf(req);
    if (!hasRole(principal, role)) this.#refuse(req, principal, role, lacks(principal, role));
    if (principal.labels.size > 0) limitToScope(req, (key) => coversGroup(principal, key));
  }

  /** For routes that need no more than one role. @param inScope do they keep to {@link scopeOf}, or show no groups? */
  permit(role: Role, handle: Middleware, inScope: boolean): Middleware {
    return (ctx, next) => {
      if (inScope && (role === "read" || role === "scrape")) this.requireInScope(role, ctx);
      else this.require(role, ctx);
      return handle(ctx, next);
    };
  }

  #principalOf(req: IncomingMessage): Principal {
    const principal = this.#principals.get(req);
    if (principal === undefined) throw new AccessError("nobody is known by this request");
    return principal;
  }

  #refuse(req: IncomingMessage, { name }: Principal, role: Role, reason: string): never {
    this.#audit(req, name, { needs: role, reason }, "refused");
    throw new AccessError(reason);
  }

  #identify(req: IncomingMessage, rules: AccessRules): Principal | undefined | Promise<Principal | undefined> {
    const { authorization } = req.headers;
    const token = bearerToken(authorization);
    if (token !== undefined) return findToken(token, rules);
    const credentials = parseBasicAuth(authorization);
    if (credentials === undefined) return undefined;
    const user = rules.users.get(credentials.user);
    const verdict = this.#passwords.check(credentials, rules.passwords);
    if (typeof verdict === "boolean") return verdict ? user : undefined;
    return verdict.then((accepted) => (accepted ? user : undefined));
  }

  #admit(ctx: Context, principal: Principal | undefined, next: () => Promise<unknown>): Promise<unknown> {
    if (principal !== undefined) {
      this.#principals.set(ctx.req, principal);
      return next();
    }
    const given = ctx.req.headers.authorization !== undefined;
    this.#audit(ctx.req, "unknown", { reason: given ? "wrong credentials" : "no credentials" }, "refused");
    ctx.set("WWW-Authenticate", ["Basic", "Bearer"]);
    setError(ctx, { status: 401, message: "Unauthorized" });
    return Promise.resolve();
  }

  #cannotCheck(ctx: Context, error: unknown): Promise<void> {
    setError(ctx, plainError(error) ?? { status: 500, message: "internal error: see the gateway's log" });
    return Promise.resolve();
  }

  /**
   * A browser adds a stored password to whatever a page of another origin sends. What changes something must come from the gateway's own
   * pages then, or from an origin that is allowed.
   */
  #foreignOrigin(req: IncomingMessage, role: Role): string | undefined {
    const { origin, host } = req.headers;
    if (role === "scrape" || role === "read" || origin === undefined || this.#options.origins.includes(origin)) return;
    return origin === `http://${host}` || origin === `https://${host}`
      ? undefined
      : `pages of ${JSON.stringify(origin)} may not do this: see --web.cors-origin`;
  }

  #audit(req: IncomingMessage, who: string, facts: Record<string, unknown>, outcome: "done" | "refused"): void {
    const { method, url = "", socket } = req;
    const [path] = url.split("?", 1);
    const line = { audit: outcome, who, method, path, source: socket.remoteAddress, ...facts };
    if (outcome === "done") this.#options.logger.info(line, "access");
    else this.#options.logger.warn(line, "access");
  }
}

function refusal(principal: Principal, role: Role, key: GroupingKey | undefined): string | undefined {
  if (!hasRole(principal, role)) return lacks(principal, role);
  if (principal.labels.size === 0) return undefined;
  if (key === undefined) return `${principal.name} may only do this to single groups`;
  return coversGroup(principal, key) ? undefined : `${principal.name} may not do this to a group of these labels`;
}

function lacks({ name }: Principal, role: Role): string {
  return `${name} does not have the role ${role}`;
}

function bearerToken(header: string | undefined): string | undefined {
  return /^bearer ([A-Za-z0-9._~+/-]+=*)$/i.exec(header ?? "")?.[1];
}

/**
 * Tokens have so much entropy that no salt and no slow hash are needed. The digest is looked up and not the token, so that the time it
 * takes says nothing about how much of a guess is right.
 */
function findToken(token: string, { tokens }: AccessRules): Principal | undefined {
  const digest = createHash("sha256").update(token).digest();
  let found: Principal | undefined;
  for (const [known, principal] of tokens) {
    if (timingSafeEqual(digest, Buffer.from(known, "hex"))) found = principal;
  }
  return found;
}
