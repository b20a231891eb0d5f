import { WaystationError } from "../errors.ts";
import {
  type AppendOwn,
  type Cursor,
  type Durability,
  type Entry,
  type Journal,
  type JournalHealth,
  MAX_TAIL_BYTES,
  ORIGIN,
  type Snapshot,
  type Tail,
} from "./journal.ts";
import { JournalLifecycle } from "./lifecycle.ts";

export interface MemoryStoreOptions {
  /** May several journals have the store open at once? If not, the second one is refused with `LOCKED`. Default: true. */
  readonly shared?: boolean;
  /** Entries before a snapshot that stay readable for slow readers, in bytes of their data. Default: 16 MiB. */
  readonly trimLagBytes?: number;
  /**
   * Keep nothing: for the one journal on a store of its own, whose gateway has everything in memory already. Nobody else can ever read
   * such a store. Default: false.
   */
  readonly forgetful?: boolean;
  /** The store's clock, in milliseconds. Default: `Date.now`. */
  readonly now?: () => number;
}

interface StoredSnapshot {
  readonly at: Cursor;
  readonly chunks: readonly Uint8Array[];
  readonly bytes: number;
}

/**
 * What {@link MemoryJournal}s write to: an array of entries and a snapshot. Several journals on one store are to each other as the
 * processes of a cluster are that share one Redis.
 */
export class MemoryStore {
  readonly shared: boolean;
  readonly forgetful: boolean;
  readonly #trimLagBytes: number;
  readonly #now: () => number;
  /** Everything up to here is trimmed: `#entries[i]` has position `#floor.position + 1 + i`. */
  #floor: Cursor = ORIGIN;
  #entries: Entry[] = [];
  #snapshot: StoredSnapshot | undefined;
  /** Bytes of entries after the snapshot. */
  #journalBytes = 0;
  /** The journals that have the store open, each with its listeners. */
  readonly #openers = new Map<MemoryJournal, Set<() => void>>();

  constructor(options: MemoryStoreOptions = {}) {
    this.shared = options.shared ?? true;
    this.forgetful = options.forgetful ?? false;
    this.#trimLagBytes = options.trimLagBytes ?? 16 * 1024 * 1024;
    this.#now = options.now ?? Date.now;
  }

  get head(): Cursor {
    return this.#entries.at(-1) ?? this.#floor;
  }

  get snapshot(): StoredSnapshot | undefined {
    return this.#snapshot;
  }

  get journalBytes(): number {
    return this.#journalBytes;
  }

  /** Lets a journal in with its set of listeners, or throws `LOCKED`. */
  enter(journal: MemoryJournal, listeners: Set<() => void>): void {
    if (!this.shared && this.#openers.size > 0) {
      throw new WaystationError("LOCKED", "the memory store is in use by another journal: close that one first");
    }
    this.#openers.set(journal, listeners);
  }

  leave(journal: MemoryJournal): void {
    this.#openers.delete(journal);
  }

  /** What the death of all processes does that have the store open: locks are free, and the store is as it was. For tests. */
  abandon(): void {
    this.#openers.clear();
  }

  append(journal: MemoryJournal, data: Uint8Array, since: Cursor, own: AppendOwn): { at: Cursor; tail: Tail } {
    const now = this.#now();
    if (now > own.deadline) {
      throw new WaystationError("LATE", `the deadline ${own.deadline} had passed at ${now}: nothing was written`);
    }
    const tail = this.tail(since);
    const at: Cursor = { position: this.head.position + 1, tag: own.tag };
    if (this.forgetful) {
      this.#floor = at;
      return { at, tail };
    }
    this.#entries.push({ ...at, data: new Uint8Array(data) });
    this.#journalBytes += data.length;
    for (const [other, listeners] of this.#openers) {
      if (other !== journal) for (const listener of listeners) queueMicrotask(listener);
    }
    return { at, tail };
  }

