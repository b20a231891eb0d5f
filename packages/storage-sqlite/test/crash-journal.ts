import { SqliteJournal } from "@waystation/storage-sqlite";

/**
 * Trims soon, so that kills happen in the middle of it too, but not so soon that another process overtakes one that is opening the
 * journal. Verifies the whole file when opening.
 */
export function crashJournal(path: string): SqliteJournal {
  return new SqliteJournal({ path, trimLagMs: 5_000, trimLagBytes: 20_000, check: true });
}
