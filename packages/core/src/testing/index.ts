/**
 * For those who write a journal, or something on top of one: the contract suite, the crash test, and a journal that fails on command.
 *
 * @module
 */
export type {
  FixtureSettings,
  JournalCapabilities,
  JournalContractOptions,
  JournalFixture,
} from "./contract/fixture.ts";
export { journalContract } from "./contract/journal-contract.ts";
export { journalCrashChild } from "./crash/crash-child.ts";
export { type CrashLoopOptions, type CrashLoopReport, journalCrashLoop } from "./crash/crash-loop.ts";
export { type Fault, FaultyJournal, type FaultyMethod } from "./faulty-journal.ts";
