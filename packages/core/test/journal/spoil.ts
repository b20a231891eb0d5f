import {
  type AppendOwn,
  type Cursor,
  type Durability,
  type Entry,
  type Journal,
  type JournalHealth,
  ORIGIN,
  type Snapshot,
  type Tail,
} from "../../src/journal/journal.ts";
import { MemoryJournal, type MemoryStore } from "../../src/journal/memory-journal.ts";
import type { JournalFixture } from "../../src/testing/index.ts";
import { type MemorySettings, memoryFixture, newStore } from "./memory-fixture.ts";

/** A journal with a defect, on fresh storage at each call. */
export interface BrokenJournal {
  readonly shared: boolean;
  readonly fixture: (settings: MemorySettings) => JournalFixture;
}

/** A sound journal, to be spoiled in one place. */
class Wrapper implements Journal {
  readonly name = "memory";
  readonly shared: boolean;
  readonly survives: Durability = "nothing";
  readonly #inner: Journal;

  constructor(inner: Journal) {
    this.#inner = inner;
    this.shared = inner.shared;
  }

  open(signal?: AbortSignal): Promise<Snapshot | undefined> {
    return this.#inner.open(signal);
  }

  append(data: Uint8Array, since: Cursor, own: AppendOwn): Promise<{ readonly at: Cursor; readonly tail: Tail }> {
    return this.#inner.append(data, since, own);
  }

  read(since: Cursor): Promise<Tail> {
    return this.#inner.read(since);
  }

  compact(at: Cursor, snapshot: AsyncIterable<Uint8Array>): Promise<"published" | "older"> {
    return this.#inner.compact(at, snapshot);
  }

  watch(onGrowth: () => void): () => void {
    return this.#inner.watch?.(onGrowth) ?? (() => {});
  }

  health(): Promise<JournalHealth> {
    return this.#inner.health();
  }

  close(): Promise<void> {
    return this.#inner.close();
  }
}

type Methods = (inner: Journal, store: MemoryStore) => Partial<Journal>;

/** Overrides methods of each journal. `methods` is made once for each storage: what it keeps is common to the storage's journals. */
export function overridingAll(methods: () => Methods, shared = true): BrokenJournal {
  return {
    shared,
    fixture(settings) {
      const spoil = methods();
      return memoryFixture(settings, (inner, store) => Object.assign(new Wrapper(inner), spoil(inner, store)));
    },
  };
}

/** Overrides methods of each journal by itself. */
export function overriding(methods: Methods, shared = true): BrokenJournal {
  return overridingAll(() => methods, shared);
}

interface StoredSnapshot {
  readonly at: Cursor;
  readonly chunks: readonly Uint8Array[];
}

/** Where the journals of {@link snapshotting} keep their snapshot. */
export interface Slot {
  current: StoredSnapshot | undefined;
}

/** Keeps snapshots beside the store, so that rules can be left out of `publish`. */
export function snapshotting(
  publish: (
    at: Cursor,
    snapshot: AsyncIterable<Uint8Array>,
    slot: Slot,
    inner: Journal,
  ) => Promise<"published" | "older">,
  chunksOf = (found: StoredSnapshot, _slot: Slot): AsyncIterable<Uint8Array> => toAsync(found.chunks),
): BrokenJournal {
  return overridingAll(() => {
    const slot: Slot = { current: undefined };
    return (inner) => ({
      async open(signal) {
        await inner.open(signal);
        const found = slot.current;
        return found && { at: found.at, chunks: chunksOf(found, slot) };
      },
      async compact(at, snapshot) {
        const { ok } = await inner.health();
        return ok ? publish(at, snapshot, slot, inner) : inner.compact(at, snapshot);
      },
    });
  });
}

export async function collect(snapshot: AsyncIterable<Uint8Array>): Promise<Uint8Array[]> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of snapshot) chunks.push(new Uint8Array(chunk));
  return chunks;
}

export async function* toAsync(chunks: Iterable<Uint8Array>): AsyncIterable<Uint8Array> {
  yield* chunks;
}

export function isNewer(at: Cursor, { current }: Slot): boolean {
  return at.position > (current?.at.position ?? 0);
}

export async function isInHistory(at: Cursor, inner: Journal): Promise<boolean> {
  return inner.read(at).then(
    () => true,
    () => false,
  );
}

export function mapEntries(tail: Tail, map: (entry: Entry, i: number, all: readonly Entry[]) => Entry): Tail {
  return { ...tail, entries: tail.entries.map(map) };
}

/** All entries after `since`, in one piece. */
export async function everything(inner: Journal, since: Cursor): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (;;) {
    const { position, tag } = entries.at(-1) ?? since;
    const tail = await inner.read({ position, tag });
    if (tail.entries.length === 0) return entries;
    entries.push(...tail.entries);
  }
}

/** A copy of the store without its newest entry. */
export async function withoutNewest(store: MemoryStore, settings: MemorySettings): Promise<MemoryStore> {
  const copy = newStore(settings);
  const [source, target] = [new MemoryJournal(store), new MemoryJournal(copy)];
  const snapshot = await source.open();
  await target.open();
  const { entries } = await source.read(snapshot?.at ?? ORIGIN);
  let since = ORIGIN;
  for (const { data, tag } of entries.slice(0, -1)) {
    ({ at: since } = await target.append(data, since, { tag, deadline: Number.POSITIVE_INFINITY }));
  }
  await Promise.all([source.close(), target.close()]);
  return copy;
}
