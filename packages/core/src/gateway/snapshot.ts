import { setImmediate } from "node:timers/promises";
import { crc32 } from "node:zlib";
import { WaystationError } from "../errors.ts";
import type { Cursor } from "../journal/journal.ts";
import { decodeEntry, encodeEntry, RECORD_OVERHEAD, RULES_LEVEL, type StateHash } from "../record/entry.ts";
import { encodeRecord } from "../record/record.ts";
import { blockOf, type Group, type GroupContent } from "../state/group.ts";
import { State } from "../state/state.ts";

/**
 * A snapshot is a stream of frames: `u32 length, bytes, u32 CRC-32 of the bytes` (little endian). The first is a JSON object that
 * describes the whole; each following one is an entry of `restore` records. A stream that ends early has fewer groups than the
 * first frame says.
 */
interface SnapshotHeader {
  readonly format: "waystation-snapshot";
  readonly version: 1;
  readonly level: number;
  readonly position: number;
  readonly groups: number;
  readonly hash: StateHash;
  readonly suspect: boolean;
  readonly contradicted: boolean;
}

const FRAME_BYTES = 256 * 1024;
/** How long to work before other tasks get a turn, in milliseconds. */
const SLICE_MS = 2;

/**
 * Encodes the state as it is at the time of the call, in slices, while it may go on changing.
 */
export function encodeSnapshot(state: State, at: Cursor): AsyncIterable<Uint8Array> {
  const groups = Array.from(state.groups(), (group) => ({ group, content: group.keepContent() }));
  const header: SnapshotHeader = {
    format: "waystation-snapshot",
    version: 1,
    level: RULES_LEVEL,
    position: at.position,
    groups: groups.length,
    hash: state.hash,
    suspect: state.suspect,
    contradicted: state.contradicted,
  };
  return encodeFrames(header, groups);
}

async function* encodeFrames(
  header: SnapshotHeader,
  groups: readonly { group: Group; content: GroupContent }[],
): AsyncIterable<Uint8Array> {
  yield frame(Buffer.from(JSON.stringify(header)));
  const base = { position: header.position, hash: header.hash };
  const encode = (records: readonly Uint8Array[]) => frame(encodeEntry(records, { level: header.level, base }));
  let records: Uint8Array[] = [];
  let bytes = 0;
  let sliceEnd = performance.now() + SLICE_MS;
  for (const { group, content } of groups) {
    const { pushTime, failureTime, pushStamp, failureStamp, familyStamps } = content;
    const times = { pushTime, failureTime, pushStamp, failureStamp, familyStamps };
    const block = blockOf(content);
    const record = encodeRecord({ kind: "restore", key: group.id, time: pushStamp, ...times, block });
    records.push(record);
    bytes += record.length + RECORD_OVERHEAD;
    if (bytes >= FRAME_BYTES) {
      yield encode(records);
      records = [];
      bytes = 0;
    }
    if (performance.now() > sliceEnd) {
      await setImmediate();
      sliceEnd = performance.now() + SLICE_MS;
    }
  }
  if (records.length > 0) yield encode(records);
}

function frame(bytes: Uint8Array): Uint8Array {
  const out = Buffer.allocUnsafe(bytes.length + 8);
  out.writeUInt32LE(bytes.length, 0);
  out.set(bytes, 4);
  out.writeUInt32LE(crc32(bytes), bytes.length + 4);
  return out;
}

/**
 * The state that a snapshot holds, not arranged yet, and its size in bytes.
 *
 * @throws `CORRUPT` if it does not verify or is not the state after `at`; `UNSUPPORTED` if a newer release wrote it
 */
export async function decodeSnapshot(
  chunks: AsyncIterable<Uint8Array>,
  at: Cursor,
): Promise<{ state: State; bytes: number }> {
  const state = new State(false);
  let header: SnapshotHeader | undefined;
  let bytes = 0;
  for await (const content of readFrames(chunks)) {
    bytes += content.length + 8;
    if (header === undefined) {
      header = parseHeader(content);
      continue;
    }
    for (const record of decodeEntry(content).records) {
      if (record.kind !== "restore") throw corrupt(`it holds a record of kind ${record.kind}`);
      state.load(record);
    }
    await setImmediate();
  }
  if (header === undefined) throw corrupt("it is empty");
  if (state.groupCount !== header.groups) {
    throw corrupt(`it holds ${state.groupCount} of ${header.groups} metric groups`);
  }
  if (header.position !== at.position) throw corrupt(`it is of position ${header.position}, not ${at.position}`);
  if (state.hash[0] !== header.hash[0] || state.hash[1] !== header.hash[1])
    throw corrupt("its state hash does not match");
  state.suspect = header.suspect;
  state.contradicted = header.contradicted;
  return { state, bytes };
}

function parseHeader(content: Buffer): SnapshotHeader {
  let header: SnapshotHeader;
  try {
    header = JSON.parse(content.toString("utf8")) as SnapshotHeader;
  } catch (cause) {
    throw corrupt("its header is not JSON", { cause });
  }
  if (header.format !== "waystation-snapshot") throw corrupt("it is of another format");
  if (header.version !== 1 || header.level !== RULES_LEVEL) {
    throw new WaystationError(
      "UNSUPPORTED",
      `the snapshot has version ${header.version}, rules level ${header.level}, which this release does not know: run a newer one`,
    );
  }
  return header;
}

async function* readFrames(chunks: AsyncIterable<Uint8Array>): AsyncIterable<Buffer> {
  let pending = Buffer.alloc(0);
  for await (const chunk of chunks) {
    pending = pending.length === 0 ? Buffer.from(chunk) : Buffer.concat([pending, chunk]);
    let offset = 0;
    while (pending.length - offset >= 8) {
      const end = offset + 4 + pending.readUInt32LE(offset);
      if (pending.length < end + 4) break;
      const content = pending.subarray(offset + 4, end);
      if (crc32(content) !== pending.readUInt32LE(end)) throw corrupt("a checksum does not match");
      yield content;
      offset = end + 4;
    }
    pending = pending.subarray(offset);
  }
  if (pending.length > 0) throw corrupt("its last frame is cut off");
}

function corrupt(why: string, options?: ErrorOptions): WaystationError {
  return new WaystationError("CORRUPT", `the snapshot cannot be read: ${why}`, options);
}
