import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import { endWithError, type PlainError } from "../http/respond.ts";

/** A push or delete and the way to answer it, however it was read from its connection. */
export interface PushExchange {
  readonly method: string;
  readonly headers: IncomingHttpHeaders;
  readonly socket: Socket;
  /** Bytes, with the head, estimated as by Go's client: without separators. */
  readonly size: number;
  /** Aborted when the connection closes. */
  readonly signal: AbortSignal;
  /** Answers without a body. Nothing happens if the client has gone. */
  succeed(status: number): void;
  fail(error: PlainError): void;
}

const EMPTY_BODY = { "Content-Length": "0" };

/** One that Node's HTTP server has read. */
export class HttpExchange implements PushExchange {
  readonly #req: IncomingMessage;
  readonly #res: ServerResponse;

  constructor(req: IncomingMessage, res: ServerResponse) {
    this.#req = req;
    this.#res = res;
  }

  get method(): string {
    return this.#req.method!;
  }

  get headers(): IncomingHttpHeaders {
    return this.#req.headers;
  }

  get socket(): Socket {
    return this.#req.socket;
  }

  get size(): number {
    const { url, rawHeaders, headers } = this.#req;
    let size = lineSize(this.method, url!);
    for (const part of rawHeaders) size += part.length;
    return size + (Number(headers["content-length"]) || 0);
  }

  get signal(): AbortSignal {
    return connectionSignal(this.#req.socket);
  }

  succeed(status: number): void {
    if (!this.#res.destroyed) this.#res.writeHead(status, EMPTY_BODY).end();
  }

  fail(error: PlainError): void {
    // The rest of a body that is not wanted is not waited for.
    if (!this.#req.complete) this.#res.shouldKeepAlive = false;
    endWithError(this.#res, error);
  }
}

/** What the request line counts in a request's size. */
export function lineSize(method: string, target: string): number {
  return method.length + target.length + "HTTP/1.1".length;
}

const CONNECTION_SIGNALS = new WeakMap<Socket, AbortSignal>();

/** One for all requests on a connection, as making one costs more than a small push. */
export function connectionSignal(socket: Socket): AbortSignal {
  let signal = CONNECTION_SIGNALS.get(socket);
  if (signal === undefined) {
    const controller = new AbortController();
    signal = controller.signal;
    socket.once("close", () => controller.abort());
    CONNECTION_SIGNALS.set(socket, signal);
  }
  return signal;
}
