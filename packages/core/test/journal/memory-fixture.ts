import type { Journal } from "../../src/journal/journal.ts";
import { MemoryJournal, MemoryStore } from "../../src/journal/memory-journal.ts";
import { FaultyJournal, type JournalFixture } from "../../src/testing/index.ts";

export interface MemorySettings {
  readonly shared: boolean;
  readonly eagerTrim: boolean;
}

export function newStore({ shared, eagerTrim }: MemorySettings): MemoryStore {
  return new MemoryStore({ shared, ...(eagerTrim && { trimLagBytes: 0 }) });
}

/**
 * Memory journals on one store, reached over a connection that can be disturbed.
 *
 * @param wrap What to put around each journal. Default: nothing.
 * @param crashed The store as it is after a crash. Default: nothing is lost.
 */
export function memoryFixture(
  settings: MemorySettings,
  wrap: (inner: Journal, store: MemoryStore) => Journal = (inner) => inner,
  crashed: (store: MemoryStore) => Promise<MemoryStore> = async (store) => store,
): JournalFixture {
  let store = newStore(settings);
  const connections = new WeakMap<Journal, FaultyJournal>();
  return {
    journal() {
      const connection = new FaultyJournal(new MemoryJournal(store));
      const journal = wrap(connection, store);
      connections.set(journal, connection);
      return journal;
    },
    async crash() {
      store.abandon();
      store = await crashed(store);
    },
    disturb: async (journal) => disturb(connections.get(journal)!),
    destroy: async () => {},
  };
}

/** An answer is lost, a command is stuck on its way, and a command is refused. */
function disturb(connection: FaultyJournal): () => Promise<void> {
  const { promise: until, resolve: release } = Promise.withResolvers<void>();
  connection.failNext(
    "append",
    { kind: "lose-reply" },
    { kind: "late", until },
    { kind: "reject", code: "UNAVAILABLE" },
  );
  return async () => {
    release();
    await connection.lateCallsDone();
    connection.heal();
  };
}
