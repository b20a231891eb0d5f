import { join } from "node:path";
import { crc32 } from "node:zlib";
import { type Cursor, WaystationError } from "@waystation/core";
import { corrupt, type Disk, type File, readFully, sizeOf, writeFully } from "./disk.ts";
import {
  CHUNK_HEADER_BYTES,
  decodeSnapshotHeader,
  encodeChunkHeader,
  encodeSnapshotHeader,
  MAX_CHUNK_BYTES,
  SNAPSHOT_HEADER_BYTES,
} from "./format.ts";

const SNAPSHOT_NAME = /^snapshot-(\d{15})$/;
const DIGITS = 15;

export function snapshotName(position: number): string {
  return `snapshot-${String(position).padStart(DIGITS, "0")}`;
}

/** The position of the snapshot in a file of this name, if it is one. */
export function snapshotPosition(name: string): number | undefined {
  const digits = SNAPSHOT_NAME.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** Chunks are gathered up to this size before they are written. */
const GATHER_BYTES = 256 * 1024;

/** Writes a snapshot into an empty file, without making it durable. Returns its size. */
export async function writeSnapshot(file: File, at: Cursor, chunks: AsyncIterable<Uint8Array>): Promise<number> {
  let offset = await writeFully(file, [encodeSnapshotHeader(at)], 0);
  let crc = 0;
  const write = async (chunk: Uint8Array): Promise<void> => {
    const encoded = encodeChunkHeader(chunk, crc);
    offset += await writeFully(file, [encoded.header, chunk], offset);
    crc = encoded.crc;
  };
  const gathered = Buffer.allocUnsafe(GATHER_BYTES);
  let filled = 0;
  const flush = async (): Promise<void> => {
    if (filled > 0) await write(gathered.subarray(0, filled));
    filled = 0;
  };
  for await (const chunk of chunks) {
    if (filled + chunk.length > GATHER_BYTES) await flush();
    if (chunk.length < GATHER_BYTES) {
      gathered.set(chunk, filled);
      filled += chunk.length;
    } else {
      for (let i = 0; i < chunk.length; i += MAX_CHUNK_BYTES) await write(chunk.subarray(i, i + MAX_CHUNK_BYTES));
    }
  }
  await flush();
  await write(new Uint8Array());
  return offset;
}

/** A snapshot file, open for reading: it can be read on when it has been removed meanwhile. */
export class SnapshotFile {
  readonly path: string;
  readonly at: Cursor;
  readonly size: number;
  readonly #file: File;
  #closing: Promise<void> | undefined;

  private constructor(path: string, at: Cursor, size: number, file: File) {
    this.path = path;
    this.at = at;
    this.size = size;
    this.#file = file;
  }

  /**
   * Opens a snapshot and verifies all of it.
   *
   * @throws WaystationError `CORRUPT`, `UNSUPPORTED`.
   */
  static async open(disk: Disk, folder: string, name: string): Promise<SnapshotFile> {
    const path = join(folder, name);
    const file = await disk.open(path, "r");
    try {
      const at = decodeSnapshotHeader(await readFully(file, 0, SNAPSHOT_HEADER_BYTES));
      if (at === "newer") {
        throw new WaystationError("UNSUPPORTED", `${path} was written by a newer release: use that one`);
      }
      if (!at || at.position !== snapshotPosition(name)) {
        throw corrupt(path, 0, "the snapshot's header does not verify", REMEDY);
      }
      const snapshot = new SnapshotFile(path, at, await sizeOf(file), file);
      for await (const _ of snapshot.#chunks());
      return snapshot;
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  /** Reads it, verifying it once more, and closes it. */
  async *read(): AsyncGenerator<Uint8Array, void, undefined> {
    if (this.#closing)
      throw new WaystationError("CLOSED", `${this.path} is closed: it can be read once, before close()`);
    try {
      yield* this.#chunks();
    } finally {
      await this.close();
    }
  }

  close(): Promise<void> {
    this.#closing ??= this.#file.close();
    return this.#closing;
  }

  async *#chunks(): AsyncGenerator<Uint8Array, void, undefined> {
    let crc = 0;
    for (let offset = SNAPSHOT_HEADER_BYTES; ; ) {
      const header = await readFully(this.#file, offset, CHUNK_HEADER_BYTES);
      if (header.length < CHUNK_HEADER_BYTES) throw this.#bad(offset, "the snapshot is cut short");
      const length = header.readUInt32LE();
      if (length > MAX_CHUNK_BYTES) throw this.#bad(offset, "a chunk of the snapshot does not verify");
      const chunk = await readFully(this.#file, offset + CHUNK_HEADER_BYTES, length);
      crc = crc32(chunk, crc32(header.subarray(0, 4), crc));
      if (crc !== header.readUInt32LE(4)) throw this.#bad(offset, "a chunk of the snapshot does not verify");
      offset += CHUNK_HEADER_BYTES + length;
      if (length === 0) {
        if (offset !== this.size) throw this.#bad(offset, "something follows the snapshot's end");
        return;
      }
      yield chunk;
    }
  }

  #bad(offset: number, what: string): WaystationError {
    return corrupt(this.path, offset, what, REMEDY);
  }
}

const REMEDY = "restore the folder from a backup";
