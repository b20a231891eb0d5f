import { existsSync, rmSync, writeFileSync } from "node:fs";
import type { Cursor } from "@waystation/core";
import type { Database } from "better-sqlite3";
import { openForWriting } from "./database.ts";
import { EntryTable } from "./entries.ts";
import { FileIdentity } from "./file-identity.ts";
import { Housekeeping } from "./housekeeping.ts";
import { Leases } from "./leases.ts";
import type { AppendReply, AppendRequest, Generation, Operations, WorkerSetup } from "./protocol.ts";
import { Refusal } from "./refusal.ts";
import { type SnapshotMark, SnapshotReader, SnapshotWriter } from "./snapshots.ts";
import { isFatal } from "./sqlite-errors.ts";
import { verify } from "./verify.ts";
import { WriteTransactions } from "./write-transactions.ts";

/** How long a probe may wait for the write lock, milliseconds. */
const PROBE_PATIENCE_MS = 500;

/** The writing side of the journal, which runs in the worker. */
export class Store implements Operations {
  readonly #path: string;
  readonly #suspectFile: string;
  readonly #maxTailBytes: number;
  readonly #database: Database;
  readonly #identity: FileIdentity;
  readonly #entries: EntryTable;
  readonly #snapshots: SnapshotReader;
  readonly #snapshotWriter: SnapshotWriter;
  readonly #leases: Leases;
  readonly #transactions: WriteTransactions;
  readonly #housekeeping: Housekeeping;
  /** Why nothing is written any more. */
  #stopped: Refusal | undefined;

