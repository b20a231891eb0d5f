export type {
  FixtureSettings,
  JournalCapabilities,
  JournalContractOptions,
  JournalFixture,
} from "./contract/fixture.ts";
export { journalContract } from "./contract/journal-contract.ts";
export { type Fault, FaultyJournal, type FaultyMethod } from "./faulty-journal.ts";
