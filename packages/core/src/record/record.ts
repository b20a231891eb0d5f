import { WaystationError } from "../errors.ts";
import type { ByteString } from "../model/byte-string.ts";
import { decodeFamilyBlock, type FamilyBlock, joinFamilyBlock } from "./family-block.ts";

/**
 * What a journal entry asks of the state. A record is complete: whatever its effect depends on besides the state is in it, so that
 * every replica comes to the same result, whatever its flags, clock and release.
 *
 *     u8 kind, u8 flags (1 unchecked), u16 0, u32 length of the key, i64 time (ns since the epoch), the key's id, then by kind:
 *       replace, merge: a family block
 *       failed: the reason as UTF-8
 *       restore: f64 push time, f64 failure time (seconds, as exposed), i64 push stamp, i64 failure stamp (ns),
 *                u32 n, n × i64 stamp of each family (n is 0 if all are the push stamp), a family block
 *       delete: nothing, or i64 stamp (ns) that the group's newest push, failed or not, must not be later than
 *       delete-family: its name
 *       wipe: nothing
 *
 * All integers are little endian.
 */
export type GatewayRecord = PushRecord | FailedRecord | DeleteRecord | DeleteFamilyRecord | WipeRecord | RestoreRecord;

interface KeyedRecord {
  /** Identity of the grouping key. */
  readonly key: ByteString;
  /** When the gateway took it: nanoseconds since the epoch. */
  readonly time: bigint;
}

/** Replaces all families of a group, or those of the same names. */
export interface PushRecord extends KeyedRecord {
  readonly kind: "replace" | "merge";
  /** Was taken with the consistency check disabled? */
  readonly unchecked: boolean;
  readonly block: FamilyBlock;
}

/** A push that was refused for what it says, whatever the state. */
export interface FailedRecord extends KeyedRecord {
  readonly kind: "failed";
  readonly reason: string;
}

export interface DeleteRecord extends KeyedRecord {
  readonly kind: "delete";
  /** Only if nothing was pushed later than this, in nanoseconds. Default: whatever was pushed. */
  readonly unlessLater?: bigint | undefined;
}

/** Takes one family out of a group, which stays even if that was its last one. */
export interface DeleteFamilyRecord extends KeyedRecord {
  readonly kind: "delete-family";
  readonly name: ByteString;
}

/** Deletes all groups. */
export interface WipeRecord {
  readonly kind: "wipe";
  readonly time: bigint;
}

/** A group as it stood elsewhere: from a snapshot, or imported. Replaces the group of that key, unless that was pushed to later. */
export interface RestoreRecord extends KeyedRecord, GroupTimes {
  readonly kind: "restore";
  readonly block: FamilyBlock;
}

export interface GroupTimes {
  /** Value of `push_time_seconds`: seconds, 0 if no push has succeeded yet. */
  readonly pushTime: number;
  /** Value of `push_failure_time_seconds`: seconds, 0 if none has failed yet. */
  readonly failureTime: number;
  /** When each of those two was last written, nanoseconds. */
  readonly pushStamp: bigint;
  readonly failureStamp: bigint;
  /** When each family was last pushed, in the order of the block; undefined if all were at `pushStamp`. */
  readonly familyStamps: readonly bigint[] | undefined;
}

const KINDS = ["replace", "merge", "failed", "delete", "wipe", "restore", "delete-family"] as const;
const UNCHECKED = 1;
const HEADER = 16;
const TIMES = 36;

/** What a record of a push says besides its families. */
export interface PushHead {
  readonly mode: "replace" | "merge";
  readonly key: { readonly id: ByteString };
  readonly time: bigint;
  readonly unchecked: boolean;
}

/** A record with room for a family block of so many bytes, to be written from `start` on. */
export function allocatePushRecord(
  { mode, key, time, unchecked }: PushHead,
  blockBytes: number,
): { readonly record: Buffer; readonly start: number } {
  const record = allocate(mode, unchecked ? UNCHECKED : 0, key.id, time, blockBytes);
  return { record, start: record.length - blockBytes };
}

/** A record whose family block is already encoded. */
export function encodePushRecord(head: PushHead, block: Uint8Array): Uint8Array {
  const { record, start } = allocatePushRecord(head, block.length);
  record.set(block, start);
  return record;
}

