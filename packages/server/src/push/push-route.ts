import type { IncomingMessage, ServerResponse } from "node:http";
import {
  type ByteString,
  type Gateway,
  type GroupingKey,
  isWaystationError,
  type WaystationError,
} from "@waystation/core";
import type { Middleware } from "koa";
import type { AccessControl } from "../access/access-control.ts";
import { collectBody } from "../http/body.ts";
import { type ContentEncoding, checkGzipHeader, contentEncoding, decodeBody } from "../http/content-encoding.ts";
import type { InFlight } from "../http/in-flight.ts";
import { type PlainError, plainError } from "../http/respond.ts";
import type { Logger } from "../logging.ts";
import type { HttpMetrics } from "../metrics/http-metrics.ts";
import { HttpExchange, type PushExchange } from "./push-exchange.ts";

export interface PushOptions {
  readonly gateway: Gateway;
  readonly logger: Logger;
  readonly metrics: HttpMetrics;
  readonly routePrefix: string;
  readonly checkConsistency: boolean;
  readonly maxBodyBytes: number;
  readonly inFlight: InFlight;
  /** Who may push and delete. Default: everybody. */
  readonly access?: AccessControl | undefined;
  /** Is told of each push and delete once it is answered; must not throw. */
  readonly onAnswered: (push: AnsweredPush) => void;
}

export interface AnsweredPush {
  readonly exchange: PushExchange;
  /** The path after `/metrics/`, percent-encoded. */
  readonly tail: string;
  /** The group's id, if the path has been read. */
  readonly group: ByteString | undefined;
  /** Of the body, as sent. */
  readonly bytes: number;
  readonly status: number;
  readonly milliseconds: number;
  /** Why it failed, in the words of the answer; undefined if it was stored. */
  readonly failure: string | undefined;
}

