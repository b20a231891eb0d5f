import { randomInt } from "node:crypto";
import { dirname } from "node:path";
import { corrupt, type Disk, type File, readFully, syncFolder, unlinkIfThere, writeFully } from "./disk.ts";
import { encodeSegmentHeader, SEGMENT_HEADER_BYTES } from "./format.ts";
import { BadFrame, readFrames, Segment } from "./segment.ts";

const COPY_BYTES = 1024 * 1024;

/**
 * Makes a new, empty segment. It has its name only when it is whole and durable, so a segment's header never needs to be repaired. An
 * empty segment of the same name is replaced.
 */
export async function createSegment(disk: Disk, folder: string, first: number, previousTag: string): Promise<Segment> {
  const segment = new Segment(folder, { first, previousTag, salt: randomInt(2 ** 32) });
  await writeInFull(disk, segment.path, (file) => writeFully(file, [encodeSegmentHeader(segment.header)], 0));
  return segment;
}

/**
 * Replaces the segment's file by a verified copy of what is durable in it. After a failed fsync the old file is not to be trusted: its
 * pages may count as written although they are not, and a later fsync would not tell.
 *
 * @throws WaystationError `CORRUPT` if the durable part cannot be read back any more.
 */
export async function rewriteSegment(disk: Disk, segment: Segment): Promise<void> {
  await writeInFull(disk, segment.path, async (copy) => {
    const source = await disk.open(segment.path, "r");
    try {
      await copyBytes(source, 0, segment.end, copy);
    } finally {
      await source.close();
    }
    await verify(segment, copy);
  });
}

async function verify(segment: Segment, file: File): Promise<void> {
  const { salt, first } = segment.header;
  try {
    const range = { salt, offset: SEGMENT_HEADER_BYTES, position: first, end: segment.end };
    for await (const _ of readFrames(file, range));
  } catch (error) {
    if (!(error instanceof BadFrame)) throw error;
    throw corrupt(segment.path, error.offset, error.message, "replace the disk, and restore the folder from a backup");
  }
}

/** Saves the bytes from `offset` on beside the file, then cuts them off. Returns where they are. */
export async function cutOff(disk: Disk, path: string, offset: number, size: number): Promise<string> {
  const saved = `${path}.torn-${Date.now()}`;
  await writeInFull(disk, saved, async (copy) => {
    const source = await disk.open(path, "r");
    try {
      await copyBytes(source, offset, size, copy);
    } finally {
      await source.close();
    }
  });
  const file = await disk.open(path, "r+");
  try {
    await file.truncate(offset);
    await file.sync();
  } finally {
    await file.close();
  }
  return saved;
}

async function copyBytes(source: File, from: number, to: number, target: File): Promise<void> {
  for (let offset = from; offset < to; ) {
    const bytes = await readFully(source, offset, Math.min(COPY_BYTES, to - offset));
    if (bytes.length === 0) throw new Error(`the file ends at ${offset}, before ${to}`);
    await writeFully(target, [bytes], offset - from);
    offset += bytes.length;
  }
}

/** Writes a file under a temporary name, makes it durable, and gives it its name, durably. If that fails, nothing is left. */
export async function writeInFull(disk: Disk, path: string, write: (file: File) => Promise<unknown>): Promise<void> {
  const temporary = `${path}.tmp`;
  try {
    const file = await disk.open(temporary, "w+");
    try {
      await write(file);
      await file.sync();
    } finally {
      await file.close();
    }
    await disk.rename(temporary, path);
  } catch (error) {
    await unlinkIfThere(disk, temporary).catch(() => {}); // removed at the next opening at the latest
    throw error;
  }
  await syncFolder(disk, dirname(path));
}
