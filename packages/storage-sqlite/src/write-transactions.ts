import type { Database, Statement } from "better-sqlite3";
import { Refusal } from "./refusal.ts";
import { isBusy, translateError } from "./sqlite-errors.ts";

/** A pause before the next try for the write lock, milliseconds. */
const RETRY_MIN_MS = 0.1;
const RETRY_MAX_MS = 0.4;
/** How long to leave the lock alone after a commit that found another process at work, milliseconds. */
const YIELD_MS = 0.2;
/** Nobody holds the lock for longer in good health; a process that does is stopped or stuck. Milliseconds. */
const PATIENCE_MS = 30_000;

/**
 * Write transactions that share the database fairly with other processes.
 *
 * SQLite's own busy handler sleeps ever longer, so of three saturated writers one can go without a turn for seconds. Here everybody
 * tries again after a short random time, and whoever noticed another writer lets the lock alone for a moment after its commit.
 */
export class WriteTransactions {
  readonly #database: Database;
  readonly #path: string;
  readonly #begin: Statement;
  readonly #commit: Statement;
  readonly #rollback: Statement;
  readonly #sleeper = new Int32Array(new SharedArrayBuffer(4));
  #notBefore = 0;

  constructor(database: Database, path: string) {
    this.#database = database;
    this.#path = path;
    this.#begin = database.prepare("BEGIN IMMEDIATE");
    this.#commit = database.prepare("COMMIT");
    this.#rollback = database.prepare("ROLLBACK");
  }

  /** Lets other processes have the next turn. */
  yieldTurn(): void {
    this.#notBefore = performance.now() + YIELD_MS;
  }

  /**
   * Runs `work` in a transaction and commits it, waiting for the write lock; what `work` throws rolls it back.
   *
   * Throws `LATE` if the lock was not to be had by `deadline` (ms since the epoch), and `UNAVAILABLE` after half a minute.
   */
  run<T>(work: () => T, deadline = Number.POSITIVE_INFINITY): T {
    this.#acquire(deadline);
    return this.#complete(work);
  }

  /** Like {@link run}, but returns `undefined` at once if another process holds the lock. */
  tryRun<T>(work: () => T): T | undefined {
    return this.#tryBegin() ? this.#complete(work) : undefined;
  }

  #acquire(deadline: number): void {
    const pause = this.#notBefore - performance.now();
    if (pause > 0) this.#sleep(pause);
    const started = performance.now();
    while (!this.#tryBegin()) {
      if (Date.now() > deadline) {
        throw new Refusal(
          "LATE",
          `another process held the write lock of ${this.#path} until the deadline: nothing was written`,
        );
      }
      const waited = performance.now() - started;
      if (waited > PATIENCE_MS) {
        throw new Refusal(
          "UNAVAILABLE",
          `another process has held the write lock of ${this.#path} for ${Math.round(waited)} ms: nothing was written; find out what stopped it`,
        );
      }
      this.#sleep(RETRY_MIN_MS + Math.random() * (RETRY_MAX_MS - RETRY_MIN_MS));
    }
  }

  #tryBegin(): boolean {
    try {
      this.#begin.run();
      return true;
    } catch (error) {
      if (isBusy(error)) return false;
      throw translateError(error, this.#path);
    }
  }

  #complete<T>(work: () => T): T {
    let committing = false;
    try {
      const result = work();
      committing = true;
      this.#commit.run();
      return result;
    } catch (error) {
      this.#abandon();
      throw translateError(error, this.#path, committing);
    }
  }

  /** Many errors have rolled the transaction back already. If this fails too, the first error is the one to tell of. */
  #abandon(): void {
    try {
      if (this.#database.inTransaction) this.#rollback.run();
    } catch {}
  }

  #sleep(milliseconds: number): void {
    Atomics.wait(this.#sleeper, 0, 0, milliseconds);
  }
}
