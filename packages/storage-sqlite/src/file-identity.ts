import { statSync } from "node:fs";
import { Refusal } from "./refusal.ts";

/**
 * How often the write-ahead log is looked at, milliseconds. Asking for its status makes the file system note the exact time of the
 * next write, which adds a third to the cost of a commit; the database itself is rarely written to.
 */
const LOG_EVERY_MS = 100;

/**
 * Notices that the database's files are no longer the ones that were opened. A process whose file was deleted, moved or restored
 * from a backup under it would go on writing, and acknowledging, into a file that nobody will ever see again.
 *
 * Looks at names only: opening and closing the file apart from SQLite would drop the locks that this process holds on it.
 */
export class FileIdentity {
  readonly #database: NamedFile;
  readonly #log: NamedFile;
  #logCheckedAt = performance.now();

  /** @param path The database, open in WAL mode. */
  constructor(path: string) {
    this.#database = new NamedFile(path);
    this.#log = new NamedFile(`${path}-wal`);
  }

  /** Throws `UNAVAILABLE` if a file is gone or another one has its name. Takes two microseconds. */
  check(): void {
    this.#database.check();
    const now = performance.now();
    if (now - this.#logCheckedAt < LOG_EVERY_MS) return;
    this.#logCheckedAt = now;
    this.#log.check();
  }
}

class NamedFile {
  readonly #path: string;
  /** Device and inode; empty if there is no such file. */
  readonly #id: string;

  constructor(path: string) {
    this.#path = path;
    this.#id = this.#identify();
  }

  check(): void {
    const id = this.#identify();
    if (id === this.#id) return;
    throw new Refusal(
      "UNAVAILABLE",
      `${this.#path} was ${id === "" ? "removed" : "replaced"} while it was open: nothing was written. Put it back or restart, ` +
        "and change the files only while no gateway uses them",
    );
  }

  #identify(): string {
    const stat = statSync(this.#path, { bigint: true, throwIfNoEntry: false });
    return stat ? `${stat.dev}:${stat.ino}` : "";
  }
}
