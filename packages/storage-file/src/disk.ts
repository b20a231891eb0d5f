import { constants } from "node:fs";
import * as fs from "node:fs/promises";
import { type Durability, WaystationError } from "@waystation/core";

/** The functions of `node:fs/promises` that the journal is built on. Tests put faulty ones in their place. */
export interface Disk extends Pick<typeof fs, "open" | "rename" | "unlink" | "readdir" | "mkdir" | "stat" | "statfs"> {
  /** To open a file with, so that a write returns when it is as durable as after `datasync`; 0 where there is no such thing. */
  readonly syncedWriteFlag: number;
}

/** Elsewhere than on Linux, `O_DSYNC` is missing, or less than what `datasync` does: macOS leaves the bytes in the disk's cache. */
export const DISK: Disk = { ...fs, syncedWriteFlag: process.platform === "linux" ? constants.O_DSYNC : 0 };

export type File = fs.FileHandle;

/**
 * Writes all of the parts. A full disk or a size limit makes a write short without an error, so one call is not enough.
 *
 * @returns The number of bytes.
 */
export async function writeFully(file: File, parts: readonly Uint8Array[], offset: number): Promise<number> {
  let rest = parts.filter((part) => part.length > 0);
  let written = 0;
  while (rest.length > 0) {
    const count = await writeSome(file, rest, offset + written);
    written += count;
    rest = withoutFirst(rest, count);
  }
  return written;
}

/** Writes as much of the parts, which are not empty, as one call takes: at least a byte. Returns the number of bytes. */
export async function writeSome(file: File, parts: readonly Uint8Array[], offset: number): Promise<number> {
  const { bytesWritten } = await file.writev(parts, offset);
  if (bytesWritten === 0) throw Object.assign(new Error("the disk took no more bytes"), { code: "ENOSPC" });
  return bytesWritten;
}

/** What is left of the parts after so many bytes; none of it is empty. */
export function withoutFirst(parts: readonly Uint8Array[], count: number): Uint8Array[] {
  const rest: Uint8Array[] = [];
  let skip = count;
  for (const part of parts) {
    if (skip < part.length) rest.push(part.subarray(skip));
    skip = Math.max(0, skip - part.length);
  }
  return rest;
}

/** Reads up to `length` bytes; fewer only at the end of the file. */
export async function readFully(file: File, offset: number, length: number): Promise<Buffer> {
  const buffer = Buffer.allocUnsafe(length);
  let filled = 0;
  while (filled < length) {
    const { bytesRead } = await file.read(buffer, filled, length - filled, offset + filled);
    if (bytesRead === 0) break;
    filled += bytesRead;
  }
  return buffer.subarray(0, filled);
}

export async function sizeOf(file: File): Promise<number> {
  return (await file.stat()).size;
}

/** Makes names that were created, renamed or removed in the folder outlive a power loss. Windows does so by itself. */
export async function syncFolder(disk: Disk, folder: string): Promise<void> {
  if (process.platform === "win32") return;
  const handle = await disk.open(folder, "r");
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}

/** `statfs` types of Linux file systems that are memory: include/uapi/linux/magic.h. */
const MEMORY_TYPES = [0x01021994 /* tmpfs */, 0x858458f6 /* ramfs */];

/** What a synchronised file in this folder outlives: on a disk a host crash, in memory only that of the process. */
export async function durabilityOf(disk: Disk, folder: string): Promise<Durability> {
  if (process.platform !== "linux") return "host-crash";
  const { type } = await disk.statfs(folder);
  return MEMORY_TYPES.includes(type) ? "gateway-crash" : "host-crash";
}

export async function unlinkIfThere(disk: Disk, path: string): Promise<void> {
  await disk.unlink(path).catch((error) => {
    if (!hasCode(error, "ENOENT")) throw error;
  });
}

export function hasCode(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && "code" in error && codes.includes(String(error.code));
}

/** A failure of the file system, as the journal reports it: nothing was written. */
export function ioError(error: unknown, what: string): WaystationError {
  if (error instanceof WaystationError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return hasCode(error, "ENOSPC", "EDQUOT", "EFBIG")
    ? new WaystationError("FULL", `${what} failed: ${reason}; free some space, or raise the limit`, { cause: error })
    : new WaystationError("UNAVAILABLE", `${what} failed: ${reason}`, { cause: error });
}

export function corrupt(path: string, offset: number, what: string, remedy: string): WaystationError {
  return new WaystationError("CORRUPT", `${path}, offset ${offset}: ${what}. To go on: ${remedy}`);
}
