import type { Database, Statement } from "better-sqlite3";
import type { EntryTable } from "./entries.ts";
import type { SnapshotReader } from "./snapshots.ts";
import { isBusy, isFatal } from "./sqlite-errors.ts";
import { type TrimLag, Trimmer } from "./trimmer.ts";
import type { WriteTransactions } from "./write-transactions.ts";

/** Between two slices, so that other processes get their turns. Milliseconds. */
const BETWEEN_SLICES_MS = 2;
/** No request for so long counts as idle. Milliseconds. */
const IDLE_AFTER_MS = 25;
/** After a slice that found the lock taken: soon, because writers at full speed leave it free for moments only. Milliseconds. */
const RETRY_MS = 1;
/** After a slice that failed, for lack of room say. Milliseconds. */
const RETRY_AFTER_FAILURE_MS = 1_000;
/** Chunks of old snapshots that one slice deletes, of up to 1 MiB each. */
const SLICE_CHUNKS = 4;
/** Pages that one slice gives back to the file system. */
const SLICE_PAGES = 256;
/** Free pages that stay in the file for what comes next: so many, or this share of the file. */
const RESERVE_PAGES = 1_024;
const RESERVE_SHARE = 0.25;

/**
 * Work that no request waits for: deleting what a snapshot replaced, carrying the write-ahead log over into the database, giving
 * space back. Done in small slices between requests, the latter two only when there are none.
 */
export class Housekeeping {
  readonly #database: Database;
  readonly #transactions: WriteTransactions;
  readonly #snapshots: SnapshotReader;
  readonly #trimmer: Trimmer;
  readonly #lagMs: number;
  readonly #deleteGarbage: Statement<[number]>;
  #garbage = true;
  /** When to look for entries to trim; `Infinity`: after the next snapshot. On the clock of `performance.now()`, as all below. */
  #trimAt = 0;
  /** Is there to be another look, when the entries that are too young now are not any more? */
  #trimAgain = true;
  #checkpointNeeded = false;
  #vacuumNeeded = true;
  #notBefore = 0;
  #lastRequest = 0;

  constructor(
    database: Database,
    transactions: WriteTransactions,
    entries: EntryTable,
    snapshots: SnapshotReader,
    lag: TrimLag,
  ) {
    this.#database = database;
    this.#transactions = transactions;
    this.#snapshots = snapshots;
    this.#trimmer = new Trimmer(database, entries, lag);
    this.#lagMs = lag.ms;
    this.#deleteGarbage = database.prepare(
      `DELETE FROM chunk WHERE rowid IN
        (SELECT rowid FROM chunk WHERE generation NOT IN (SELECT generation FROM snapshot) LIMIT ?)`,
    );
  }

  /** A request was served, and probably written something. */
  served(): void {
    this.#lastRequest = performance.now();
    this.#checkpointNeeded = true;
  }

  /** There may be chunks without a snapshot. */
  hasGarbage(): void {
    this.#garbage = true;
  }

  /** A snapshot replaced entries and another snapshot. */
  published(): void {
    this.#garbage = true;
    this.#trimAt = 0;
    this.#trimAgain = true;
  }

  /** Does a slice of work if one is due, and returns in how many milliseconds the next will be: `Infinity` if there is none. */
  step(): number {
    const now = performance.now();
    const due = this.#due(now);
    if (due > 0) return due;
    try {
      const done = this.#slice(now);
      this.#notBefore = performance.now() + (done ? BETWEEN_SLICES_MS : RETRY_MS);
    } catch (error) {
      if (isFatal(error)) throw error;
      this.#notBefore = performance.now() + (isBusy(error) ? RETRY_MS : RETRY_AFTER_FAILURE_MS);
    }
    return this.#due(performance.now());
  }

  /** Does a slice of what a new snapshot left to delete; `true` when there is no more. Throws what keeps it from that. */
  makeRoom(): boolean {
    const now = performance.now();
    if (this.#garbage || this.#trimAt <= now) this.#slice(now);
    return !this.#garbage && this.#trimAt > performance.now();
  }

  /** Carries over what is in the write-ahead log, as far as no reader is in the way. */
  checkpoint(): void {
    this.#checkpointNeeded = false;
    this.#database.pragma("wal_checkpoint(PASSIVE)");
  }

  #due(now: number): number {
    const trimAt = this.#garbage ? 0 : this.#trimAt;
    const idleAt =
      this.#checkpointNeeded || this.#vacuumNeeded ? this.#lastRequest + IDLE_AFTER_MS : Number.POSITIVE_INFINITY;
    return Math.max(0, this.#notBefore - now, Math.min(trimAt, idleAt) - now);
  }

  /** `false` if another process held the lock. */
  #slice(now: number): boolean {
    if (this.#garbage) return this.#collectGarbage();
    if (this.#trimAt <= now) return this.#trim();
    if (this.#checkpointNeeded) {
      this.checkpoint();
      return true;
    }
    this.#vacuum();
    return true;
  }

  #collectGarbage(): boolean {
    const deleted = this.#transactions.tryRun(() => this.#deleteGarbage.run(SLICE_CHUNKS).changes);
    if (deleted === undefined) return false;
    this.#garbage = deleted === SLICE_CHUNKS;
    this.#freed();
    return true;
  }

  #trim(): boolean {
    const outcome = this.#transactions.tryRun(() => {
      const snapshot = this.#snapshots.current()?.at.position ?? 0;
      const floor = this.#trimmer.floor(snapshot, Date.now());
      return { done: this.#trimmer.deleteSlice(floor), lagging: floor < snapshot };
    });
    if (!outcome) return false;
    if (outcome.done) {
      const again = outcome.lagging && this.#trimAgain;
      this.#trimAt = again ? performance.now() + this.#lagMs : Number.POSITIVE_INFINITY;
      this.#trimAgain = false;
    }
    this.#freed();
    return true;
  }

  #freed(): void {
    this.#checkpointNeeded = true;
    this.#vacuumNeeded = true;
  }

  #vacuum(): void {
    const free = this.#database.pragma("freelist_count", { simple: true }) as number;
    const pages = this.#database.pragma("page_count", { simple: true }) as number;
    const excess = free - Math.max(RESERVE_PAGES, Math.floor(pages * RESERVE_SHARE));
    this.#vacuumNeeded = excess > 0;
    if (!this.#vacuumNeeded) return;
    this.#database.pragma(`incremental_vacuum(${Math.min(excess, SLICE_PAGES)})`);
    this.#checkpointNeeded = true;
  }
}
