import { crc32 } from "node:zlib";
import type { Cursor } from "@waystation/core";

/**
 * The bytes of a file journal. Integers are little-endian. Positions and tags have 48 bits.
 *
 *     segment   header (32 bytes), frames
 *       header    "WSSEGMNT", version u16, first position u48, tag before it u48, salt u32, CRC u32, "\r\n"
 *       frame     header (32 bytes), payload
 *         header    "WS", position u48, tag u48, payload length u32, blank sectors u32, payload CRC u32, header CRC u32, "\r\n"
 *
 *     snapshot  header (28 bytes), chunks, end mark
 *       header    "WSSNAPST", version u16, position u48, tag u48, CRC u32, "\r\n"
 *       chunk     length u32 (1 to 1 MiB), CRC u32, payload
 *       end mark  0 u32, CRC u32
 *
 * CRCs are those of zlib. A frame's header CRC starts from its segment's salt, so that bytes inside a payload (which somebody pushed)
 * or of another segment are not taken for a frame. A snapshot's CRCs run on from the one before, so that no chunk can be missing.
 *
 * Every header begins and ends with bytes that are not zero: whichever sector of it did not reach the disk, it shows.
 */
export const FORMAT_VERSION = 1;

/** The largest position and tag that fit. */
const MAX_U48 = 2 ** 48 - 1;

const LINE_END = 0x0a0d;

// Segments

const SEGMENT_MAGIC = Buffer.from("WSSEGMNT");
export const SEGMENT_HEADER_BYTES = 32;

export interface SegmentHeader {
  /** The position of the first frame. */
  readonly first: number;
  /** The tag at `first - 1`: cursors at that place can be checked although the entry is gone. */
  readonly previousTag: string;
  readonly salt: number;
}

export function encodeSegmentHeader({ first, previousTag, salt }: SegmentHeader): Buffer {
  const bytes = Buffer.alloc(SEGMENT_HEADER_BYTES);
  SEGMENT_MAGIC.copy(bytes);
  bytes.writeUInt16LE(FORMAT_VERSION, 8);
  bytes.writeUIntLE(first, 10, 6);
  bytes.writeUIntLE(tagNumber(previousTag), 16, 6);
  bytes.writeUInt32LE(salt, 22);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 26)), 26);
  bytes.writeUInt16LE(LINE_END, 30);
  return bytes;
}

/** `undefined` if the bytes are not a segment header; `"newer"` if they are one of a newer version. */
export function decodeSegmentHeader(bytes: Buffer): SegmentHeader | "newer" | undefined {
  const whole =
    bytes.length >= SEGMENT_HEADER_BYTES &&
    bytes.subarray(0, 8).equals(SEGMENT_MAGIC) &&
    bytes.readUInt32LE(26) === crc32(bytes.subarray(0, 26)) &&
    bytes.readUInt16LE(30) === LINE_END;
  if (!whole) return undefined;
  if (bytes.readUInt16LE(8) !== FORMAT_VERSION) return "newer";
  return {
    first: bytes.readUIntLE(10, 6),
    previousTag: String(bytes.readUIntLE(16, 6)),
    salt: bytes.readUInt32LE(22),
  };
}

// Frames

const FRAME_MAGIC = Buffer.from("WS");
export const FRAME_HEADER_BYTES = 32;

export interface FrameHeader extends Cursor {
  /** Bytes of payload. */
  readonly length: number;
  /** Sectors of the file whose part in this frame is all zero, as it was written: see {@link blankSectors}. */
  readonly blank: number;
  readonly crc: number;
}

/** @param offset Where in its file the frame is to be written. */
export function encodeFrameHeader(at: Cursor, payload: Uint8Array, offset: number, salt: number): Buffer {
  const bytes = Buffer.alloc(FRAME_HEADER_BYTES);
  FRAME_MAGIC.copy(bytes);
  bytes.writeUIntLE(at.position, 2, 6);
  bytes.writeUIntLE(tagNumber(at.tag), 8, 6);
  bytes.writeUInt32LE(payload.length, 14);
  bytes.writeUInt32LE(blankSectors(payload, offset + FRAME_HEADER_BYTES), 18);
  bytes.writeUInt32LE(crc32(payload), 22);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 26), salt), 26);
  bytes.writeUInt16LE(LINE_END, 30);
  return bytes;
}

