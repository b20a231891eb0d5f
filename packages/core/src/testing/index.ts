export { type Fault, FaultyJournal, type FaultyMethod } from "./faulty-journal.ts";
