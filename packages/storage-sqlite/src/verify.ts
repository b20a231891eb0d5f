import type { Database } from "better-sqlite3";
import type { EntryTable } from "./entries.ts";
import { Refusal } from "./refusal.ts";
import type { SnapshotReader } from "./snapshots.ts";

/**
 * Throws `CORRUPT` if the snapshot and the entries do not fit together, which takes microseconds. With `all`, SQLite checks its own
 * structure as well, and every entry and chunk is compared with its checksum, which reads the whole file.
 */
export function verify(
  database: Database,
  path: string,
  entries: EntryTable,
  snapshots: SnapshotReader,
  all: boolean,
): void {
  database.transaction(() => {
    if (all) {
      const found = database.pragma("quick_check(1)", { simple: true });
      if (found !== "ok") throw corrupt(path, String(found));
    }
    const lowest = entries.lowest();
    const snapshot = snapshots.current();
    if (snapshot && entries.markAt(snapshot.at.position)?.tag !== snapshot.at.tag) {
      throw corrupt(
        path,
        `it has no entry ${snapshot.at.position} with tag ${snapshot.at.tag}, which its snapshot stands for`,
      );
    }
    if (!snapshot && lowest > 1)
      throw corrupt(path, `it begins at entry ${lowest} without a snapshot of what was before`);
    if (snapshot) snapshots.verify(snapshot, all);
    if (all) for (const _ of entries.after(Math.max(0, lowest - 1)));
  })();
}

function corrupt(path: string, what: string): Refusal {
  return new Refusal(
    "CORRUPT",
    `the database ${path} is damaged: ${what}. Stop all gateways that use it and restore it from a backup, or salvage what is readable ` +
      "with the .recover command of the sqlite3 shell",
  );
}
