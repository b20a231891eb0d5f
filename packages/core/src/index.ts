export * from "./errors.ts";
export * from "./journal/journal.ts";
export { JournalLifecycle } from "./journal/lifecycle.ts";
export { MemoryJournal, MemoryStore, type MemoryStoreOptions } from "./journal/memory-journal.ts";
