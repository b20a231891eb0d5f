import { type Journal, MemoryJournal, WaystationError } from "@waystation/core";
import { redactUrl } from "./config/settings.ts";

export interface StorageListeners {
  /** Called with each thing about the storage that an operator should know. */
  readonly onWarning?: (message: string) => void;
  /** Called when the storage has become out of reach, once in each outage. */
  readonly onOutage?: (message: string) => void;
}

/**
 * Makes the journal that a storage URL names; nothing is opened yet. Adapters are loaded only when they are used.
 *
 * @param url `memory:`, `file:DIRECTORY`, `sqlite:FILE`, `redis://…`, `rediss://…` and other `redis` forms
 * @throws `CONFIG` for a URL that names no storage
 */
export async function createJournal(url: string, listeners: StorageListeners = {}): Promise<Journal> {
  const colon = url.indexOf(":");
  const scheme = url.slice(0, Math.max(0, colon)).toLowerCase();
  const path = url.slice(colon + 1).replace(/^\/\/(?=\/|$)/, "");
  switch (scheme) {
    case "memory":
      return new MemoryJournal();
    case "file": {
      const { FileJournal } = await import("@waystation/storage-file");
      return new FileJournal({ directory: requirePath(url, path) });
    }
    case "sqlite": {
      const { SqliteJournal } = await import("@waystation/storage-sqlite");
      return new SqliteJournal({ path: requirePath(url, path) });
    }
    default:
      if (scheme.startsWith("redis")) {
        const { RedisJournal } = await import("@waystation/storage-redis");
        return new RedisJournal({ url, ...listeners });
      }
      throw new WaystationError(
        "CONFIG",
        `--storage=${redactUrl(url)} names no storage: write memory:, file:DIRECTORY, sqlite:FILE or redis://HOST:PORT/DB`,
      );
  }
}

function requirePath(url: string, path: string): string {
  if (path === "")
    throw new WaystationError("CONFIG", `--storage=${url} names no path: write it like ${url}./waystation`);
  return path;
}
