import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import { type ErrorCode, isWaystationError } from "../errors.ts";
import { parseText } from "../exposition/text-parser.ts";
import { groupingKey } from "../model/grouping-key.ts";
import { decodeEntry, ENTRY_OVERHEAD, encodeEntry, RECORD_OVERHEAD, RULES_LEVEL } from "./entry.ts";
import { encodeFamilyBlock } from "./family-block.ts";
import { decodeRecord, encodePushRecord, encodeRecord } from "./record.ts";

const { id: key } = groupingKey({ job: "j" });
const records = [
  encodePushRecord(
    { mode: "replace", key: { id: key }, time: 1n, unchecked: false },
    encodeFamilyBlock(parseText(Buffer.from("m 1\nn -0\n"), { utf8Names: false })),
  ),
  encodeRecord({ kind: "failed", key, time: 2n, reason: "because" }),
  encodeRecord({ kind: "wipe", time: 3n }),
];
const header = { level: RULES_LEVEL, base: { position: 2 ** 52 + 1, hash: [0xffffffff, 1] } } as const;
const entry = encodeEntry(records, header);

function throwsWith(bytes: Uint8Array, ...codes: ErrorCode[]): void {
  assert.throws(
    () => decodeEntry(bytes),
    (error) => isWaystationError(error, ...codes),
  );
}

test("an entry gives back its header and its records", () => {
  assert.deepEqual(decodeEntry(entry), { header, records: records.map((record) => decodeRecord(Buffer.from(record))) });
  assert.deepEqual(decodeEntry(encodeEntry([], header)), { header, records: [] });
});

test("an entry may lie anywhere in a larger buffer", () => {
  const larger = Buffer.concat([Buffer.alloc(3, 1), entry, Buffer.alloc(3, 1)]);
  assert.deepEqual(decodeEntry(new Uint8Array(larger.buffer, larger.byteOffset + 3, entry.length)), decodeEntry(entry));
});

test("the overhead is what an entry takes besides its records", () => {
  const payload = records.reduce((sum, record) => sum + RECORD_OVERHEAD + record.length, 0);
  assert.equal(entry.length, ENTRY_OVERHEAD + payload);
});

test("an entry that lacks its end, or any part of it, is corrupt", () => {
  for (let length = 0; length < entry.length; length++) throwsWith(entry.subarray(0, length), "CORRUPT");
  throwsWith(Buffer.concat([entry, Buffer.of(0)]), "CORRUPT");
});

test("an entry with any bit flipped is corrupt", () => {
  for (let bit = 0; bit < entry.length * 8; bit++) {
    const flipped = Buffer.from(entry);
    flipped[bit >>> 3]! ^= 1 << (bit & 7);
    throwsWith(flipped, "CORRUPT");
  }
});

/** The entry with other bytes at a place, and a checksum that fits. */
function forged(offset: number, ...bytes: number[]): Buffer {
  const forgery = Buffer.from(entry);
  forgery.set(bytes, offset);
  forgery.writeUInt32LE(crc32(forgery.subarray(0, -4)), forgery.length - 4);
  return forgery;
}

test("a whole entry of another format or rules level is unsupported, not corrupt", () => {
  throwsWith(forged(1, 2), "UNSUPPORTED");
  throwsWith(forged(2, RULES_LEVEL + 1), "UNSUPPORTED");
  throwsWith(forged(3, 1), "UNSUPPORTED");
  assert.throws(() => decodeEntry(forged(2, RULES_LEVEL + 1)), /newer release/);
});

test("a whole entry whose counts and lengths do not fit is corrupt", () => {
  for (const wrong of [0, 1, 2, 4, 255]) throwsWith(forged(4, wrong), "CORRUPT");
  throwsWith(forged(24, 255, 255, 255, 255), "CORRUPT");
  throwsWith(forged(24, 0), "CORRUPT");
});
