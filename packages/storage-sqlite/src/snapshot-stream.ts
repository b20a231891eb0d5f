import { setImmediate } from "node:timers/promises";
import { type Snapshot, WaystationError } from "@waystation/core";
import type { Database } from "better-sqlite3";
import { openForReading } from "./database.ts";
import { outward } from "./outward.ts";
import { type SnapshotMark, SnapshotReader } from "./snapshots.ts";

/** How long the snapshot is held while nobody asks for more of it, milliseconds. */
const HOLD_MS = 60_000;

interface Held {
  readonly database: Database;
  readonly reader: SnapshotReader;
  /** The published snapshot that the transaction sees. */
  readonly current: SnapshotMark | undefined;
}

/**
 * The published snapshot, read inside of one read transaction, so that a compaction meanwhile cannot pull it away. As long as the
 * transaction lasts, the write-ahead log can only grow; so it ends when nobody asks for a while, and is taken up again if the
 * snapshot is still there.
 */
export class SnapshotStream {
  readonly #path: string;
  #held: Held | undefined;
  #release: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(path: string) {
    this.#path = path;
  }

  /** The snapshot there is, if any. SQLite's errors are thrown as they are. */
  open(): Snapshot | undefined {
    const mark = this.#hold().current;
    if (!mark) {
      this.close();
      return undefined;
    }
    return { at: mark.at, chunks: this.#chunks(mark) };
  }

  /** Lets go of the database. Chunks asked for later are refused with `CLOSED`. */
  close(): void {
    this.#closed = true;
    this.#letGo();
  }

  async *#chunks(mark: SnapshotMark): AsyncGenerator<Uint8Array<ArrayBuffer>, void> {
    try {
      for (let number = 0; number < mark.chunks; number++) {
        yield this.#chunk(mark, number);
        await setImmediate();
      }
    } finally {
      this.close();
    }
  }

  #chunk(mark: SnapshotMark, number: number): Uint8Array<ArrayBuffer> {
    if (this.#closed)
      throw new WaystationError(
        "CLOSED",
        "the journal was closed, or asked for its snapshot anew, while this one was being read",
      );
    try {
      const { reader, current } = this.#hold();
      if (current?.generation !== mark.generation) {
        throw new WaystationError(
          "TRUNCATED",
          `the snapshot at ${mark.at.position} in ${this.#path} was replaced while nobody read on: open the journal again`,
        );
      }
      return reader.chunk(mark, number);
    } catch (error) {
      throw outward(error, this.#path);
    }
  }

  #hold(): Held {
    clearTimeout(this.#release);
    this.#release = setTimeout(() => this.#letGo(), HOLD_MS).unref();
    if (!this.#held) {
      const database = openForReading(this.#path);
      try {
        database.exec("BEGIN");
        const reader = new SnapshotReader(database, this.#path);
        this.#held = { database, reader, current: reader.current() };
      } catch (error) {
        database.close();
        throw error;
      }
    }
    return this.#held;
  }

  #letGo(): void {
    clearTimeout(this.#release);
    this.#held?.database.close();
    this.#held = undefined;
  }
}
