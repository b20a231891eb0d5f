import { constants } from "node:fs";
import { DISK, type Disk, type File } from "../src/disk.ts";

const FILE_OPERATIONS = ["writev", "read", "sync", "datasync", "truncate", "stat", "close"] as const;
const DISK_OPERATIONS = ["open", "rename", "unlink", "readdir", "mkdir", "stat", "statfs"] as const;

export interface Operation {
  readonly name: (typeof FILE_OPERATIONS)[number] | (typeof DISK_OPERATIONS)[number];
  /** Of the file; for an operation of an open one, the path that it was opened by. */
  readonly path: string;
  /** What the operation was called with. */
  readonly args: readonly unknown[];
  /** The open file, for an operation of one. */
  readonly file?: File;
}

/** Does the operation with other arguments, or does something else, or throws. */
export type Intercept = (operation: Operation, run: (...args: unknown[]) => Promise<unknown>) => Promise<unknown>;

/** Stands for a flag by which writes are synchronised, on every system. */
const SYNCED = constants.O_DSYNC ?? 0x10_00_00_00;

/**
 * The real file system, each operation of which goes through a function first. Nothing is really made durable: no test here cuts the
 * power, and many of them together would wait for the disk most of the time.
 *
 * A synchronised write is taken for two operations, a `writev` and then a `datasync`, each of which may fail.
 */
export function interceptedDisk(intercept: Intercept, syncedWrites = true): Disk {
  const through = (name: Operation["name"], path: string, method: Method, file?: File): Method => {
    return (...args) => intercept({ name, path, args, ...(file && { file }) }, method);
  };
  const intercepted = (file: File, path: string, isSynced: boolean): File =>
    new Proxy(file, {
      get(target, key) {
        const value: unknown = Reflect.get(target, key);
        if (typeof value !== "function") return value;
        const name = FILE_OPERATIONS.find((operation) => operation === key);
        const method = (name === "sync" || name === "datasync" ? async () => {} : value.bind(target)) as Method;
        if (!name) return method;
        const operation = through(name, path, method, target);
        if (name !== "writev" || !isSynced) return operation;
        return async (...args: unknown[]) => {
          const result = await operation(...args);
          await through("datasync", path, async () => {}, target)();
          return result;
        };
      },
    });
  const open = async (path: string, flags: string | number, ...rest: unknown[]): Promise<File> => {
    const isSynced = typeof flags === "number" && (flags & SYNCED) !== 0;
    const plainFlags = isSynced ? flags & ~SYNCED : flags;
    const file = await through("open", path, DISK.open as Method)(path, plainFlags, ...rest);
    return intercepted(file as File, path, isSynced);
  };
  const operations = DISK_OPERATIONS.map((name) => {
    const method = DISK[name] as Method;
    return [name, (path: string, ...rest: unknown[]) => through(name, path, method)(path, ...rest)];
  });
  return { ...Object.fromEntries(operations), open, syncedWriteFlag: syncedWrites ? SYNCED : 0 } as Disk;
}

/** The real file system, without waiting for the disk. */
export const HASTY_DISK: Disk = interceptedDisk((operation, run) => run(...operation.args));

type Method = (...args: unknown[]) => Promise<unknown>;

export function systemError(code: string): Error {
  return Object.assign(new Error(`${code}: injected`), { code });
}