  tail(since: Cursor): Tail {
    this.#check(since);
    const entries: Entry[] = [];
    let bytes = 0;
    for (let i = since.position - this.#floor.position; i < this.#entries.length; i++) {
      const { position, tag, data } = this.#entries[i]!;
      bytes += data.length;
      if (bytes > MAX_TAIL_BYTES && entries.length > 0) break;
      entries.push({ position, tag, data: new Uint8Array(data) });
    }
    return { entries, head: this.head.position, time: this.#now() };
  }

  /** Would a snapshot at `at` be newer than the present one, and of this history? */
  accepts(at: Cursor): boolean {
    return at.position > (this.#snapshot?.at.position ?? 0) && this.#tagAt(at.position) === at.tag;
  }

  publish(at: Cursor, chunks: readonly Uint8Array[]): "published" | "older" {
    if (!this.accepts(at)) return "older";
    this.#snapshot = { at: { ...at }, chunks, bytes: chunks.reduce((sum, chunk) => sum + chunk.length, 0) };
    const covered = at.position - this.#floor.position;
    this.#journalBytes = this.#entries.slice(covered).reduce((sum, entry) => sum + entry.data.length, 0);
    this.#trim(covered);
    return "published";
  }

  /** Drops the oldest of the first `covered` entries, except for a lag of so many bytes. */
  #trim(covered: number): void {
    let drop = covered;
    let lag = 0;
    while (drop > 0) {
      lag += this.#entries[drop - 1]!.data.length;
      if (lag > this.#trimLagBytes) break;
      drop--;
    }
    if (drop === 0) return;
    const { position, tag } = this.#entries[drop - 1]!;
    this.#floor = { position, tag };
    this.#entries.splice(0, drop);
  }

  #tagAt(position: number): string | undefined {
    if (position === this.#floor.position) return this.#floor.tag;
    return this.#entries[position - this.#floor.position - 1]?.tag;
  }

  #check(since: Cursor): void {
    if (since.position < this.#floor.position) {
      throw new WaystationError(
        "TRUNCATED",
        `entries after ${since.position} were compacted away up to ${this.#floor.position}: start again from the snapshot`,
      );
    }
    const tag = this.#tagAt(since.position);
    if (tag !== since.tag) {
      const there =
        tag === undefined ? `the journal ends at ${this.head.position}` : `the journal has tag ${tag} there`;
      throw new WaystationError(
        "REWOUND",
        `position ${since.position} with tag ${since.tag} is not in this history (${there}): start again from the snapshot`,
      );
    }
  }
}

/**
 * A journal in this process's memory: for tests, for embedding, and for gateways whose content may be lost with the process.
 *
 * Without a store it is not shared, and keeps nothing: what is appended lives in the gateway only.
 */
export class MemoryJournal implements Journal {
  readonly name = "memory";
  readonly shared: boolean;
  readonly forgetful: boolean;
  readonly survives: Durability = "nothing";
  readonly #store: MemoryStore;
  readonly #listeners = new Set<() => void>();
  readonly #lifecycle = new JournalLifecycle("the memory journal");

  constructor(store: MemoryStore = new MemoryStore({ shared: false, forgetful: true })) {
    this.#store = store;
    this.shared = store.shared;
    this.forgetful = store.forgetful;
  }

  open(signal?: AbortSignal): Promise<Snapshot | undefined> {
    const snapshot = async (): Promise<Snapshot | undefined> => {
      const stored = this.#store.snapshot;
      return stored && { at: { ...stored.at }, chunks: copies(stored.chunks) };
    };
    return this.#lifecycle.open(async () => {
      signal?.throwIfAborted();
      this.#store.enter(this, this.#listeners);
      return snapshot();
    }, snapshot);
  }

  append(data: Uint8Array, since: Cursor, own: AppendOwn): Promise<{ at: Cursor; tail: Tail }> {
    return this.#lifecycle.use(async () => this.#store.append(this, data, since, own));
  }

  read(since: Cursor): Promise<Tail> {
    return this.#lifecycle.use(async () => this.#store.tail(since));
  }

  compact(at: Cursor, snapshot: AsyncIterable<Uint8Array>): Promise<"published" | "older"> {
    return this.#lifecycle.use(async () => {
      if (this.#store.forgetful) return "published";
      if (!this.#store.accepts(at)) return "older";
      const chunks: Uint8Array[] = [];
      for await (const chunk of snapshot) chunks.push(new Uint8Array(chunk));
      return this.#store.publish(at, chunks);
    });
  }

  watch(onGrowth: () => void): () => void {
    const listener = (): void => {
      if (this.#lifecycle.isOpen) onGrowth();
    };
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  async health(): Promise<JournalHealth> {
    if (!this.#lifecycle.isOpen) return { ok: false, detail: `the memory journal is ${this.#lifecycle.state}` };
    return { ok: true, journalBytes: this.#store.journalBytes, snapshotBytes: this.#store.snapshot?.bytes ?? 0 };
  }

  close(): Promise<void> {
    return this.#lifecycle.close(async () => {
      this.#store.leave(this);
    });
  }
}

async function* copies(chunks: readonly Uint8Array[]): AsyncIterable<Uint8Array> {
  for (const chunk of chunks) yield new Uint8Array(chunk);
}
