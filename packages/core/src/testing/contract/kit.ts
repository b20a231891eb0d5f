import assert from "node:assert/strict";
import { randomBytes, randomInt } from "node:crypto";
import { type ErrorCode, WaystationError } from "../../errors.ts";
import {
  type Cursor,
  type Entry,
  type Journal,
  MAX_TAIL_BYTES,
  ORIGIN,
  type Snapshot,
  type Tail,
} from "../../journal/journal.ts";
import type { FixtureSettings, JournalCapabilities, JournalFixture } from "./fixture.ts";

/** One rule of the contract. */
export interface ContractCase {
  /** Reads as a sentence; unique. */
  readonly name: string;
  /** Only for journals with these capabilities. Default: for all. */
  readonly when?: (capabilities: JournalCapabilities) => boolean;
  /** Default: default settings. */
  readonly settings?: Partial<FixtureSettings>;
  readonly run: (kit: Kit) => Promise<void>;
}

/** The tools of one case: opens journals on the case's storage, and closes them afterwards. */
export class Kit {
  readonly capabilities: JournalCapabilities;
  readonly #fixture: JournalFixture;
  readonly #journals: Journal[] = [];

  constructor(capabilities: JournalCapabilities, fixture: JournalFixture) {
    this.capabilities = capabilities;
    this.#fixture = fixture;
  }

  /** A journal that is not opened yet. */
  journal(): Journal {
    const journal = this.#fixture.journal();
    this.#journals.push(journal);
    return journal;
  }

  /** An open journal with somebody who follows it. */
  async open(): Promise<Replica> {
    return Replica.open(this.journal());
  }

  async reopen(replica: Replica): Promise<Replica> {
    await replica.journal.close();
    return this.open();
  }

