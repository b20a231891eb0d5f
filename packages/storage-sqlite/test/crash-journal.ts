import { SqliteJournal } from "@waystation/storage-sqlite";

/** Trims soon, so that kills happen in the middle of it too, and verifies the whole file when opening. */
export function crashJournal(path: string): SqliteJournal {
  return new SqliteJournal({ path, trimLagMs: 0, trimLagBytes: 20_000, check: true });
}