/** `undefined` if there is no sound header at the start of `bytes`. */
export function decodeFrameHeader(bytes: Buffer, salt: number): FrameHeader | undefined {
  const whole =
    bytes.length >= FRAME_HEADER_BYTES &&
    bytes[0] === FRAME_MAGIC[0] &&
    bytes[1] === FRAME_MAGIC[1] &&
    bytes.readUInt16LE(30) === LINE_END &&
    bytes.readUInt32LE(26) === crc32(bytes.subarray(0, 26), salt);
  if (!whole) return undefined;
  return {
    position: bytes.readUIntLE(2, 6),
    tag: String(bytes.readUIntLE(8, 6)),
    length: bytes.readUInt32LE(14),
    blank: bytes.readUInt32LE(18),
    crc: bytes.readUInt32LE(22),
  };
}

/** Where in `bytes` a sound header of a position above `position` begins, or -1. */
export function findLaterFrame(bytes: Buffer, position: number, salt: number): number {
  for (let i = bytes.indexOf(FRAME_MAGIC); i >= 0; i = bytes.indexOf(FRAME_MAGIC, i + 1)) {
    const header = decodeFrameHeader(bytes.subarray(i), salt);
    if (header && header.position > position) return i;
  }
  return -1;
}

/** What a disk writes as a whole or not at all. Larger real sectors are multiples. */
const SECTOR_BYTES = 512;

/**
 * Counts the sectors whose part in these bytes is all zero. After a power loss, sectors that were not written are zero (or beyond the
 * end of the file); so a damaged frame was torn if it has more blank sectors than when it was written, and has rotted if not.
 *
 * @param offset Where in the file the bytes begin.
 */
export function blankSectors(bytes: Uint8Array, offset: number): number {
  let count = 0;
  for (let start = 0; start < bytes.length; ) {
    const end = Math.min(bytes.length, start + SECTOR_BYTES - ((offset + start) % SECTOR_BYTES));
    let i = start;
    while (i < end && bytes[i] === 0) i++;
    if (i === end) count++;
    start = end;
  }
  return count;
}

// Snapshots

const SNAPSHOT_MAGIC = Buffer.from("WSSNAPST");
export const SNAPSHOT_HEADER_BYTES = 28;
export const CHUNK_HEADER_BYTES = 8;
export const MAX_CHUNK_BYTES = 1024 * 1024;

export function encodeSnapshotHeader({ position, tag }: Cursor): Buffer {
  const bytes = Buffer.alloc(SNAPSHOT_HEADER_BYTES);
  SNAPSHOT_MAGIC.copy(bytes);
  bytes.writeUInt16LE(FORMAT_VERSION, 8);
  bytes.writeUIntLE(position, 10, 6);
  bytes.writeUIntLE(tagNumber(tag), 16, 6);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 22)), 22);
  bytes.writeUInt16LE(LINE_END, 26);
  return bytes;
}

/** `undefined` if the bytes are not a snapshot header; `"newer"` if they are one of a newer version. */
export function decodeSnapshotHeader(bytes: Buffer): Cursor | "newer" | undefined {
  const whole =
    bytes.length >= SNAPSHOT_HEADER_BYTES &&
    bytes.subarray(0, 8).equals(SNAPSHOT_MAGIC) &&
    bytes.readUInt32LE(22) === crc32(bytes.subarray(0, 22)) &&
    bytes.readUInt16LE(26) === LINE_END;
  if (!whole) return undefined;
  if (bytes.readUInt16LE(8) !== FORMAT_VERSION) return "newer";
  return { position: bytes.readUIntLE(10, 6), tag: String(bytes.readUIntLE(16, 6)) };
}

/**
 * The header of a chunk, or, for an empty one, the end mark.
 *
 * @param crc The CRC of the chunk before; 0 for the first.
 */
export function encodeChunkHeader(chunk: Uint8Array, crc: number): { header: Buffer; crc: number } {
  const header = Buffer.alloc(CHUNK_HEADER_BYTES);
  header.writeUInt32LE(chunk.length);
  const next = crc32(chunk, crc32(header.subarray(0, 4), crc));
  header.writeUInt32LE(next, 4);
  return { header, crc: next };
}

/** A tag as the number that it spells. */
export function tagNumber(tag: string): number {
  const number = Number(tag);
  if (!Number.isInteger(number) || number < 0 || number > MAX_U48 || String(number) !== tag) {
    throw new TypeError(`a tag has to be a decimal number of at most 48 bits, not ${JSON.stringify(tag)}`);
  }
  return number;
}