  async crash(journal: Journal): Promise<void> {
    assert(this.#fixture.crash, "a fixture that declares the capability `crash` has to have the method `crash`");
    await this.#fixture.crash(journal);
  }

  async disturb(journal: Journal): Promise<() => Promise<void>> {
    assert(this.#fixture.disturb, "a fixture that declares the capability `disturb` has to have the method `disturb`");
    return this.#fixture.disturb(journal);
  }

  async end(): Promise<void> {
    const closings = await Promise.allSettled(this.#journals.map((journal) => journal.close()));
    await this.#fixture.destroy();
    for (const closing of closings) if (closing.status === "rejected") throw closing.reason;
  }
}

export interface AppendSettings {
  readonly tag?: string;
  readonly since?: Cursor;
  readonly deadline?: number;
}

/** Follows a journal the way a gateway does, checks each tail on the way, and remembers every entry. */
export class Replica {
  readonly journal: Journal;
  /** The bytes of the snapshot found at opening. */
  readonly snapshot: { readonly at: Cursor; readonly bytes: Buffer } | undefined;
  /** Entries since the snapshot, without gaps. */
  readonly entries: Entry[] = [];
  #at: Cursor;

  private constructor(journal: Journal, snapshot: { at: Cursor; bytes: Buffer } | undefined) {
    this.journal = journal;
    this.snapshot = snapshot;
    this.#at = snapshot?.at ?? ORIGIN;
  }

  static async open(journal: Journal): Promise<Replica> {
    const snapshot = await journal.open();
    return new Replica(journal, snapshot && { at: snapshot.at, bytes: await bytesOf(snapshot) });
  }

  /** Everything up to here is known. */
  get at(): Cursor {
    return this.#at;
  }

  /** Appends after what is known, and takes in what others appended in between. */
  async append(data: Uint8Array | string, settings: AppendSettings = {}): Promise<Entry> {
    const bytes = typeof data === "string" ? Buffer.from(data) : data;
    const tag = settings.tag ?? randomTag();
    const since = settings.since ?? this.#at;
    const deadline = settings.deadline ?? inAMinute();
    const { at, tail } = await this.journal.append(bytes, since, { tag, deadline });
    assert.equal(at.tag, tag, "append has to answer with the tag that it was given");
    assert(
      at.position > since.position,
      `appended after position ${since.position}, yet the answer is position ${at.position}`,
    );
    checkTail(tail, since);
    for (const entry of tail.entries) {
      assert(
        entry.position < at.position,
        `the tail of the append at ${at.position} has an entry at ${entry.position}`,
      );
    }
    assert(
      tail.head >= at.position - 1,
      `the tail's head ${tail.head} is below what the append at ${at.position} follows`,
    );
    this.#take(tail.entries);
    // A partial tail leaves a gap before the own entry, which is to be read, and the own entry comes along.
    if (this.#at.position < at.position - 1) await this.catchUp();
    const own: Entry = { ...at, data: Buffer.from(bytes) };
    this.#take([own]);
    return own;
  }

  /** Reads up to the head. Returns what is new. */
  async catchUp(): Promise<Entry[]> {
    const before = this.entries.length;
    for (;;) {
      const tail = await this.journal.read(this.#at);
      checkTail(tail, this.#at);
      this.#take(tail.entries);
      if (this.#at.position >= tail.head) return this.entries.slice(before);
      assert(tail.entries.length > 0, `no entries after ${this.#at.position}, although the head is ${tail.head}`);
    }
  }

  compact(at: Cursor, ...chunks: (Uint8Array | string)[]): Promise<"published" | "older"> {
    return this.journal.compact(at, chunksOf(chunks));
  }

  /** Drops what is known already, as the same entry can come by an append's tail and by a read. */
  #take(entries: readonly Entry[]): void {
    for (const entry of entries) {
      if (entry.position <= this.#at.position) continue;
      assert.equal(entry.position, this.#at.position + 1, "positions have to be dense");
      this.entries.push(entry);
      this.#at = { position: entry.position, tag: entry.tag };
    }
  }
}

/** What holds for each tail. */
export function checkTail(tail: Tail, since: Cursor): void {
  let bytes = 0;
  tail.entries.forEach((entry, i) => {
    assert.equal(entry.position, since.position + 1 + i, `a tail after ${since.position} has to be without gaps`);
    bytes += entry.data.length;
  });
  const last = tail.entries.at(-1)?.position ?? since.position;
  assert(tail.head >= last, `the head ${tail.head} is below the tail's last entry ${last}`);
  assert(Number.isFinite(tail.time) && tail.time > 0, `the journal's time is ${tail.time}`);
  assert(
    bytes <= 2 * MAX_TAIL_BYTES || tail.entries.length === 1,
    `a tail of ${tail.entries.length} entries has ${bytes} bytes; about ${MAX_TAIL_BYTES} at most were agreed`,
  );
}

export function randomTag(): string {
  return String(randomInt(2 ** 48 - 1));
}

/** Bytes that compress badly and that no two calls share. */
export function blob(size: number): Buffer {
  return randomBytes(size);
}

/** A deadline that does not matter. */
export function inAMinute(): number {
  return Date.now() + 60_000;
}

export async function bytesOf(snapshot: Snapshot): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of snapshot.chunks) chunks.push(chunk);
  return Buffer.concat(chunks);
}

export async function* chunksOf(chunks: Iterable<Uint8Array | string>): AsyncIterable<Uint8Array> {
  for (const chunk of chunks) yield typeof chunk === "string" ? Buffer.from(chunk) : chunk;
}

export function passed(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

/** Waits for all, then throws the first failure: nothing of a failed case goes on in the background. */
export async function together(...promises: Promise<unknown>[]): Promise<void> {
  for (const result of await Promise.allSettled(promises)) if (result.status === "rejected") throw result.reason;
}

/** The promise has to reject with one of these codes. */
export async function rejectsWith(promise: Promise<unknown>, ...codes: ErrorCode[]): Promise<WaystationError> {
  const wanted = codes.join(" or ");
  try {
    await promise;
  } catch (error) {
    if (error instanceof WaystationError && codes.includes(error.code)) return error;
    throw new assert.AssertionError({ message: `rejected with ${error} instead of a WaystationError ${wanted}` });
  }
  throw new assert.AssertionError({ message: `resolved instead of rejecting with ${wanted}` });
}

/** Runs `action`, after which the journal has to hold what it held before. */
export async function writesNothing(replica: Replica, action: () => Promise<unknown>): Promise<void> {
  await replica.catchUp();
  await action();
  const news = await replica.catchUp();
  assert.deepEqual(news.map(label), [], "a refused append has to write nothing");
}

/** The entries have to be the same, byte for byte. */
export function sameEntries(actual: readonly Entry[], expected: readonly Entry[]): void {
  assert.deepEqual(actual.map(label), expected.map(label));
  actual.forEach((entry, i) => {
    assert(Buffer.compare(entry.data, expected[i]!.data) === 0, `the bytes of entry ${entry.position} have changed`);
  });
}

function label(entry: Entry): string {
  return `${entry.position}-${entry.tag} (${entry.data.length} bytes)`;
}
