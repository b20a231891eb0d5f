import { WaystationError } from "../src/errors.ts";
import type { AppendOwn, AppliedHistory, Cursor, Entry, Journal, Snapshot, Tail } from "../src/journal/journal.ts";
import { ORIGIN } from "../src/journal/journal.ts";

/** What {@link LossyJournal}s share: entries that can get lost, with a snapshot in front of them after some restorations. */
export class LossyStore {
  floor: Cursor = ORIGIN;
  entries: Entry[] = [];
  snapshot: { readonly at: Cursor; readonly chunks: readonly Uint8Array[] } | undefined;

  get head(): Cursor {
    return this.entries.at(-1) ?? this.floor;
  }

  /** As by a restart from an old file: whatever follows the position is gone. */
  lose(after: number): void {
    this.entries = this.entries.filter(({ position }) => position <= after);
    if (after >= this.floor.position) return;
    this.floor = ORIGIN;
    this.snapshot = undefined;
  }

  tail(since: Cursor): Tail {
    if (since.position < this.floor.position) throw new WaystationError("TRUNCATED", "compacted");
    const index = since.position - this.floor.position;
    const there = index === 0 ? this.floor : this.entries[index - 1];
    if (there?.tag !== since.tag) throw new WaystationError("REWOUND", "another history");
    return { entries: this.entries.slice(index), head: this.head.position, time: Date.now() };
  }
}

/** A journal that takes back what its store has lost, in the plainest way. */
export class LossyJournal implements Journal {
  readonly name = "lossy";
  readonly shared = true;
  readonly survives = "nothing";
  readonly store: LossyStore;
  /** Called with what is offered, before it is looked at. */
  onRestore: (history: AppliedHistory) => Promise<void> = async () => {};

  constructor(store: LossyStore) {
    this.store = store;
  }

  async open(): Promise<Snapshot | undefined> {
    const { snapshot } = this.store;
    return snapshot && { at: snapshot.at, chunks: chunksOf(snapshot.chunks) };
  }

  async append(data: Uint8Array, since: Cursor, { tag }: AppendOwn): Promise<{ at: Cursor; tail: Tail }> {
    const tail = this.store.tail(since);
    const at = { position: this.store.head.position + 1, tag };
    this.store.entries.push({ ...at, data: new Uint8Array(data) });
    return { at, tail };
  }

  async read(since: Cursor): Promise<Tail> {
    return this.store.tail(since);
  }

  async compact(): Promise<"older"> {
    return "older";
  }

  async restore(history: AppliedHistory): Promise<"restored" | "diverged"> {
    await this.onRestore(history);
    const { store } = this;
    const { before, entries } = history;
    const at = entries.at(-1) ?? before;
    if (store.head.position >= at.position) {
      return store.entries.some(({ position, tag }) => position === at.position && tag === at.tag)
        ? "restored"
        : "diverged";
    }
    const known = [before, ...entries].findIndex(
      ({ position, tag }) => position === store.head.position && tag === store.head.tag,
    );
    if (known >= 0) {
      store.entries.push(...entries.slice(known).map(copyOf));
      return "restored";
    }
    if (store.head.position > 0 && !history.knows(store.head)) return "diverged";
    const chunks: Uint8Array[] = [];
    for await (const chunk of history.snapshot()) chunks.push(chunk);
    store.snapshot = { at, chunks };
    store.floor = before;
    store.entries = entries.map(copyOf);
    return "restored";
  }

  async health(): Promise<{ ok: boolean }> {
    return { ok: true };
  }

  async close(): Promise<void> {}
}

function copyOf({ position, tag, data }: Entry): Entry {
  return { position, tag, data: new Uint8Array(data) };
}

async function* chunksOf(chunks: readonly Uint8Array[]): AsyncIterable<Uint8Array> {
  yield* chunks;
}
