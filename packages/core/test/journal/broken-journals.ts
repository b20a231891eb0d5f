import { setTimeout as delay } from "node:timers/promises";
import { isWaystationError, WaystationError } from "../../src/errors.ts";
import {
  type Cursor,
  type Entry,
  type Journal,
  MAX_TAIL_BYTES,
  ORIGIN,
  type Snapshot,
  type Tail,
} from "../../src/journal/journal.ts";
import { MemoryJournal } from "../../src/journal/memory-journal.ts";
import { memoryFixture, newStore } from "./memory-fixture.ts";
import {
  type BrokenJournal,
  collect,
  everything,
  isInHistory,
  isNewer,
  mapEntries,
  overriding,
  overridingAll,
  snapshotting,
  toAsync,
  withoutNewest,
} from "./spoil.ts";

const NEVER = Number.POSITIVE_INFINITY;

/** Journals that the contract suite has to see through, each broken in one place, under what is wrong with it. */
export const BROKEN_JOURNALS = {
  // Keeping entries
  "drops an entry that it acknowledged": overriding((inner) => {
    let appends = 0;
    return {
      async append(data, since, own) {
        if (++appends % 5 !== 0) return inner.append(data, since, own);
        const tail = await inner.read(since);
        return { at: { position: tail.head + 1, tag: own.tag }, tail };
      },
    };
  }),
  "swaps neighbours": overriding((inner) => ({
    read: async (since) =>
      mapEntries(await inner.read(since), (entry, i, all) => {
        const { tag, data } = all[i ^ 1] ?? entry;
        return { position: entry.position, tag, data };
      }),
  })),
  "writes twice": overriding((inner) => ({
    async append(data, since, own) {
      const { tail } = await inner.append(data, since, own);
      const { at } = await inner.append(data, since, own);
      return { at, tail };
    },
  })),
  "starts at position 2": overriding((inner) => ({
    async open(signal) {
      const snapshot = await inner.open(signal);
      const { head } = await inner.read(snapshot?.at ?? ORIGIN);
      if (head === 0) await inner.append(new Uint8Array(), ORIGIN, { tag: "1", deadline: NEVER });
      return snapshot;
    },
  })),
  "leaves gaps in positions": overriding((inner) => {
    const inwards = (cursor: Cursor): Cursor => ({ ...cursor, position: cursor.position / 2 });
    const outwards = <T extends Cursor>(cursor: T): T => ({ ...cursor, position: cursor.position * 2 });
    const tailOutwards = (tail: Tail): Tail => ({ ...mapEntries(tail, outwards), head: tail.head * 2 });
    return {
      async append(data, since, own) {
        const { at, tail } = await inner.append(data, inwards(since), own);
        return { at: outwards(at), tail: tailOutwards(tail) };
      },
      read: async (since) => tailOutwards(await inner.read(inwards(since))),
      compact: (at, snapshot) => inner.compact(inwards(at), snapshot),
    };
  }),
  "gives appends at the same time one position": overriding((inner) => ({
    async append(data, since, own) {
      const { head } = await inner.read(since);
      const { tail } = await inner.append(data, since, own);
      return { at: { position: head + 1, tag: own.tag }, tail };
    },
  })),
  "loses the newest entry in a crash": {
    shared: true,
    fixture: (settings) =>
      memoryFixture(
        settings,
        (inner) => inner,
        (store) => withoutNewest(store, settings),
      ),
  },
  "loses everything in a crash": {
    shared: true,
    fixture: (settings) =>
      memoryFixture(
        settings,
        (inner) => inner,
        async () => newStore(settings),
      ),
  },
  "takes bytes for text": overriding((inner) => ({
    append: (data, since, own) => inner.append(Buffer.from(Buffer.from(data).toString("utf8")), since, own),
  })),
  "keeps the caller's buffer": overridingAll(() => {
    const kept = new Map<string, Uint8Array>();
    return (inner) => ({
      append(data, since, own) {
        kept.set(own.tag, data);
        return inner.append(data, since, own);
      },
      read: async (since) =>
        mapEntries(await inner.read(since), (entry) => ({ ...entry, data: kept.get(entry.tag) ?? entry.data })),
    });
  }),
  "hands out what it goes on using": overridingAll(() => {
    const kept = new Map<string, Entry>();
    return (inner) => ({
      read: async (since) =>
        mapEntries(await inner.read(since), (entry) => {
          const first = kept.get(entry.tag) ?? entry;
          kept.set(entry.tag, first);
          return first;
        }),
    });
  }),

  // Tags, cursors, deadlines
  "answers with another tag": overriding((inner) => ({
    async append(data, since, own) {
      const { at, tail } = await inner.append(data, since, own);
      return { at: { ...at, tag: since.tag }, tail };
    },
  })),
  "keeps a tag as a 32-bit number": overriding((inner) => ({
    append: (data, since, own) => inner.append(data, since, { ...own, tag: String(Number(own.tag) | 0) }),
  })),
  "ignores the tag of a cursor": overridingAll(() => {
    const tags = new Map<number, string>([[0, "0"]]);
    const corrected = (since: Cursor): Cursor => ({ ...since, tag: tags.get(since.position) ?? since.tag });
    return (inner) => ({
      async append(data, since, own) {
        const answer = await inner.append(data, corrected(since), own);
        tags.set(answer.at.position, answer.at.tag);
        return answer;
      },
      read: (since) => inner.read(corrected(since)),
    });
  }),
  "takes a cursor beyond the head for the head": overriding((inner, store) => {
    const within = (since: Cursor): Cursor => (since.position > store.head.position ? store.head : since);
    return {
      append: (data, since, own) => inner.append(data, within(since), own),
      read: (since) => inner.read(within(since)),
    };
  }),
  "writes although the cursor is refused": overriding((inner, store) => ({
    append: (data, since, own) =>
      inner.append(data, since, own).catch(async (error) => {
        if (isWaystationError(error, "TRUNCATED", "REWOUND")) await inner.append(data, store.head, own);
        throw error;
      }),
  })),
  "ignores the deadline": overriding((inner) => ({
    append: (data, since, own) => inner.append(data, since, { ...own, deadline: NEVER }),
  })),
  "checks the deadline where it sends, not where it writes": overriding((inner) => ({
    async append(data, since, own) {
      if (own.deadline < Date.now()) throw new WaystationError("LATE", "the deadline has passed");
      return inner.append(data, since, { ...own, deadline: NEVER });
    },
  })),
  "has a clock that stands still": overriding((inner) => ({
    read: async (since) => ({ ...(await inner.read(since)), time: 1 }),
  })),
  "says UNAVAILABLE when an answer was lost": overriding((inner) => ({
    append: (data, since, own) =>
      inner.append(data, since, own).catch((error) => {
        throw isWaystationError(error, "IN_DOUBT") ? new WaystationError("UNAVAILABLE", "no answer") : error;
      }),
  })),
  "sends again when an answer was lost": overriding((inner) => ({
    append: (data, since, own) =>
      inner.append(data, since, own).catch((error) => {
        if (isWaystationError(error, "IN_DOUBT")) return inner.append(data, since, own);
        throw error;
      }),
  })),

  // Tails
  "sends the own entry back": overriding((inner) => ({
    async append(data, since, own) {
      const { at, tail } = await inner.append(data, since, own);
      return { at, tail: { ...tail, entries: [...tail.entries, { ...at, data }], head: at.position } };
    },
  })),
  "leaves entries out of the tail of an append": overriding((inner) => ({
    async append(data, since, own) {
      const { at, tail } = await inner.append(data, since, own);
      return { at, tail: { ...tail, entries: tail.entries.slice(1) } };
    },
  })),
  "gives short tails and claims that they reach the head": overriding((inner) => ({
    async read(since) {
      const tail = await inner.read(since);
      const entries = tail.entries.slice(0, 3);
      return { ...tail, entries, head: entries.at(-1)?.position ?? since.position };
    },
  })),
  "gives empty tails below the head": overriding((inner) => ({
    read: async (since) => ({ ...(await inner.read(since)), entries: [] }),
  })),
  "gives everything in one tail": overriding((inner) => ({
    async append(data, since, own) {
      const entries = await everything(inner, since);
      const { at, tail } = await inner.append(data, since, own);
      return { at, tail: { ...tail, entries } };
    },
    read: async (since) => ({ ...(await inner.read(since)), entries: await everything(inner, since) }),
  })),
  "cannot give an entry larger than a tail": overriding((inner) => ({
    async read(since) {
      const tail = await inner.read(since);
      return (tail.entries[0]?.data.length ?? 0) > MAX_TAIL_BYTES ? { ...tail, entries: [] } : tail;
    },
  })),
  "shows an entry and takes it back": overriding((inner) => {
    let reads = 0;
    return {
      async read(since) {
        const tail = await inner.read(since);
        if (++reads % 3 !== 0 || tail.entries.length < 2) return tail;
        return { ...tail, entries: tail.entries.slice(0, -1), head: tail.head - 1 };
      },
    };
  }),
  "does not see what others append": overriding((inner) => {
    let own: Tail | undefined;
    return {
      async append(data, since, { tag, deadline }) {
        own = undefined;
        return inner.append(data, since, { tag, deadline });
      },
      async read(since) {
        if (own?.head !== since.position) own = await inner.read(since);
        else own = { ...own, entries: [] };
        return own;
      },
    };
  }),
  "serves a truncated reader from what is left": overriding((inner) => ({
    read: (since) =>
      inner.read(since).catch((error) => {
        if (isWaystationError(error, "TRUNCATED")) return { entries: [], head: since.position, time: Date.now() };
        throw error;
      }),
  })),
  "says REWOUND for TRUNCATED": overriding((inner) => {
    const rename = (error: unknown): never => {
      throw isWaystationError(error, "TRUNCATED") ? new WaystationError("REWOUND", error.message) : error;
    };
    return {
      append: (data, since, own) => inner.append(data, since, own).catch(rename),
      read: (since) => inner.read(since).catch(rename),
    };
  }),

  // Snapshots
  "keeps nothing for slow readers": {
    shared: true,
    fixture: (settings) => memoryFixture({ ...settings, eagerTrim: true }),
  },
  "says published without publishing": snapshotting(async (_at, snapshot) => {
    await collect(snapshot);
    return "published";
  }),
  "publishes an older snapshot": snapshotting(async (at, snapshot, slot, inner) => {
    const chunks = await collect(snapshot);
    if (!(await isInHistory(at, inner))) return "older";
    slot.current = { at, chunks };
    return "published";
  }),
  "publishes a snapshot of another history": snapshotting(async (at, snapshot, slot) => {
    const chunks = await collect(snapshot);
    if (!isNewer(at, slot)) return "older";
    slot.current = { at, chunks };
    return "published";
  }),
  "looks whether a snapshot is newer only before it writes": snapshotting(async (at, snapshot, slot, inner) => {
    if (!isNewer(at, slot) || !(await isInHistory(at, inner))) return "older";
    slot.current = { at, chunks: await collect(snapshot) };
    return "published";
  }),
  "publishes half a snapshot when the iterable throws": snapshotting(async (at, snapshot, slot, inner) => {
    if (!isNewer(at, slot) || !(await isInHistory(at, inner))) return "older";
    const chunks: Uint8Array[] = [];
    slot.current = { at, chunks };
    for await (const chunk of snapshot) chunks.push(new Uint8Array(chunk));
    return "published";
  }),
  "hides the error of the iterable": overriding((inner) => ({
    compact: (at, snapshot) =>
      inner.compact(at, snapshot).catch((error) => {
        throw isWaystationError(error, "CLOSED") ? error : new WaystationError("UNAVAILABLE", "compaction failed");
      }),
  })),
  "keeps the caller's chunks": snapshotting(async (at, snapshot, slot, inner) => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of snapshot) chunks.push(chunk);
    if (!isNewer(at, slot) || !(await isInHistory(at, inner))) return "older";
    slot.current = { at, chunks };
    return "published";
  }),
  "keeps 256 KiB of each chunk": overriding((inner) => {
    async function* cut(chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
      for await (const chunk of chunks) yield chunk.subarray(0, 262_144);
    }
    return { compact: (at, snapshot) => inner.compact(at, cut(snapshot)) };
  }),
  "takes an empty snapshot for none": overriding((inner) => ({
    async compact(at, snapshot) {
      const { ok } = await inner.health();
      const chunks = ok ? await collect(snapshot) : [];
      return ok && chunks.length === 0 ? "published" : inner.compact(at, toAsync(chunks));
    },
  })),
  "replaces a snapshot under its reader": snapshotting(
    async (at, snapshot, slot, inner) => {
      const chunks = await collect(snapshot);
      if (!isNewer(at, slot) || !(await isInHistory(at, inner))) return "older";
      slot.current = { at, chunks };
      return "published";
    },
    async function* (found, slot) {
      for (let i = 0; i < found.chunks.length; i++) yield slot.current!.chunks[i] ?? new Uint8Array();
    },
  ),
  "stops appends during a compaction": overriding((inner) => {
    let compacting = false;
    return {
      async append(data, since, own) {
        if (compacting) throw new WaystationError("UNAVAILABLE", "compacting");
        return inner.append(data, since, own);
      },
      async compact(at, snapshot) {
        compacting = true;
        return inner.compact(at, snapshot).finally(() => {
          compacting = false;
        });
      },
    };
  }),
  "counts what was appended during a compaction into the snapshot": overriding((inner, store) => ({
    async compact(at, snapshot) {
      const { ok } = await inner.health();
      if (!ok || !(await isInHistory(at, inner)) || !store.accepts(at)) return inner.compact(at, snapshot);
      return inner.compact(store.head, toAsync(await collect(snapshot)));
    },
  })),

  // Lifecycle
  "does not reject after close": overriding(() => ({ close: async () => {} })),
  "can be used without open": overriding((inner) => {
    let opening: ReturnType<Journal["open"]> | undefined;
    const open = (signal?: AbortSignal): ReturnType<Journal["open"]> => {
      opening ??= inner.open(signal);
      return opening;
    };
    return {
      open,
      append: async (data, since, own) => open().then(() => inner.append(data, since, own)),
      read: async (since) => open().then(() => inner.read(since)),
      compact: async (at, snapshot) => open().then(() => inner.compact(at, snapshot)),
      health: async () => open().then(() => inner.health()),
    };
  }),
  "takes calls while it is closing": overriding((inner) => ({ close: () => delay(5).then(() => inner.close()) })),
  "closes under an append": overriding((inner) => ({
    append: (data, since, own) => delay(5).then(() => inner.append(data, since, own)),
  })),
  "closes under a compaction": overriding((inner) => ({
    compact: async (at, snapshot) => inner.compact(at, toAsync(await collect(snapshot))),
  })),
  "cannot be closed twice": overriding((inner) => {
    let closed = false;
    return {
      async close() {
        if (closed) throw new Error("already closed");
        closed = true;
        await inner.close();
      },
    };
  }),
  "opens again on the same object, and begins anew": overriding((inner, store) => {
    let current = inner;
    return {
      async open(signal) {
        const before = current;
        current = new MemoryJournal(store);
        await before.close();
        return current.open(signal);
      },
      append: (data, since, own) => current.append(data, since, own),
      read: (since) => current.read(since),
      compact: (at, snapshot) => current.compact(at, snapshot),
      health: () => current.health(),
      close: () => current.close(),
    };
  }),
  "breaks when it is opened a second time": overriding((inner) => {
    let opened = 0;
    return {
      async open(signal) {
        const snapshot = await inner.open(signal);
        if (++opened === 2) await inner.close();
        return snapshot;
      },
    };
  }),
  "remembers the snapshot that it was opened with": overriding((inner) => {
    let first: Promise<Snapshot | undefined> | undefined;
    return {
      open(signal) {
        first ??= inner.open(signal);
        return first;
      },
    };
  }),
  "opens in spite of an aborted signal": overriding((inner) => ({ open: () => inner.open() })),
  "rejects from health when it is not open": overriding((inner) => ({
    async health() {
      const health = await inner.health();
      if (!health.ok) throw new Error(health.detail);
      return health;
    },
  })),
  "is always healthy, and of the same size": overriding(() => ({
    health: async () => ({ ok: true, journalBytes: 1000, snapshotBytes: 1000 }),
  })),
  "throws from watch when it is not open": overriding((inner) => {
    let open = false;
    return {
      async open(signal) {
        const snapshot = await inner.open(signal);
        open = true;
        return snapshot;
      },
      close() {
        open = false;
        return inner.close();
      },
      watch(onGrowth) {
        if (!open) throw new Error("not open");
        return inner.watch!(onGrowth);
      },
    };
  }),
  "goes on with hints after they were stopped": overriding((inner) => ({
    watch(onGrowth) {
      inner.watch!(onGrowth);
      return () => {};
    },
  })),

  // Sharing
  "lies about being shared": overriding(() => ({ shared: false })),
  "lets a second opener in": {
    shared: false,
    fixture: (settings) => overriding(() => ({ shared: false })).fixture({ ...settings, shared: true }),
  },
  "keeps its lock when closed": overridingAll(() => {
    let opened = false;
    return (inner) => ({
      async open(signal) {
        if (opened) throw new WaystationError("LOCKED", "the lock was taken once and is never given back");
        const snapshot = await inner.open(signal);
        opened = true;
        return snapshot;
      },
    });
  }, false),
  "says UNAVAILABLE when it is locked": overriding(
    (inner) => ({
      open: (signal) =>
        inner.open(signal).catch((error) => {
          throw isWaystationError(error, "LOCKED") ? new WaystationError("UNAVAILABLE", "locked") : error;
        }),
    }),
    false,
  ),
} satisfies Record<string, BrokenJournal>;
