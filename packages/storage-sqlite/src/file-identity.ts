import { statSync } from "node:fs";
import { WaystationError } from "@waystation/core";

/**
 * Notices that the database's files are no longer the ones that were opened. A process whose file was deleted, moved or restored
 * from a backup under it would go on writing, and acknowledging, into a file that nobody will ever see again.
 *
 * Looks at names only: opening and closing the file apart from SQLite would drop the locks that this process holds on it.
 */
export class FileIdentity {
  readonly #files: readonly { readonly path: string; readonly id: string }[];

  /** @param path The database, open in WAL mode. */
  constructor(path: string) {
    this.#files = [path, `${path}-wal`].map((file) => ({ path: file, id: identify(file) }));
  }

  /** Throws `UNAVAILABLE` if a file is gone or another one has its name. Takes a few microseconds. */
  check(): void {
    for (const { path, id } of this.#files) {
      const found = identify(path);
      if (found === id) continue;
      throw new WaystationError(
        "UNAVAILABLE",
        `${path} was ${found === "" ? "removed" : "replaced"} while it was open: nothing was written. Put it back or restart, ` +
          "and change the files only while no gateway uses them",
      );
    }
  }
}

/** Device and inode, empty if there is no such file. */
function identify(path: string): string {
  const stat = statSync(path, { bigint: true, throwIfNoEntry: false });
  return stat ? `${stat.dev}:${stat.ino}` : "";
}
