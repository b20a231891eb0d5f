/**
 * Every failure that a caller may want to tell from another. Codes are stable within a major version; messages are prose and may
 * change. Programming mistakes (a wrong argument type, use after close of a local object) are plain `TypeError`s.
 */
export const ERROR_CODES = {
  // What was pushed
  PARSE: "the body is not a valid exposition",
  GROUPING_KEY: "the grouping key is not valid",
  INCONSISTENT: "the pushed metrics are invalid or contradict what is stored",
  ENCODING: "the body could not be decompressed",
  TOO_LARGE: "a size limit was exceeded",
  LIMIT: "a limit of what is taken or kept was reached",
  // Whether it was stored
  OVERLOADED: "too many pushes are waiting; certainly not stored",
  UNAVAILABLE: "the journal cannot be reached; certainly not stored",
  IN_DOUBT: "the journal did not answer; may or may not have been stored",
  FULL: "the journal has no room; certainly not stored",
  LATE: "the deadline passed before the journal took it; certainly not stored",
  // The journal's history
  TRUNCATED: "entries after the cursor were compacted away",
  REWOUND: "the history at the cursor is another one",
  CORRUPT: "stored bytes do not verify",
  UNSUPPORTED: "written by a newer release, or a form that this release does not know",
  LOCKED: "another process holds the journal",
  // Lifecycle and configuration
  CLOSED: "closed, or closing",
  CONFIG: "a setting is not valid",
} as const;

export type ErrorCode = keyof typeof ERROR_CODES;

/** Where in a pushed body something was found. Lines and columns count from 1; columns count bytes. */
export interface SourcePosition {
  readonly line: number;
  readonly column: number;
}

export interface WaystationErrorOptions extends ErrorOptions {
  readonly position?: SourcePosition;
  readonly limit?: string;
}

/** The one error class of all packages: branch on `code`, show `message`. */
export class WaystationError extends Error {
  override readonly name = "WaystationError";
  readonly code: ErrorCode;
  /** Set for `PARSE` errors of text formats. */
  readonly position: SourcePosition | undefined;
  /** Which limit was reached, for `LIMIT`, and for `TOO_LARGE` and `OVERLOADED` where they come from one. */
  readonly limit: string | undefined;

  constructor(code: ErrorCode, message: string, options: WaystationErrorOptions = {}) {
    super(message, options);
    this.code = code;
    this.position = options.position;
    this.limit = options.limit;
  }
}

export function isWaystationError(error: unknown, ...codes: ErrorCode[]): error is WaystationError {
  return error instanceof WaystationError && (codes.length === 0 || codes.includes(error.code));
}