export function encodeRecord(record: Exclude<GatewayRecord, PushRecord>): Uint8Array {
  switch (record.kind) {
    case "wipe":
      return allocate("wipe", 0, "", record.time, 0);
    case "delete": {
      if (record.unlessLater === undefined) return allocate("delete", 0, record.key, record.time, 0);
      const out = allocate("delete", 0, record.key, record.time, 8);
      out.writeBigInt64LE(record.unlessLater, out.length - 8);
      return out;
    }
    case "delete-family": {
      const out = allocate("delete-family", 0, record.key, record.time, record.name.length);
      out.write(record.name, out.length - record.name.length, "latin1");
      return out;
    }
    case "failed": {
      const reason = Buffer.from(record.reason, "utf8");
      const out = allocate("failed", 0, record.key, record.time, reason.length);
      out.set(reason, out.length - reason.length);
      return out;
    }
    case "restore":
      return encodeRestore(record);
  }
}

function encodeRestore(record: RestoreRecord): Uint8Array {
  const stamps = record.familyStamps ?? [];
  const block = joinFamilyBlock(record.block);
  const out = allocate("restore", 0, record.key, record.time, TIMES + stamps.length * 8 + block.length);
  let offset = HEADER + record.key.length;
  out.writeDoubleLE(record.pushTime, offset);
  out.writeDoubleLE(record.failureTime, offset + 8);
  out.writeBigInt64LE(record.pushStamp, offset + 16);
  out.writeBigInt64LE(record.failureStamp, offset + 24);
  out.writeUInt32LE(stamps.length, offset + 32);
  offset += TIMES;
  for (const stamp of stamps) offset = out.writeBigInt64LE(stamp, offset);
  out.set(block, offset);
  return out;
}

function allocate(kind: (typeof KINDS)[number], flags: number, key: ByteString, time: bigint, payload: number): Buffer {
  const out = Buffer.allocUnsafe(HEADER + key.length + payload);
  out[0] = KINDS.indexOf(kind);
  out[1] = flags;
  out.writeUInt16LE(0, 2);
  out.writeUInt32LE(key.length, 4);
  out.writeBigInt64LE(time, 8);
  out.write(key, HEADER, "latin1");
  return out;
}

/**
 * Reads one record. A family block in it is a view of `bytes`.
 *
 * @throws `CORRUPT`
 */
export function decodeRecord(bytes: Buffer): GatewayRecord {
  if (bytes.length < HEADER) throw corrupt();
  const kind = KINDS[bytes[0]!];
  const start = HEADER + bytes.readUInt32LE(4);
  if (kind === undefined || start > bytes.length) throw corrupt();
  const key = bytes.toString("latin1", HEADER, start);
  const time = bytes.readBigInt64LE(8);
  switch (kind) {
    case "replace":
    case "merge": {
      const unchecked = (bytes[1]! & UNCHECKED) !== 0;
      return { kind, key, time, unchecked, block: decodeFamilyBlock(bytes.subarray(start)) };
    }
    case "failed":
      return { kind, key, time, reason: bytes.toString("utf8", start) };
    case "delete":
      if (start === bytes.length) return { kind, key, time };
      if (start + 8 !== bytes.length) throw corrupt();
      return { kind, key, time, unlessLater: bytes.readBigInt64LE(start) };
    case "delete-family":
      return { kind, key, time, name: bytes.toString("latin1", start) };
    case "wipe":
      return { kind, time };
    case "restore":
      return decodeRestore(bytes, start, key, time);
  }
}

function decodeRestore(bytes: Buffer, start: number, key: ByteString, time: bigint): RestoreRecord {
  if (start + TIMES > bytes.length) throw corrupt();
  const count = bytes.readUInt32LE(start + 32);
  const block = start + TIMES + count * 8;
  if (block > bytes.length) throw corrupt();
  const familyStamps = Array.from({ length: count }, (_, i) => bytes.readBigInt64LE(start + TIMES + i * 8));
  return {
    kind: "restore",
    key,
    time,
    pushTime: bytes.readDoubleLE(start),
    failureTime: bytes.readDoubleLE(start + 8),
    pushStamp: bytes.readBigInt64LE(start + 16),
    failureStamp: bytes.readBigInt64LE(start + 24),
    familyStamps: count > 0 ? familyStamps : undefined,
    block: decodeFamilyBlock(bytes.subarray(block)),
  };
}

function corrupt(): WaystationError {
  return new WaystationError("CORRUPT", "a record cannot be read");
}
