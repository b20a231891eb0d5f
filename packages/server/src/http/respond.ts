import type { ServerResponse } from "node:http";
import { type ErrorCode, isWaystationError } from "@waystation/core";
import { AccessError } from "../access/access-error.ts";
import { limitFacts } from "../config/limits.ts";

/** An answer in plain text, as Go's `http.Error` gives it: with a line feed at the end and not to be sniffed. */
export interface PlainError {
  readonly status: number;
  readonly message: string;
  /** Seconds after which the same request may work. */
  readonly retryAfter?: number;
}

const STATUS: Partial<Record<ErrorCode, number>> = {
  PARSE: 400,
  GROUPING_KEY: 400,
  INCONSISTENT: 400,
  ENCODING: 400,
  TOO_LARGE: 413,
  OVERLOADED: 503,
  UNAVAILABLE: 503,
  IN_DOUBT: 503,
  FULL: 503,
  LATE: 503,
  CLOSED: 503,
};

/**
 * What a client is told about a failure; undefined for defects, whose details are for the log only.
 */
export function plainError(error: unknown): PlainError | undefined {
  if (error instanceof AccessError) return { status: 403, message: error.message };
  if (!isWaystationError(error)) return undefined;
  const facts = limitFacts(error.limit);
  const status = error.code === "LIMIT" ? facts?.status : STATUS[error.code];
  if (status === undefined) return undefined;
  const message = facts ? `${error.message} (--${facts.flag})` : error.message;
  return { status, message, ...(status === 503 && { retryAfter: RETRY_AFTER_SECONDS }) };
}

const RETRY_AFTER_SECONDS = 2;

export function errorHeaders({ message, retryAfter }: PlainError): Record<string, string> {
  return {
    "Content-Type": "text/plain; charset=utf-8",
    "X-Content-Type-Options": "nosniff",
    "Content-Length": String(Buffer.byteLength(message) + 1),
    ...(retryAfter === undefined ? {} : { "Retry-After": String(retryAfter) }),
  };
}

/** For handlers that have taken the response out of Koa's hands. */
export function endWithError(res: ServerResponse, error: PlainError): void {
  if (res.destroyed || res.headersSent) return;
  res.writeHead(error.status, errorHeaders(error)).end(`${error.message}\n`);
}