/** A path that needs no cleaning and no re-encoding: the spelling that nearly every client uses. */
const PLAIN_PATH = /^(?!.*\/(?:\/|\.{1,2}(?:\/|$)))(?:[A-Za-z0-9\-_.~!$&'()*+,;=:@[\]/]|%[0-9A-Fa-f]{2})*$/;

/**
 * Pushes and deletes, by the shortest way: in front of the router, which would cost a quarter of the push rate, and with the answer
 * written by hand, without Koa. Whatever is spelled unusually is left to `handle`, by way of the router.
 */
export class PushRoute {
  readonly #options: PushOptions;
  /** How many characters of a target come before the grouping key. */
  readonly #tailStart: number;
  readonly #prefix: string;

  constructor(options: PushOptions) {
    this.#options = options;
    this.#prefix = `${options.routePrefix}/metrics/job`;
    this.#tailStart = options.routePrefix.length + "/metrics/".length;
  }

  /** For applications that have something to do before a push is looked at. */
  readonly middleware: Middleware = (ctx, next) => {
    const tail = this.#tailOf(ctx.req);
    if (tail === undefined) return next();
    ctx.respond = false;
    this.handle(ctx.req, ctx.res, tail);
    return;
  };

  /** Takes a request ahead of Koa, if it is the plain spelling of a push or delete. */
  take(req: IncomingMessage, res: ServerResponse): boolean {
    const tail = this.#tailOf(req);
    if (tail === undefined) return false;
    this.handle(req, res, tail);
    return true;
  }

  #tailOf({ method, url }: IncomingMessage): string | undefined {
    if (method !== "PUT" && method !== "POST" && method !== "DELETE") return undefined;
    return url === undefined ? undefined : this.plainTail(url);
  }

  /** What comes after `/metrics/` in the target of a request, if that is the plain spelling of a grouping key's path. */
  plainTail(target: string): string | undefined {
    if (!target.startsWith(this.#prefix)) return undefined;
    const query = target.indexOf("?");
    const path = query < 0 ? target : target.slice(0, query);
    const job = path.indexOf("/", this.#prefix.length) + 1;
    const between = path.slice(this.#prefix.length, job);
    if ((between !== "/" && between !== "@base64/") || job === path.length || !PLAIN_PATH.test(path)) return undefined;
    return path.slice(this.#tailStart);
  }

  /** Answers the request. @param tail its path after `/metrics/`, percent-encoded */
  handle(req: IncomingMessage, res: ServerResponse, tail: string): void {
    const job = newJob(new HttpExchange(req, res), tail);
    const { inFlight, maxBodyBytes, access } = this.#options;
    if (access !== undefined && !this.#isPermitted(job, { req, res }, access)) return;
    if (!this.#enter(job)) return;
    if (req.method === "DELETE" && job.encoding !== "gzip") {
      // Not before a push that was pipelined ahead of it, whose body is complete a few ticks after its head.
      setImmediate(() => this.#run(job, NOTHING));
      return;
    }
    const run = (error: WaystationError | undefined, body: Uint8Array): void => {
      job.bytes = body.length;
      if (error === undefined) this.#run(job, body);
      else this.#leaveAndFail(job, error);
    };
    collectBody(req, maxBodyBytes, run, inFlight);
  }

  /**
   * Answers a push of which everything has arrived. Only for gateways that everybody may push to.
   *
   * @param body at most as many bytes as are allowed
   */
  handleWhole(exchange: PushExchange, tail: string, body: Uint8Array): void {
    const job = newJob(exchange, tail);
    if (!this.#enter(job)) return;
    job.bytes = body.length;
    const overload = this.#options.inFlight.hold(body.length);
    if (overload === undefined) this.#run(job, body);
    else this.#leaveAndFail(job, overload);
  }

  /** Is there room for another request? If not, it has been answered. */
  #enter(job: Job): boolean {
    const overload = this.#options.inFlight.enter();
    if (overload !== undefined) this.#fail(job, overload);
    job.inFlight = overload === undefined;
    return job.inFlight;
  }

  /** Before a body is read. Answers the request if it is not. */
  #isPermitted(job: Job, request: HttpRequest, access: AccessControl): boolean {
    try {
      const role = request.req.method === "DELETE" ? "delete" : "push";
      access.require(role, request, this.#options.gateway.parseKey(job.tail));
      return true;
    } catch (error) {
      this.#fail(job, error);
      return false;
    }
  }

  /** Without an async function of its own for each step, which pushes would feel. */
  #run(job: Job, body: Uint8Array): void {
    let stored: Promise<void>;
    try {
      if (job.encoding === "gzip") openGzip(body);
      const key = this.#options.gateway.parseKey(job.tail);
      job.group = key.id;
      stored = job.exchange.method === "DELETE" ? this.#options.gateway.delete(key) : this.#push(job, key, body);
    } catch (error) {
      this.#leaveAndFail(job, error);
      return;
    }
    stored
      .then(
        () => this.#succeed(job),
        (error: unknown) => this.#leaveAndFail(job, error),
      )
      .catch((error: unknown) => this.#options.logger.error({ err: error }, "defect while answering a push"));
  }

  #push({ exchange, encoding }: Job, key: GroupingKey, body: Uint8Array): Promise<void> {
    const { gateway, maxBodyBytes } = this.#options;
    const push = (decoded: Uint8Array): Promise<void> =>
      gateway.push({
        key,
        mode: exchange.method === "PUT" ? "replace" : "merge",
        body: decoded,
        contentType: exchange.headers["content-type"],
        signal: exchange.signal,
      });
    return encoding === "identity" ? push(body) : decodeBody(body, encoding, maxBodyBytes).then(push);
  }

  #succeed(job: Job): void {
    const status = job.exchange.method === "DELETE" || !this.#options.checkConsistency ? 202 : 200;
    this.#leave(job);
    job.exchange.succeed(status);
    this.#observe(job, status);
  }

  #leaveAndFail(job: Job, error: unknown): void {
    this.#leave(job);
    this.#fail(job, error);
  }

  #leave(job: Job): void {
    if (!job.inFlight) return;
    job.inFlight = false;
    this.#options.inFlight.release(job.bytes);
    this.#options.inFlight.leave();
  }

  #fail(job: Job, error: unknown): void {
    const { logger, checkConsistency } = this.#options;
    const { exchange, tail } = job;
    if (isWaystationError(error, "INCONSISTENT") && !checkConsistency) {
      exchange.succeed(202);
      this.#observe(job, 202, error.message);
      return;
    }
    const answer = describeFailure(error);
    const details = { method: exchange.method, source: exchange.socket.remoteAddress, path: tail, err: error };
    if (answer === undefined)
      logger.error({ ...details, stack: (error as Error)?.stack }, "defect while handling a push");
    else if (isWaystationError(error, "INCONSISTENT")) logger.error(details, "push refused");
    else if (answer.status === 503) logger.warn(details, "push not acknowledged");
    else logger.debug(details, "push refused");

    const { status, message } = answer ?? DEFECT;
    if (isWaystationError(error) && error.limit !== undefined) this.#options.metrics.countLimitRefusal(error.limit);
    exchange.fail(answer ?? DEFECT);
    if (!(error instanceof UndecodableRequest)) this.#observe(job, status, message);
  }

  #observe({ exchange, tail, group, bytes, started }: Job, status: number, failure?: string): void {
    const { metrics, onAnswered } = this.#options;
    const { method } = exchange;
    const now = performance.now();
    onAnswered({ exchange, tail, group, bytes, status, milliseconds: now - started, failure });
    if (method === "DELETE") {
      metrics.countRequest("delete", status, method);
      return;
    }
    metrics.countRequest("push", status, method);
    metrics.observePush(method, (now - started) / 1000, exchange.size, now);
  }
}

interface HttpRequest {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
}

interface Job {
  readonly exchange: PushExchange;
  readonly tail: string;
  readonly encoding: ContentEncoding;
  group: ByteString | undefined;
  /** Of the body, as sent. */
  bytes: number;
  /** Is it counted among the requests in flight? */
  inFlight: boolean;
  /** `performance.now()` when the head of the request was there. */
  readonly started: number;
}

function newJob(exchange: PushExchange, tail: string): Job {
  const encoding = contentEncoding(exchange.headers["content-encoding"]);
  return { exchange, tail, encoding, group: undefined, bytes: 0, inFlight: false, started: performance.now() };
}

const NOTHING = new Uint8Array(0);
const DEFECT: PlainError = { status: 500, message: "internal error: see the gateway's log" };

/** A body without the gzip header that it should have: refused before routing, and so not counted as a push. */
class UndecodableRequest extends Error {}

function openGzip(body: Uint8Array): void {
  try {
    checkGzipHeader(body);
  } catch (error) {
    throw new UndecodableRequest((error as Error).message, { cause: error });
  }
}

/** What the client is told: if its push was not acknowledged, first what became of it. */
function describeFailure(error: unknown): PlainError | undefined {
  const answer = plainError(error instanceof UndecodableRequest ? error.cause : error);
  if (answer?.status !== 503) return answer;
  const fate = isWaystationError(error, "IN_DOUBT")
    ? "this may or may not have been stored, and repeating it does no harm"
    : "this was not stored, please repeat it";
  return { ...answer, message: `${fate}: ${answer.message}` };
}
