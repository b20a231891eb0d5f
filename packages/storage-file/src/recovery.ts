import { join } from "node:path";
import { type Cursor, WaystationError } from "@waystation/core";
import { corrupt, type Disk, type File, readFully, sizeOf, unlinkIfThere } from "./disk.ts";
import {
  blankSectors,
  decodeSegmentHeader,
  FRAME_HEADER_BYTES,
  findLaterFrame,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
} from "./format.ts";
import { BadFrame, readFrames, Segment, segmentPosition } from "./segment.ts";
import { cutOff } from "./segment-files.ts";

const RESTORE = "restore the folder from a backup";

/** What is left of a journal's segments after whatever happened to it. */
export interface Recovered {
  /** Without gaps, oldest first, all verified. Empty if there were none. */
  readonly segments: Segment[];
  /** What was repaired; one line. */
  readonly notice: string | undefined;
}

/**
 * Finds and verifies the segments in a folder, newest first. A frame that was torn by a crash, which was never acknowledged, is cut off
 * (its bytes are kept beside the file). Segments before a gap or a damaged one are given up if the snapshot covers all that is missing.
 *
 * @param names The files in the folder.
 * @param snapshot The place of the snapshot that reading will start from, or the origin.
 * @throws WaystationError `CORRUPT` if acknowledged entries after the snapshot are missing or damaged; `UNSUPPORTED`.
 */
export async function recoverSegments(
  disk: Disk,
  folder: string,
  names: readonly string[],
  snapshot: Cursor,
): Promise<Recovered> {
  const firsts = names.map(segmentPosition).filter((first) => first !== undefined);
  firsts.sort((a, b) => b - a);
  const segments: Segment[] = [];
  let notice: string | undefined;
  for (const [i, first] of firsts.entries()) {
    const follower = segments[0];
    const path = join(folder, names.find((name) => segmentPosition(name) === first)!);
    try {
      const { segment, torn } = await recoverSegment(disk, folder, path, first, i === 0);
      notice ??= torn;
      if (follower) checkSequence(segment, follower);
      segments.unshift(segment);
    } catch (error) {
      if (!follower || follower.first - 1 > snapshot.position || !(error instanceof WaystationError)) throw error;
      for (const old of firsts.slice(i).reverse()) await removeSegment(disk, folder, names, old);
      break;
    }
  }
  checkCovers(folder, segments, snapshot);
  return { segments, notice };
}

async function removeSegment(disk: Disk, folder: string, names: readonly string[], first: number): Promise<void> {
  for (const name of names) if (segmentPosition(name) === first) await unlinkIfThere(disk, join(folder, name));
}

function checkSequence({ path, last }: Segment, follower: Segment): void {
  if (last.position + 1 === follower.first && last.tag === follower.header.previousTag) return;
  throw new WaystationError(
    "CORRUPT",
    `${path} ends at position ${last.position} (tag ${last.tag}), but ${follower.path} follows ` +
      `${follower.first - 1} (tag ${follower.header.previousTag}): entries are missing. To go on: ${RESTORE}`,
  );
}

/** Reading starts after the snapshot, so that is the least that has to be there. */
function checkCovers(folder: string, segments: readonly Segment[], { position }: Cursor): void {
  const floor = (segments[0]?.first ?? 1) - 1;
  const head = segments.at(-1)?.last.position ?? 0;
  if (floor > position) {
    throw new WaystationError(
      "CORRUPT",
      `${folder}: entries ${position + 1} to ${floor} are missing. To go on: ${RESTORE}`,
    );
  }
  if (segments.length > 0 && head < position) {
    throw new WaystationError(
      "CORRUPT",
      `${folder}: the snapshot is of position ${position}, but entries end at ${head}. To go on: ${RESTORE}`,
    );
  }
}

async function recoverSegment(
  disk: Disk,
  folder: string,
  path: string,
  first: number,
  isLast: boolean,
): Promise<{ segment: Segment; torn: string | undefined }> {
  const file = await disk.open(path, "r");
  try {
    const header = await readHeader(file, path, first);
    const segment = new Segment(folder, header);
    const size = await sizeOf(file);
    try {
      const range = { salt: header.salt, offset: SEGMENT_HEADER_BYTES, position: first, end: size };
      for await (const { position, tag, length } of readFrames(file, range)) segment.add({ position, tag }, length);
      return { segment, torn: undefined };
    } catch (error) {
      if (!(error instanceof BadFrame)) throw error;
      if (!isLast) {
        throw corrupt(path, error.offset, `${error.message}, and later segments follow`, RESTORE);
      }
      await checkTorn(file, segment, error, size);
      const saved = await cutOff(disk, path, error.offset, size);
      const torn = `cut off ${size - error.offset} bytes of an unfinished append, kept in ${saved}`;
      return { segment, torn };
    }
  } finally {
    await file.close();
  }
}

async function readHeader(file: File, path: string, first: number): Promise<SegmentHeader> {
  const header = decodeSegmentHeader(await readFully(file, 0, SEGMENT_HEADER_BYTES));
  if (header === "newer") {
    throw new WaystationError("UNSUPPORTED", `${path} was written by a newer release: use that one`);
  }
  if (!header) throw corrupt(path, 0, "the segment's header does not verify", RESTORE);
  if (header.first !== first) {
    throw corrupt(path, 0, `the segment begins with position ${header.first}, unlike its name`, RESTORE);
  }
  return header;
}

/** Passes only if the bad frame, in the last segment, was being written when the process or the host went down. */
async function checkTorn(file: File, segment: Segment, bad: BadFrame, size: number): Promise<void> {
  const { path, header } = segment;
  const later = await laterFrame(file, header.salt, bad.offset, size, segment.last.position + 1);
  if (later !== undefined) {
    throw corrupt(path, bad.offset, `${bad.message}, and sound entries follow at ${later}`, RESTORE);
  }
  if (await isTorn(file, bad, size, segment.last.position + 1)) return;
  const remedy = `${RESTORE}; or, to do without the last entry, cut the file there (truncate -s ${bad.offset})`;
  throw corrupt(path, bad.offset, `${bad.message}, and was not torn by a crash`, remedy);
}

/** A torn frame is short, or has sectors that never reached the disk. */
async function isTorn(file: File, bad: BadFrame, size: number, expected: number): Promise<boolean> {
  const left = size - bad.offset;
  if (left < FRAME_HEADER_BYTES) return true;
  if (!bad.header) return blankSectors(await readFully(file, bad.offset, FRAME_HEADER_BYTES), bad.offset) > 0;
  if (bad.header.position !== expected) return false;
  if (left < FRAME_HEADER_BYTES + bad.header.length) return true;
  const start = bad.offset + FRAME_HEADER_BYTES;
  return blankSectors(await readFully(file, start, bad.header.length), start) > bad.header.blank;
}

const SEARCH_BYTES = 1024 * 1024;

/** The offset of a sound header of a position above `position`, somewhere after the bad frame's first byte. */
async function laterFrame(
  file: File,
  salt: number,
  badOffset: number,
  size: number,
  position: number,
): Promise<number | undefined> {
  // Windows overlap by a header, less a byte, so that none is missed between two.
  for (let offset = badOffset + 1; offset + FRAME_HEADER_BYTES <= size; offset += SEARCH_BYTES) {
    const bytes = await readFully(file, offset, Math.min(size - offset, SEARCH_BYTES + FRAME_HEADER_BYTES - 1));
    const found = findLaterFrame(bytes, position, salt);
    if (found >= 0) return offset + found;
  }
  return undefined;
}
