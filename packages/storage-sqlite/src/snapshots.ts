import { crc32 } from "node:zlib";
import type { Cursor } from "@waystation/core";
import type { Database, Statement } from "better-sqlite3";
import { toBytes } from "./entries.ts";
import { Refusal } from "./refusal.ts";

/** A snapshot whose last chunk came longer ago than this is taken for left behind by a crash. Milliseconds. */
const ABANDONED_AFTER_MS = 60_000;

export interface SnapshotMark {
  readonly generation: number;
  readonly at: Cursor;
  readonly chunks: number;
  readonly bytes: number;
}

interface SnapshotRow {
  readonly generation: number;
  readonly position: number;
  readonly tag: string;
  readonly chunks: number;
  readonly bytes: number;
}

const COLUMNS = "generation, position, tag, chunks, bytes";

/** Reading the published snapshot. Calls that belong together belong in one transaction. */
export class SnapshotReader {
  readonly #path: string;
  readonly #current: Statement<[], SnapshotRow>;
  readonly #extent: Statement<[number], [chunks: number, bytes: number]>;
  readonly #chunk: Statement<[number, number], [crc: number, data: Buffer]>;

  constructor(database: Database, path: string) {
    this.#path = path;
    this.#current = database.prepare(
      `SELECT ${COLUMNS} FROM snapshot WHERE published = 1 ORDER BY position DESC LIMIT 1`,
    );
    this.#extent = database
      .prepare<[number], [number, number]>(
        "SELECT count(*), ifnull(sum(length(data)), 0) FROM chunk WHERE generation = ?",
      )
      .raw();
    this.#chunk = database
      .prepare<[number, number], [number, Buffer]>("SELECT crc, data FROM chunk WHERE generation = ? AND number = ?")
      .raw();
  }

  current(): SnapshotMark | undefined {
    const row = this.#current.get();
    return row && toMark(row);
  }

  /** One of the chunks of `snapshot`. Throws `CORRUPT` if it is missing or does not verify. */
  chunk(snapshot: SnapshotMark, number: number): Uint8Array<ArrayBuffer> {
    const row = this.#chunk.get(snapshot.generation, number);
    if (!row) throw this.#corrupt(snapshot, `chunk ${number} is missing`);
    const [crc, data] = row;
    if (checksum(snapshot.generation, number, data) !== crc) {
      throw this.#corrupt(snapshot, `chunk ${number} does not match its checksum`);
    }
    return toBytes(data);
  }

  /** Throws `CORRUPT` if chunks of `snapshot` are missing, or with `all`, if one of them does not verify. */
  verify(snapshot: SnapshotMark, all: boolean): void {
    const [chunks, bytes] = this.#extent.get(snapshot.generation)!;
    if (chunks !== snapshot.chunks || bytes !== snapshot.bytes) {
      throw this.#corrupt(
        snapshot,
        `${chunks} chunks of ${bytes} bytes instead of ${snapshot.chunks} of ${snapshot.bytes}`,
      );
    }
    if (!all) return;
    for (let number = 0; number < chunks; number++) this.chunk(snapshot, number);
  }

  #corrupt(snapshot: SnapshotMark, what: string): Refusal {
    return new Refusal(
      "CORRUPT",
      `the snapshot at ${snapshot.at.position} in the database ${this.#path} is damaged, ${what}: stop all gateways that use it and ` +
        "restore it from a backup",
    );
  }
}

/** Writing snapshots, a chunk at a time. Each call belongs in a write transaction of its own. */
export class SnapshotWriter {
  readonly #find: Statement<[number], SnapshotRow>;
  readonly #begin: Statement<[number, string, number]>;
  readonly #addChunk: Statement<[number, number, number, Uint8Array]>;
  readonly #addGarbage: Statement<[number]>;
  readonly #touch: Statement<[number, number, number]>;
  readonly #countChunks: Statement<[number], number>;
  readonly #publish: Statement<[number]>;
  readonly #dropOthers: Statement<[number, number]>;
  readonly #drop: Statement<[number]>;
  readonly #dropAbandoned: Statement<[number, number]>;

  constructor(database: Database) {
    this.#find = database.prepare(`SELECT ${COLUMNS} FROM snapshot WHERE generation = ?`);
    this.#begin = database.prepare(
      "INSERT INTO snapshot (position, tag, published, touched, chunks, bytes) VALUES (?, ?, 0, ?, 0, 0)",
    );
    this.#addChunk = database.prepare("INSERT INTO chunk (generation, number, crc, data) VALUES (?, ?, ?, ?)");
    this.#addGarbage = database.prepare(
      "REPLACE INTO chunk (generation, number, crc, data) VALUES (0, 0, 0, zeroblob(?))",
    );
    this.#touch = database.prepare(
      "UPDATE snapshot SET touched = ?, chunks = chunks + 1, bytes = bytes + ? WHERE generation = ?",
    );
    this.#countChunks = database.prepare<[number], number>("SELECT count(*) FROM chunk WHERE generation = ?").pluck();
    this.#publish = database.prepare("UPDATE snapshot SET published = 1 WHERE generation = ?");
    this.#dropOthers = database.prepare("DELETE FROM snapshot WHERE position <= ? AND generation <> ?");
    this.#drop = database.prepare("DELETE FROM snapshot WHERE generation = ? AND published = 0");
    this.#dropAbandoned = database.prepare("DELETE FROM snapshot WHERE published = 0 AND abs(touched - ?) > ?");
  }

  /** Makes room for a snapshot at `at`, unpublished, and returns its generation. */
  begin(at: Cursor, now: number): number {
    return Number(this.#begin.run(at.position, at.tag, now).lastInsertRowid);
  }

  /** The snapshot of that generation, published or not; `undefined` once it was dropped. */
  find(generation: number): SnapshotMark | undefined {
    const row = this.#find.get(generation);
    return row && toMark(row);
  }

  addChunk(snapshot: SnapshotMark, data: Uint8Array, now: number): void {
    this.#addChunk.run(
      snapshot.generation,
      snapshot.chunks,
      checksum(snapshot.generation, snapshot.chunks, data),
      data,
    );
    this.#touch.run(now, data.length, snapshot.generation);
  }

  /** Writes `bytes` of a chunk that belongs to no snapshot. */
  addGarbage(bytes: number): void {
    this.#addGarbage.run(bytes);
  }

  isComplete(snapshot: SnapshotMark): boolean {
    return this.#countChunks.get(snapshot.generation) === snapshot.chunks;
  }

  /** Makes `snapshot` the current one, and drops the one before it together with unfinished ones that can no longer be newer. */
  publish(snapshot: SnapshotMark): void {
    this.#publish.run(snapshot.generation);
    this.#dropOthers.run(snapshot.at.position, snapshot.generation);
  }

  /** Drops an unfinished snapshot; one that is published stays. */
  drop(generation: number): void {
    this.#drop.run(generation);
  }

  /** Drops unfinished snapshots that nobody is writing any more. */
  dropAbandoned(now: number): void {
    this.#dropAbandoned.run(now, ABANDONED_AFTER_MS);
  }
}

function toMark({ generation, position, tag, chunks, bytes }: SnapshotRow): SnapshotMark {
  return { generation, at: { position, tag }, chunks, bytes };
}

function checksum(generation: number, number: number, data: Uint8Array): number {
  return crc32(data, crc32(`${generation} ${number}`));
}
