import { type Cursor, MAX_TAIL_BYTES, type Tail } from "@waystation/core";
import type { Database, Statement } from "better-sqlite3";
import { openForReading } from "./database.ts";
import { EntryTable } from "./entries.ts";
import { SnapshotReader } from "./snapshots.ts";

/**
 * After so much a read stops: sooner than the contract demands, because it runs in the main thread, where this takes a fraction of a
 * millisecond. Bytes.
 */
const ENOUGH_BYTES = 512 * 1024;

/**
 * Reads on a connection of its own in the calling thread. In WAL mode readers wait for nobody, so unlike a request to the worker a
 * read is never behind an append that waits for the disk or for another process.
 */
export class Reader {
  readonly #database: Database;
  readonly #entries: EntryTable;
  readonly #snapshots: SnapshotReader;
  readonly #dataVersion: Statement<[], number>;
  readonly #inTransaction: <T>(work: () => T) => T;
  /**
   * The newest entry when `data_version` had that value. SQLite changes it when any other connection commits, the worker's and other
   * processes' alike, and this connection commits nothing itself: while it is unchanged, that entry is still the newest.
   */
  #seen: { readonly version: number; readonly head: Cursor } | undefined;

  constructor(path: string) {
    this.#database = openForReading(path);
    this.#entries = new EntryTable(this.#database, path);
    this.#snapshots = new SnapshotReader(this.#database, path);
    this.#dataVersion = this.#database.prepare<[], number>("PRAGMA data_version").pluck();
    const transaction = this.#database.transaction((work: () => unknown) => work());
    this.#inTransaction = <T>(work: () => T): T => transaction(work) as T;
  }

  /** As `Journal.read`; SQLite's errors are thrown as they are. */
  read(since: Cursor): Tail {
    // Asked for before reading: a commit in between is then read now, and noticed again the next time.
    const version = this.#dataVersion.get()!;
    const seen = this.#seen;
    if (seen?.version === version && seen.head.position === since.position && seen.head.tag === since.tag) {
      return { entries: [], head: since.position, time: Date.now() };
    }
    return this.#inTransaction(() => {
      const head = this.#entries.head();
      this.#entries.check(since, head);
      const entries = since.position < head.position ? this.#entries.tail(since, MAX_TAIL_BYTES, ENOUGH_BYTES) : [];
      this.#seen = { version, head };
      return { entries, head: head.position, time: Date.now() };
    });
  }

  /** Bytes of the entries after the snapshot, and of the snapshot. */
  sizes(): { journalBytes: number; snapshotBytes: number } {
    return this.#inTransaction(() => {
      const snapshot = this.#snapshots.current();
      const before = snapshot && this.#entries.markAt(snapshot.at.position);
      return { journalBytes: this.#entries.head().total - (before?.total ?? 0), snapshotBytes: snapshot?.bytes ?? 0 };
    });
  }

  close(): void {
    this.#database.close();
  }
}
