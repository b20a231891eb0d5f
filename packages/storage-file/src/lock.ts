import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { WaystationError } from "@waystation/core";

const SQLITE_BUSY = 5;

/**
 * The lock of a folder: an exclusive transaction in a SQLite file. The operating system frees it when the process ends, however it
 * ends. A file with a process id would not do: in containers everybody is process 1.
 */
export class FolderLock {
  readonly #database: DatabaseSync;

  private constructor(database: DatabaseSync) {
    this.#database = database;
  }

  /** @throws WaystationError `LOCKED` if somebody has it, also within this process. */
  static take(folder: string): FolderLock {
    const path = join(folder, "lock.db");
    let database: DatabaseSync | undefined;
    try {
      database = new DatabaseSync(path, { timeout: 0 });
      database.exec("PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE");
      return new FolderLock(database);
    } catch (error) {
      database?.close();
      if (error instanceof Error && "errcode" in error && error.errcode === SQLITE_BUSY) {
        throw new WaystationError(
          "LOCKED",
          `the journal folder ${folder} is in use: stop the other process (fuser ${path} names it), or choose another folder`,
          { cause: error },
        );
      }
      const reason = error instanceof Error ? error.message : String(error);
      throw new WaystationError("UNAVAILABLE", `cannot lock ${path}: ${reason}`, { cause: error });
    }
  }

  release(): void {
    this.#database.close();
  }
}
