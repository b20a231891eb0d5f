import { join } from "node:path";
import { crc32 } from "node:zlib";
import type { Cursor } from "@waystation/core";
import { type File, readFully } from "./disk.ts";
import {
  decodeFrameHeader,
  FRAME_HEADER_BYTES,
  type FrameHeader,
  SEGMENT_HEADER_BYTES,
  type SegmentHeader,
} from "./format.ts";

/** Positions have up to 15 digits; names of equal length sort like their positions. */
const DIGITS = 15;

const SEGMENT_NAME = /^segment-(\d{15})$/;

export function segmentName(first: number): string {
  return `segment-${String(first).padStart(DIGITS, "0")}`;
}

/** The first position of the segment in a file of this name, if it is one. */
export function segmentPosition(name: string): number | undefined {
  const digits = SEGMENT_NAME.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** Bytes between two places that the index of a segment knows. */
const INDEX_STRIDE = 64 * 1024;

/** What is known of a segment file: where it begins and ends, and, roughly, where its frames are. */
export class Segment {
  readonly path: string;
  readonly header: SegmentHeader;
  /** Everything before this offset is durable and verified; whatever may follow does not count. */
  end = SEGMENT_HEADER_BYTES;
  /** The last frame before `end`; in an empty segment, the place before its first one. */
  last: Cursor;
  /** Some frames, in order, at least a stride apart. Never empty once the segment has frames. */
  readonly #index: { readonly position: number; readonly offset: number }[] = [];

  constructor(folder: string, header: SegmentHeader) {
    this.path = join(folder, segmentName(header.first));
    this.header = header;
    this.last = { position: header.first - 1, tag: header.previousTag };
  }

  get first(): number {
    return this.header.first;
  }

  /** Bytes of all frames, with their headers. */
  get frameBytes(): number {
    return this.end - SEGMENT_HEADER_BYTES;
  }

  /** Takes note of the frame that begins at `end`. */
  add({ position, tag }: Cursor, length: number): void {
    if (this.end >= (this.#index.at(-1)?.offset ?? Number.NEGATIVE_INFINITY) + INDEX_STRIDE) {
      this.#index.push({ position, offset: this.end });
    }
    this.end += FRAME_HEADER_BYTES + length;
    this.last = { position, tag };
  }

  /** A known frame at or before `position`, which is one of this segment's. */
  nearest(position: number): { readonly position: number; readonly offset: number } {
    let low = 0;
    let high = this.#index.length - 1;
    while (low < high) {
      const middle = Math.ceil((low + high) / 2);
      if (this.#index[middle]!.position <= position) low = middle;
      else high = middle - 1;
    }
    return this.#index[low] ?? { position: this.first, offset: SEGMENT_HEADER_BYTES };
  }
}

export interface Frame extends FrameHeader {
  readonly offset: number;
  /** Valid until the next frame is asked for. */
  readonly data: Buffer;
}

/** A frame that does not verify, or is not the one that was expected. */
export class BadFrame extends Error {
  readonly offset: number;
  /** If that at least is sound. */
  readonly header: FrameHeader | undefined;

  constructor(reason: string, offset: number, header?: FrameHeader) {
    super(reason);
    this.offset = offset;
    this.header = header;
  }
}

export interface FrameRange {
  readonly salt: number;
  /** Where the first frame begins, and which position it has to have. */
  readonly offset: number;
  readonly position: number;
  readonly end: number;
}

const WINDOW_BYTES = 256 * 1024;

/**
 * Reads and verifies frames in order. Holds a window of the file in memory: 256 KiB, or one larger frame.
 *
 * @throws BadFrame at the first one that is not whole, does not verify or has another position.
 */
export async function* readFrames(file: File, range: FrameRange): AsyncGenerator<Frame, void, undefined> {
  const { salt, end } = range;
  let window: Buffer = Buffer.alloc(0);
  let windowOffset = range.offset;
  const view = async (offset: number, length: number): Promise<Buffer> => {
    const start = offset - windowOffset;
    if (start + length <= window.length) return window.subarray(start, start + length);
    window = await readFully(file, offset, Math.min(end - offset, Math.max(length, WINDOW_BYTES)));
    windowOffset = offset;
    return window.subarray(0, length);
  };

  let { offset, position } = range;
  while (offset < end) {
    const header = decodeFrameHeader(await view(offset, Math.min(FRAME_HEADER_BYTES, end - offset)), salt);
    if (!header) throw new BadFrame("a frame header does not verify", offset);
    if (header.position !== position) {
      throw new BadFrame(`position ${header.position} is where ${position} has to be`, offset, header);
    }
    const next = offset + FRAME_HEADER_BYTES + header.length;
    if (next > end) throw new BadFrame(`the entry at position ${position} is cut short`, offset, header);
    const data = (await view(offset, next - offset)).subarray(FRAME_HEADER_BYTES);
    if (data.length < header.length || crc32(data) !== header.crc) {
      throw new BadFrame(`the entry at position ${position} does not verify`, offset, header);
    }
    yield { ...header, offset, data };
    offset = next;
    position++;
  }
}
