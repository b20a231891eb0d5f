import type { IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
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
import { endWithError, type PlainError, plainError } from "../http/respond.ts";
import type { Logger } from "../logging.ts";
import type { HttpMetrics } from "../metrics/http-metrics.ts";

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
  readonly req: IncomingMessage;
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
    const tail = this.#plainTail(ctx.req);
    if (tail === undefined) return next();
    ctx.respond = false;
    this.handle(ctx.req, ctx.res, tail);
    return;
  };

  /** Takes a request ahead of Koa, if it is the plain spelling of a push or delete. */
  take(req: IncomingMessage, res: ServerResponse): boolean {
    const tail = this.#plainTail(req);
    if (tail === undefined) return false;
    this.handle(req, res, tail);
    return true;
  }

  /** The target after `/metrics/`, if this is the plain spelling of a push or delete. */
  #plainTail({ method, url }: IncomingMessage): string | undefined {
    if (method !== "PUT" && method !== "POST" && method !== "DELETE") return undefined;
    if (url === undefined || !url.startsWith(this.#prefix)) return undefined;
    const query = url.indexOf("?");
    const path = query < 0 ? url : url.slice(0, query);
    const job = path.indexOf("/", this.#prefix.length) + 1;
    const between = path.slice(this.#prefix.length, job);
    if ((between !== "/" && between !== "@base64/") || job === path.length || !PLAIN_PATH.test(path)) return undefined;
    return path.slice(this.#tailStart);
  }

  /** Answers the request. @param tail its path after `/metrics/`, percent-encoded */
  handle(req: IncomingMessage, res: ServerResponse, tail: string): void {
    const encoding = contentEncoding(req.headers["content-encoding"]);
    const started = performance.now();
    const job: Job = { req, res, tail, encoding, group: undefined, bytes: 0, inFlight: false, started };
    const { inFlight, maxBodyBytes } = this.#options;
    if (this.#options.access !== undefined && !this.#isPermitted(job, this.#options.access)) return;
    const overload = inFlight.enter();
    if (overload !== undefined) {
      this.#fail(job, overload);
      return;
    }
    job.inFlight = true;
    if (req.method === "DELETE" && encoding !== "gzip") {
      this.#run(job, NOTHING);
      return;
    }
    const run = (error: WaystationError | undefined, body: Uint8Array): void => {
      job.bytes = body.length;
      if (error === undefined) this.#run(job, body);
      else this.#leaveAndFail(job, error);
    };
    collectBody(req, maxBodyBytes, run, inFlight);
  }

  /** Before a body is read. Answers the request if it is not. */
  #isPermitted(job: Job, access: AccessControl): boolean {
    try {
      access.require(job.req.method === "DELETE" ? "delete" : "push", job, this.#options.gateway.parseKey(job.tail));
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
      stored = job.req.method === "DELETE" ? this.#options.gateway.delete(key) : this.#push(job, key, body);
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

  #push({ req, encoding }: Job, key: GroupingKey, body: Uint8Array): Promise<void> {
    const { gateway, maxBodyBytes } = this.#options;
    const push = (decoded: Uint8Array): Promise<void> =>
      gateway.push({
        key,
        mode: req.method === "PUT" ? "replace" : "merge",
        body: decoded,
        contentType: req.headers["content-type"],
        signal: connectionSignal(req.socket),
      });
    return encoding === "identity" ? push(body) : decodeBody(body, encoding, maxBodyBytes).then(push);
  }

  #succeed(job: Job): void {
    const status = job.req.method === "DELETE" || !this.#options.checkConsistency ? 202 : 200;
    this.#leave(job);
    if (!job.res.destroyed) job.res.writeHead(status, EMPTY_BODY).end();
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
    const { req, res, tail } = job;
    if (isWaystationError(error, "INCONSISTENT") && !checkConsistency) {
      if (!res.destroyed) res.writeHead(202, EMPTY_BODY).end();
      this.#observe(job, 202, error.message);
      return;
    }
    const answer = describeFailure(error);
    const details = { method: req.method, source: req.socket.remoteAddress, path: tail, err: error };
    if (answer === undefined)
      logger.error({ ...details, stack: (error as Error)?.stack }, "defect while handling a push");
    else if (isWaystationError(error, "INCONSISTENT")) logger.error(details, "push refused");
    else if (answer.status === 503) logger.warn(details, "push not acknowledged");
    else logger.debug(details, "push refused");

    const { status, message } = answer ?? DEFECT;
    if (isWaystationError(error) && error.limit !== undefined) this.#options.metrics.countLimitRefusal(error.limit);
    // The rest of a body that is not wanted is not waited for.
    if (!req.complete) res.shouldKeepAlive = false;
    endWithError(res, answer ?? DEFECT);
    if (!(error instanceof UndecodableRequest)) this.#observe(job, status, message);
  }

  #observe({ req, tail, group, bytes, started }: Job, status: number, failure?: string): void {
    const { metrics, onAnswered } = this.#options;
    const method = req.method!;
    const now = performance.now();
    onAnswered({ req, tail, group, bytes, status, milliseconds: now - started, failure });
    if (method === "DELETE") {
      metrics.countRequest("delete", status, method);
      return;
    }
    metrics.countRequest("push", status, method);
    metrics.observePush(method, (now - started) / 1000, requestSize(req), now);
  }
}

interface Job {
  readonly req: IncomingMessage;
  readonly res: ServerResponse;
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

const NOTHING = new Uint8Array(0);
const EMPTY_BODY = { "Content-Length": "0" };
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

const CONNECTION_SIGNALS = new WeakMap<Socket, AbortSignal>();

/** Aborted when the connection closes. One for all requests on it, as making one costs more than a small push. */
function connectionSignal(socket: Socket): AbortSignal {
  let signal = CONNECTION_SIGNALS.get(socket);
  if (signal === undefined) {
    const controller = new AbortController();
    signal = controller.signal;
    socket.once("close", () => controller.abort());
    CONNECTION_SIGNALS.set(socket, signal);
  }
  return signal;
}

/** Bytes, with the head, estimated as by Go's client: without separators. */
function requestSize(req: IncomingMessage): number {
  let size = req.url!.length + req.method!.length + "HTTP/1.1".length;
  for (const part of req.rawHeaders) size += part.length;
  return size + (Number(req.headers["content-length"]) || 0);
}
