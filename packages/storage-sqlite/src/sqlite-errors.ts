import type { ErrorCode } from "@waystation/core";
import { Refusal } from "./refusal.ts";

/**
 * The extended result code of an error that SQLite raised, such as `SQLITE_IOERR_FSYNC`, also if that was translated since;
 * `undefined` for other errors.
 */
export function sqliteCode(error: unknown): string | undefined {
  if (error instanceof Refusal) return sqliteCode(error.cause);
  if (!(error instanceof Error) || !("code" in error)) return undefined;
  return typeof error.code === "string" && error.code.startsWith("SQLITE_") ? error.code : undefined;
}

/** Did the call find a lock taken, so that trying again may help? `SQLITE_PROTOCOL` is a lost race for a WAL lock. */
export function isBusy(error: unknown): boolean {
  const code = sqliteCode(error);
  return code !== undefined && (code.startsWith("SQLITE_BUSY") || code === "SQLITE_PROTOCOL");
}

/**
 * After these nothing may be written any more: what the file or the disk holds is not known. SQLite forgets a failed fsync, and a
 * second one would claim success for pages that never reached the disk.
 */
export function isFatal(error: unknown): boolean {
  return /^SQLITE_(IOERR|CORRUPT|NOTADB)/.test(sqliteCode(error) ?? "");
}

/**
 * The error to show for one that SQLite raised while working on the database at `path`. Other errors are returned as they are.
 *
 * @param committing Was the transaction being committed? What fails then for any other reason than room may be in the file.
 */
export function translateError(error: unknown, path: string, committing = false): unknown {
  const code = sqliteCode(error);
  if (code === undefined || error instanceof Refusal) return error;
  const reason = `${(error as Error).message} (${code})`;
  const make = (as: ErrorCode, message: string) => new Refusal(as, message, { cause: error });

  if (code === "SQLITE_FULL") {
    return make(
      "FULL",
      `no room in the database ${path}: ${reason}; nothing was written: free disk space, or raise maxBytes`,
    );
  }
  if (/^SQLITE_(CORRUPT|NOTADB)/.test(code)) {
    return make(
      "CORRUPT",
      `${path} does not read as an SQLite database: ${reason}. Check that this is the right file; if it is, stop all gateways that ` +
        "use it and restore it from a backup, or salvage what is readable with the .recover command of the sqlite3 shell",
    );
  }
  if (code.startsWith("SQLITE_IOERR")) {
    const verdict = committing ? "may or may not have been written" : "nothing was written";
    return make(
      committing ? "IN_DOUBT" : "UNAVAILABLE",
      `the disk failed under the database ${path}: ${reason}; ${verdict}. Nothing more is accepted until a restart, which checks the file`,
    );
  }
  if (isBusy(error)) return make("UNAVAILABLE", `another process keeps the database ${path} locked: ${reason}`);
  if (committing) return make("IN_DOUBT", `the commit to the database ${path} failed: ${reason}`);
  return make("UNAVAILABLE", `the database ${path} cannot be used: ${reason}`);
}
