import { accessSync, constants, existsSync, statSync } from "node:fs";
import { dirname } from "node:path";
import Sqlite, { type Database } from "better-sqlite3";
import { Refusal } from "./refusal.ts";
import { APPLICATION_ID, SCHEMA, SCHEMA_VERSION } from "./schema.ts";
import { isBusy, sqliteCode, translateError } from "./sqlite-errors.ts";

/**
 * Entries are some kilobytes to a megabyte. Larger pages mean shorter chains of them, and more to write for a small entry; this was
 * at or near the best for both in measurements. Bytes.
 */
const PAGE_SIZE = 8_192;
/**
 * When the write-ahead log is carried over although there is no pause: a commit then takes some milliseconds longer, and the more,
 * the larger this is. Bytes.
 */
const CHECKPOINT_BYTES = 8 * 1024 * 1024;
/** How large the write-ahead log may stay after a checkpoint emptied it, bytes. */
const WAL_SIZE_LIMIT = 16 * 1024 * 1024;
/** `PRAGMA synchronous`: every commit reaches the disk before it returns. */
const FULL = 2;

export interface DatabaseOptions {
  /** The database file, absolute. Its folder must exist. */
  readonly path: string;
  /** The size that the file may grow to; unlimited if not given. Bytes. */
  readonly maxBytes?: number | undefined;
}

/**
 * Opens the journal in `options.path` for writing, and makes it if there is none. Throws `CONFIG`, `CORRUPT`, `UNSUPPORTED`,
 * `UNAVAILABLE`, and SQLite's busy errors as they are: the caller knows how long to try.
 */
export function openForWriting(options: DatabaseOptions): Database {
  const { path } = options;
  return opening(
    path,
    () => new Sqlite(path, { timeout: 0 }),
    (database) => {
      const fresh = isFresh(database, path);
      // Both take effect only before the first table is made, and only before the switch to WAL writes the first page.
      if (fresh) {
        database.pragma(`page_size = ${PAGE_SIZE}`);
        database.pragma("auto_vacuum = INCREMENTAL");
      }
      const mode = database.pragma("journal_mode = WAL", { simple: true });
      if (mode !== "wal") {
        throw new Refusal(
          "CONFIG",
          `${path} cannot have a write-ahead log (its journal mode stays ${mode}): use a local disk`,
        );
      }
      configure(database, path);
      const pageSize = database.pragma("page_size", { simple: true }) as number;
      database.pragma(`wal_autocheckpoint = ${Math.ceil(CHECKPOINT_BYTES / pageSize)}`);
      database.pragma(`journal_size_limit = ${WAL_SIZE_LIMIT}`);
      if (options.maxBytes !== undefined) {
        database.pragma(`max_page_count = ${Math.max(1, Math.floor(options.maxBytes / pageSize))}`);
      }
      database
        .transaction(() => {
          if (isFresh(database, path)) create(database);
          // Found out before anybody relies on it: SQLite opens a file that may not be written to for reading, and says nothing.
          else database.pragma(`user_version = ${SCHEMA_VERSION}`);
        })
        .immediate();
    },
  );
}

/** Opens a journal that {@link openForWriting} has made, for reading. */
export function openForReading(path: string): Database {
  return opening(
    path,
    () => new Sqlite(path, { timeout: 0, readonly: true, fileMustExist: true }),
    (database) => configure(database, path),
  );
}

function opening(path: string, open: () => Database, prepare: (database: Database) => void): Database {
  const folder = dirname(path);
  if (!existsSync(folder)) {
    throw new Refusal(
      "CONFIG",
      `the folder ${folder} of the database ${path} does not exist: create it, or name another path`,
    );
  }
  let database: Database | undefined;
  try {
    database = open();
    prepare(database);
    return database;
  } catch (error) {
    database?.close();
    throw isBusy(error) ? error : openError(error, path);
  }
}

/**
 * better-sqlite3 is built so that a database that is already in WAL mode opens with `synchronous=NORMAL`, which does not survive
 * power loss. So it is set on every connection, and read back.
 */
function configure(database: Database, path: string): void {
  database.pragma("synchronous = FULL");
  if (process.platform === "darwin") {
    database.pragma("fullfsync = 1");
    database.pragma("checkpoint_fullfsync = 1");
  }
  const synchronous = database.pragma("synchronous", { simple: true });
  if (synchronous !== FULL) {
    throw new Refusal(
      "UNAVAILABLE",
      `${path} does not take synchronous=FULL (it stays ${synchronous}): commits would not be durable`,
    );
  }
}

/** Is there nothing in the database yet? Throws `CONFIG` or `UNSUPPORTED` if it holds something other than a journal we know. */
function isFresh(database: Database, path: string): boolean {
  const application = database.pragma("application_id", { simple: true });
  const version = database.pragma("user_version", { simple: true }) as number;
  if (application === APPLICATION_ID) {
    if (version === SCHEMA_VERSION) return false;
    throw new Refusal(
      "UNSUPPORTED",
      `${path} has journal format ${version}, and this release knows only ${SCHEMA_VERSION}: use the release that wrote it, or a newer one`,
    );
  }
  const tables = database.prepare<[], number>("SELECT count(*) FROM sqlite_schema").pluck().get();
  if (application === 0 && version === 0 && tables === 0) return true;
  throw new Refusal("CONFIG", `${path} is the database of another application: name another path`);
}

function create(database: Database): void {
  database.exec(SCHEMA);
  database.pragma(`application_id = ${APPLICATION_ID}`);
  database.pragma(`user_version = ${SCHEMA_VERSION}`);
}

/** Names what is wrong with the path where SQLite says no more than "unable to open database file". */
function openError(error: unknown, path: string): unknown {
  const code = sqliteCode(error) ?? "";
  if (/^SQLITE_(CANTOPEN|READONLY|PERM|AUTH)/.test(code)) {
    const reason = obstacle(path);
    const known = reason !== undefined;
    return new Refusal(
      known ? "CONFIG" : "UNAVAILABLE",
      `cannot open the database ${path}: ${reason ?? `${(error as Error).message} (${code})`}`,
      { cause: error },
    );
  }
  const translated = translateError(error, path);
  // Opening knows no FULL: nothing was asked to be stored yet.
  if (translated instanceof Refusal && translated.code === "FULL") {
    return new Refusal("UNAVAILABLE", translated.message, { cause: error });
  }
  return translated;
}

function obstacle(path: string): string | undefined {
  const stat = statSync(path, { throwIfNoEntry: false });
  if (stat?.isDirectory()) return "it is a folder: name a file in it";
  if (stat && !stat.isFile()) return "it is not a regular file";
  if (stat && !allowed(path)) return "this process may not read and write it: change its owner or permissions";
  if (!allowed(dirname(path)))
    return `this process may not write to the folder ${dirname(path)}, where SQLite keeps files beside it`;
  return undefined;
}

function allowed(path: string): boolean {
  try {
    accessSync(path, constants.R_OK | constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
