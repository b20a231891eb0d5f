import { test } from "node:test";
import { FaultyJournal, type JournalFixture, journalContract } from "../testing/index.ts";
import { MemoryJournal, MemoryStore } from "./memory-journal.ts";

for (const shared of [true, false]) {
  journalContract({
    test,
    name: shared ? "memory journals on one store" : "memory journal",
    capabilities: { shared, trimLag: true, crash: true, disturb: shared },
    create: async ({ eagerTrim }) => memoryFixture(shared, eagerTrim),
  });
}

function memoryFixture(shared: boolean, eagerTrim: boolean): JournalFixture {
  const store = new MemoryStore({ shared, ...(eagerTrim && { trimLagBytes: 0 }) });
  return {
    journal: () => new FaultyJournal(new MemoryJournal(store)),
    crash: async () => store.abandon(),
    disturb: async (journal) => {
      const faulty = journal as FaultyJournal;
      const { promise: until, resolve: release } = Promise.withResolvers<void>();
      faulty.failNext(
        "append",
        { kind: "lose-reply" },
        { kind: "late", until },
        { kind: "reject", code: "UNAVAILABLE" },
      );
      return async () => {
        release();
        await faulty.lateCallsDone();
        faulty.heal();
      };
    },
    destroy: async () => {},
  };
}
