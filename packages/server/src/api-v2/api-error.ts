import { isWaystationError } from "@waystation/core";
import { AccessError } from "../access/access-error.ts";
import { plainError } from "../http/respond.ts";

/** Codes of this API's own, with their HTTP status. Besides them, answers carry the codes of core's `ERROR_CODES`. */
const API_ERRORS = {
  NOT_FOUND: 404,
  METHOD_NOT_ALLOWED: 405,
  INVALID_PARAMETER: 400,
  INVALID_BODY: 400,
  INVALID_SELECTOR: 400,
  /** Matching took more time than a request may have. */
  TOO_COSTLY: 422,
  /** Not as many groups as expected. */
  COUNT_CHANGED: 409,
  UNSUPPORTED_MEDIA_TYPE: 415,
  TOO_MANY_LISTENERS: 503,
} as const;

export type ApiErrorCode = keyof typeof API_ERRORS;

/** A failure that the client is told about in this API's form. */
export class ApiError extends Error {
  override readonly name = "ApiError";
  readonly code: ApiErrorCode;

  constructor(code: ApiErrorCode, message: string) {
    super(message);
    this.code = code;
  }

  get status(): number {
    return API_ERRORS[this.code];
  }
}

export interface ErrorReply {
  readonly status: number;
  readonly code: string;
  readonly message: string;
  /** Seconds. */
  readonly retryAfter?: number | undefined;
}

/** What a client is told about a failure; a defect's details are for the log only. */
export function errorReply(error: unknown): ErrorReply {
  if (error instanceof AccessError) return { status: 403, code: "FORBIDDEN", message: error.message };
  if (error instanceof ApiError) return { status: error.status, code: error.code, message: error.message };
  const answer = plainError(error);
  if (answer !== undefined && isWaystationError(error)) return { ...answer, code: error.code };
  return { status: 500, code: "INTERNAL", message: "internal error: see the gateway's log" };
}
