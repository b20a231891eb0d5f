import { crc32 } from "node:zlib";
import type { Cursor, Entry } from "@waystation/core";
import type { Database, Statement } from "better-sqlite3";
import { Refusal } from "./refusal.ts";

/** What the journal knows of an entry apart from its bytes. */
export interface EntryMark extends Cursor {
  /** When it was written, milliseconds since the epoch. */
  readonly time: number;
  /** Bytes of all entries up to and including this one since the journal began. */
  readonly total: number;
}

/** `ORIGIN`, where an empty journal is. */
const START: EntryMark = { position: 0, tag: "0", time: 0, total: 0 };

type MarkRow = [position: number, tag: string, time: number, total: number];
type EntryRow<Bytes> = [...MarkRow, crc: number, data: Bytes];

/** The entries in a database. All calls of one operation belong in one transaction, so that they see one state. */
export class EntryTable {
  readonly #path: string;
  readonly #newest: Statement<[], MarkRow>;
  readonly #lowest: Statement<[], number>;
  readonly #mark: Statement<[number], MarkRow>;
  readonly #after: Statement<[number], EntryRow<Buffer>>;
  readonly #insert: Statement<EntryRow<Uint8Array>>;

  constructor(database: Database, path: string) {
    this.#path = path;
    const marks = "SELECT position, tag, time, total FROM entry";
    this.#newest = database.prepare<[], MarkRow>(`${marks} ORDER BY position DESC LIMIT 1`).raw();
    this.#lowest = database.prepare<[], number>("SELECT position FROM entry ORDER BY position LIMIT 1").pluck();
    this.#mark = database.prepare<[number], MarkRow>(`${marks} WHERE position = ?`).raw();
    this.#after = database
      .prepare<[number], EntryRow<Buffer>>(
        "SELECT position, tag, time, total, crc, data FROM entry WHERE position > ? ORDER BY position",
      )
      .raw();
    this.#insert = database.prepare(
      "INSERT INTO entry (position, tag, time, total, crc, data) VALUES (?, ?, ?, ?, ?, ?)",
    );
  }

  /** The newest entry, or the mark of an empty journal. */
  head(): EntryMark {
    const row = this.#newest.get();
    return row ? toMark(row) : START;
  }

  /** The lowest position present, 0 if there is none. */
  lowest(): number {
    return this.#lowest.get() ?? 0;
  }

  markAt(position: number): EntryMark | undefined {
    const row = this.#mark.get(position);
    return row && toMark(row);
  }

  /** Throws `TRUNCATED` or `REWOUND` if `since` is no place in this history. `head` is what {@link head} returned. */
  check(since: Cursor, head: EntryMark): void {
    if (since.position === head.position && since.tag === head.tag) return;
    const lowest = this.lowest();
    const floor = lowest > 1 ? lowest : 0;
    if (since.position < floor) {
      throw new Refusal(
        "TRUNCATED",
        `entries after ${since.position} were compacted away up to ${floor} in ${this.#path}: start again from the snapshot`,
      );
    }
    const there = since.position === 0 ? START : this.markAt(since.position);
    if (there?.tag === since.tag) return;
    const found = there ? `it has tag ${there.tag} there` : `it ends at ${head.position}`;
    throw new Refusal(
      "REWOUND",
      `position ${since.position} with tag ${since.tag} is not in the history of ${this.#path} (${found}): start again from the snapshot`,
    );
  }

  /** Adds an entry after `head` and returns its mark. */
  insert(head: EntryMark, tag: string, time: number, data: Uint8Array): EntryMark {
    const mark = { position: head.position + 1, tag, time, total: head.total + data.length };
    this.#insert.run(mark.position, tag, time, mark.total, checksum(mark, data), data);
    return mark;
  }

  /**
   * The entries after `since` in order, until they are `enough` bytes; never more than `most`, except for a single larger one. Their
   * bytes are buffers of their own. Throws `CORRUPT` if a row does not verify or is missing.
   */
  tail(since: Cursor, most: number, enough = most): Entry[] {
    const entries: Entry[] = [];
    let bytes = 0;
    for (const entry of this.after(since.position)) {
      bytes += entry.data.length;
      if (bytes > most && entries.length > 0) break;
      entries.push(entry);
      if (bytes >= enough) break;
    }
    return entries;
  }

  /** All entries after `position`, each verified: throws `CORRUPT` as {@link tail} does. */
  *after(position: number): Generator<Entry, void> {
    let expected = position;
    for (const [found, tag, time, total, crc, data] of this.#after.iterate(position)) {
      expected++;
      if (found !== expected) throw this.#corrupt(expected, `is missing (the next one is ${found})`);
      if (checksum({ position: found, tag, time, total }, data) !== crc) {
        throw this.#corrupt(found, "does not match its checksum");
      }
      yield { position: found, tag, data: toBytes(data) };
    }
  }

  #corrupt(position: number, what: string): Refusal {
    return new Refusal(
      "CORRUPT",
      `entry ${position} in the database ${this.#path} ${what}: stop all gateways that use it and restore it from a backup`,
    );
  }
}

function toMark([position, tag, time, total]: MarkRow): EntryMark {
  return { position, tag, time, total };
}

/** Covers the whole row, so that a flipped bit in a number is found as well. */
function checksum(mark: EntryMark, data: Uint8Array): number {
  return crc32(data, crc32(`${mark.position} ${mark.tag} ${mark.time} ${mark.total}`));
}

/** A plain view of a Buffer from better-sqlite3, which copies each blob into memory of its own. */
export function toBytes(buffer: Buffer): Uint8Array<ArrayBuffer> {
  return new Uint8Array(buffer.buffer as ArrayBuffer, buffer.byteOffset, buffer.byteLength);
}
