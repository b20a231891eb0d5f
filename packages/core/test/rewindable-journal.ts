import type { AppendOwn, AppliedHistory, Cursor, Entry, Journal, Snapshot, Tail } from "../src/journal/journal.ts";
import { ORIGIN } from "../src/journal/journal.ts";
import { MemoryJournal, MemoryStore } from "../src/journal/memory-journal.ts";

/** Whom no gateway takes for itself. */
const STRANGER = new MemoryJournal();

/** A store that can lose the end of its history, as a Redis without durability does when it is killed. */
export class RewindableStore {
  store = new MemoryStore();

  /** Everything after this position is lost. */
  rewind(position: number): void {
    const kept = this.entries.slice(0, position);
    this.store = new MemoryStore();
    this.append(kept);
  }

  /** Everything there is; at most what one tail holds. */
  get entries(): readonly Entry[] {
    return this.store.tail(ORIGIN).entries;
  }

  /** Appends entries with their own tags, all at once. */
  append(entries: readonly Entry[]): void {
    for (const { data, tag } of entries) {
      this.store.append(STRANGER, data, this.store.head, { tag, deadline: Number.MAX_SAFE_INTEGER });
    }
  }
}

/** A connection to such a store, by which a gateway can put back what was lost. */
export class RewindableJournal implements Journal {
  readonly name = "memory";
  readonly shared = true;
  readonly survives = "nothing";
  readonly #server: RewindableStore;
  #store: MemoryStore | undefined;
  #journal = new MemoryJournal();

  constructor(server: RewindableStore) {
    this.#server = server;
  }

  async open(signal?: AbortSignal): Promise<Snapshot | undefined> {
    const journal = await this.#connect();
    return journal.open(signal);
  }

  async append(data: Uint8Array, since: Cursor, own: AppendOwn): Promise<{ at: Cursor; tail: Tail }> {
    const journal = await this.#connect();
    return journal.append(data, since, own);
  }

  async read(since: Cursor): Promise<Tail> {
    const journal = await this.#connect();
    return journal.read(since);
  }

  async compact(at: Cursor, snapshot: AsyncIterable<Uint8Array>): Promise<"published" | "older"> {
    const journal = await this.#connect();
    return journal.compact(at, snapshot);
  }

  async restore({ before, entries }: AppliedHistory): Promise<"restored" | "diverged"> {
    const held = [before, ...entries];
    const head = held.findIndex(({ position }) => position === this.#server.store.head.position);
    if (held[head]?.tag !== this.#server.store.head.tag) return this.#holds(held.at(-1)!);
    this.#server.append(entries.slice(head));
    return "restored";
  }

  async #holds(at: Cursor): Promise<"restored" | "diverged"> {
    return this.read(at).then(
      () => "restored",
      () => "diverged",
    );
  }

  health() {
    return this.#journal.health();
  }

  async close(): Promise<void> {
    await this.#journal.close();
  }

  /** The present store, whichever it was at the last call. */
  async #connect(): Promise<MemoryJournal> {
    const { store } = this.#server;
    if (this.#store !== store) {
      const old = this.#journal;
      this.#store = store;
      this.#journal = new MemoryJournal(store);
      await Promise.all([old.close(), this.#journal.open()]);
    }
    return this.#journal;
  }
}
