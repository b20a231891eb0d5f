import { crc32 } from "node:zlib";
import { WaystationError } from "../errors.ts";
import { decodeRecord, type GatewayRecord } from "./record.ts";

/**
 * One journal entry: a batch of records, with all that a reader needs to trust it.
 *
 *     u8 'W', u8 format (1), u16 rules level, u32 number of records,
 *     f64 position and 2 × u32 state hash of the writer before this entry,
 *     per record: u32 length, record; u32 CRC-32 of everything before
 *
 * All integers are little endian. The **rules level** names the code that gives the records their meaning (checks, orders, winners);
 * code of a released level is never changed, so that replicas of different releases agree.
 */
export interface EntryHeader {
  readonly level: number;
  readonly base: StateMark;
}

/** What the state was after the entry at `position`: equal on all replicas, or something is wrong. */
export interface StateMark {
  readonly position: number;
  readonly hash: StateHash;
}

export interface DecodedEntry {
  readonly header: EntryHeader;
  /** Family blocks in them are views of the entry's bytes. */
  readonly records: readonly GatewayRecord[];
}

export type StateHash = readonly [number, number];

/** The level that this release writes, and the only one that it reads. */
export const RULES_LEVEL = 1;

const MAGIC = 0x57;
const FORMAT = 1;
const HEADER = 24;
const TRAILER = 4;

/** Bytes that an entry takes up besides its records, and each record besides its own bytes. */
export const ENTRY_OVERHEAD = HEADER + TRAILER;
export const RECORD_OVERHEAD = 4;

export function encodeEntry(records: readonly Uint8Array[], { level, base }: EntryHeader): Buffer {
  let size = ENTRY_OVERHEAD;
  for (const record of records) size += RECORD_OVERHEAD + record.length;
  const out = Buffer.allocUnsafeSlow(size);
  out[0] = MAGIC;
  out[1] = FORMAT;
  out.writeUInt16LE(level, 2);
  out.writeUInt32LE(records.length, 4);
  out.writeDoubleLE(base.position, 8);
  out.writeUInt32LE(base.hash[0], 16);
  out.writeUInt32LE(base.hash[1], 20);
  let offset = HEADER;
  for (const record of records) {
    offset = out.writeUInt32LE(record.length, offset);
    out.set(record, offset);
    offset += record.length;
  }
  out.writeUInt32LE(crc32(out.subarray(0, offset)), offset);
  return out;
}

/**
 * @throws `CORRUPT` if the bytes do not verify, `UNSUPPORTED` if they are of a format or rules level that this release does not know
 */
export function decodeEntry(data: Uint8Array): DecodedEntry {
  const bytes = Buffer.from(data.buffer, data.byteOffset, data.byteLength);
  if (bytes.length < ENTRY_OVERHEAD || bytes[0] !== MAGIC) throw corrupt("it does not begin like one");
  const end = bytes.length - TRAILER;
  if (crc32(bytes.subarray(0, end)) !== bytes.readUInt32LE(end)) throw corrupt("its checksum does not match");
  return decodeVerifiedEntry(bytes);
}

/** The same for an entry that this process has just encoded itself. */
export function decodeVerifiedEntry(bytes: Buffer): DecodedEntry {
  const end = bytes.length - TRAILER;
  const level = bytes.readUInt16LE(2);
  if (bytes[1] !== FORMAT || level !== RULES_LEVEL) {
    throw new WaystationError(
      "UNSUPPORTED",
      `the journal has an entry of format ${bytes[1]}, rules level ${level}; this release knows format ${FORMAT}, ` +
        `level ${RULES_LEVEL}. A newer release wrote it: run that one, or a newer one`,
    );
  }
  const records: GatewayRecord[] = [];
  let offset = HEADER;
  for (let count = bytes.readUInt32LE(4); count > 0; count--) {
    if (offset + RECORD_OVERHEAD > end) throw corrupt("a record is missing");
    const start = offset + RECORD_OVERHEAD;
    offset = start + bytes.readUInt32LE(offset);
    if (offset > end) throw corrupt("a record is cut off");
    records.push(decodeRecord(bytes.subarray(start, offset)));
  }
  if (offset !== end) throw corrupt("something follows its last record");
  const hash: StateHash = [bytes.readUInt32LE(16), bytes.readUInt32LE(20)];
  return { header: { level, base: { position: bytes.readDoubleLE(8), hash } }, records };
}

function corrupt(why: string): WaystationError {
  return new WaystationError("CORRUPT", `a journal entry cannot be read: ${why}`);
}