  /** Throws what `Journal.open` may, and SQLite's busy errors: then try again. */
  constructor(setup: WorkerSetup) {
    this.#path = setup.path;
    this.#suspectFile = `${setup.path}-suspect`;
    this.#maxTailBytes = setup.maxTailBytes;
    this.#database = openForWriting(setup);
    try {
      this.#identity = new FileIdentity(this.#path);
      this.#entries = new EntryTable(this.#database, this.#path);
      this.#snapshots = new SnapshotReader(this.#database, this.#path);
      this.#snapshotWriter = new SnapshotWriter(this.#database);
      this.#leases = new Leases(this.#database);
      this.#transactions = new WriteTransactions(this.#database, this.#path);
      this.#housekeeping = new Housekeeping(
        this.#database,
        this.#transactions,
        this.#entries,
        this.#snapshots,
        setup.trimLag,
      );
      this.#verify(setup.check);
      this.#transactions.run(() => this.#snapshotWriter.dropAbandoned(Date.now()));
    } catch (error) {
      this.#database.close();
      throw error;
    }
  }

  /** Constructing was all. */
  open(): void {}

  append({ data, since, tag, deadline }: AppendRequest): AppendReply {
    return this.#writing(() => {
      const reply = this.#transactions.run(() => {
        const time = Date.now();
        if (time > deadline) {
          throw new Refusal("LATE", `the deadline ${deadline} had passed at ${time}: nothing was written`);
        }
        this.#identity.check();
        const head = this.#entries.head();
        this.#entries.check(since, head);
        const entries = since.position < head.position ? this.#entries.tail(since, this.#maxTailBytes) : [];
        const { position } = this.#entries.insert(head, tag, time, data);
        return { position, entries, time };
      }, deadline);
      if (reply.entries.length > 0) this.#transactions.yieldTurn();
      return reply;
    });
  }

  beginSnapshot(at: Cursor): number | "older" {
    return this.#inTransaction(() => {
      const now = Date.now();
      this.#snapshotWriter.dropAbandoned(now);
      this.#housekeeping.hasGarbage();
      return this.#isNewer(at) ? this.#snapshotWriter.begin(at, now) : "older";
    });
  }

  addChunk({ generation, at, data }: Generation & { readonly data: Uint8Array }): "added" | "older" {
    return this.#inTransaction(() => {
      const snapshot = this.#unfinished(generation, at);
      if (snapshot === "older") return snapshot;
      this.#snapshotWriter.addChunk(snapshot, data, Date.now());
      return "added";
    });
  }

  publishSnapshot({ generation, at }: Generation): "published" | "older" {
    return this.#inTransaction(() => {
      const snapshot = this.#unfinished(generation, at);
      if (snapshot === "older") return snapshot;
      if (!this.#snapshotWriter.isComplete(snapshot)) {
        throw new Refusal(
          "CORRUPT",
          `${this.#path} lost chunks of the snapshot at ${at.position}: it is not published`,
        );
      }
      this.#snapshotWriter.publish(snapshot);
      this.#housekeeping.published();
      return "published";
    });
  }

  dropSnapshot(generation: number): void {
    this.#inTransaction(() => this.#snapshotWriter.drop(generation));
    this.#housekeeping.hasGarbage();
  }

  lease({ name, holder, ms }: { readonly name: string; readonly holder: string; readonly ms: number }): boolean {
    return this.#inTransaction(() => this.#leases.take(name, holder, ms, Date.now()));
  }

  /** Writes a chunk of no snapshot, which housekeeping then clears away. */
  probe(bytes: number): void {
    this.#writing(() => {
      this.#transactions.run(() => this.#snapshotWriter.addGarbage(bytes), Date.now() + PROBE_PATIENCE_MS);
      this.#housekeeping.hasGarbage();
    });
  }

  makeRoom(): boolean {
    return this.#writing(() => this.#housekeeping.makeRoom());
  }

  /** Does a slice of housekeeping if one is due, and returns in how many milliseconds the next will be. */
  idle(): number {
    if (this.#stopped) return Number.POSITIVE_INFINITY;
    try {
      return this.#housekeeping.step();
    } catch (error) {
      this.#stopIfFatal(error);
      return 0;
    }
  }

  close(): void {
    try {
      if (!this.#stopped) this.#housekeeping.checkpoint();
    } catch (error) {
      // The log stays, and whoever opens the file next carries it over.
      this.#stopIfFatal(error);
    }
    this.#database.close();
  }

  #inTransaction<T>(work: () => T): T {
    return this.#writing(() =>
      this.#transactions.run(() => {
        this.#identity.check();
        return work();
      }),
    );
  }

  #writing<T>(work: () => T): T {
    if (this.#stopped) throw this.#stopped;
    try {
      return work();
    } catch (error) {
      this.#stopIfFatal(error);
      throw error;
    } finally {
      this.#housekeeping.served();
    }
  }

  #isNewer(at: Cursor): boolean {
    const current = this.#snapshots.current()?.at.position ?? 0;
    return at.position > current && this.#entries.markAt(at.position)?.tag === at.tag;
  }

  /** The snapshot that is being written, if it can still become the newest one. */
  #unfinished(generation: number, at: Cursor): SnapshotMark | "older" {
    if (!this.#isNewer(at)) return "older";
    const snapshot = this.#snapshotWriter.find(generation);
    if (snapshot) return snapshot;
    throw new Refusal(
      "UNAVAILABLE",
      `the unfinished snapshot at ${at.position} in ${this.#path} came to a stop for so long that it was cleared away: compact again`,
    );
  }

  /** All of it if asked for, or if the disk failed the last time; else only that the tables fit together. */
  #verify(all: boolean): void {
    const suspect = existsSync(this.#suspectFile);
    verify(this.#database, this.#path, this.#entries, this.#snapshots, all || suspect);
    if (suspect) rmSync(this.#suspectFile, { force: true });
  }

  #stopIfFatal(error: unknown): void {
    if (!isFatal(error)) return;
    const reason = error instanceof Error ? error.message : String(error);
    this.#stopped = new Refusal(
      "UNAVAILABLE",
      `nothing was written to ${this.#path}, and nothing will be until a restart, which checks the file: ${reason}`,
      { cause: error },
    );
    try {
      writeFileSync(this.#suspectFile, `${reason}\n`);
    } catch {
      // On a disk that fails this may fail too. The check can also be asked for.
    }
  }
}
