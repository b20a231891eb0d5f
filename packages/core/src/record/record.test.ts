import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isWaystationError } from "../errors.ts";
import { parseText } from "../exposition/text-parser.ts";
import { groupingKey } from "../model/grouping-key.ts";
import { decodeFamilyBlock, encodeFamilyBlock, joinFamilyBlock } from "./family-block.ts";
import { decodeRecord, encodePushRecord, encodeRecord, type GatewayRecord } from "./record.ts";

const key = groupingKey({ job: "jöb", instance: "" }).id;
const families = parseText(Buffer.from('# HELP a A.\n# TYPE a gauge\na{x="1"} 1\na{x="0"} -0\nb 1\n'), {
  utf8Names: false,
});
const block = encodeFamilyBlock(families);
const int64 = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });

/** A record with its family block as bytes. */
function flat(record: GatewayRecord): unknown {
  return "block" in record ? { ...record, block: Buffer.from(joinFamilyBlock(record.block)) } : record;
}

const read = (bytes: Uint8Array) => decodeRecord(Buffer.from(bytes));

test("pushes come back as they were, with their time, mode and whether they were checked", () => {
  const property = fc.property(fc.constantFrom("replace", "merge"), int64, fc.boolean(), (kind, time, unchecked) => {
    const record = read(encodePushRecord({ mode: kind, key: { id: key }, time, unchecked }, block));
    assert.deepEqual(flat(record), { kind, key, time, unchecked, block: Buffer.from(block) });
  });
  fc.assert(property);
});

test("failures, deletions and wipes come back as they were", () => {
  const property = fc.property(int64, fc.string({ unit: "grapheme" }), (time, reason) => {
    for (const record of [
      { kind: "failed", key, time, reason },
      { kind: "delete", key, time },
      { kind: "wipe", time },
    ] as const) {
      assert.deepEqual(read(encodeRecord(record)), record);
    }
  });
  fc.assert(property);
});

test("restored groups come back with all their times", () => {
  const times = fc.record({
    time: int64,
    pushTime: fc.double(),
    failureTime: fc.double(),
    pushStamp: int64,
    failureStamp: int64,
    familyStamps: fc.option(fc.tuple(int64, int64), { nil: undefined }),
  });
  const property = fc.property(times, (given) => {
    const record = { kind: "restore", key, ...given, block: decodeFamilyBlock(Buffer.from(block)) } as const;
    assert.deepEqual(flat(read(encodeRecord(record))), flat(record));
  });
  fc.assert(property);
});

test("a key of any length is kept", () => {
  const property = fc.property(
    fc.dictionary(fc.stringMatching(/^[a-z]{1,3}$/), fc.string({ unit: "binary" })),
    (labels) => {
      const { id } = groupingKey({ ...labels, job: "j" });
      assert.deepEqual(read(encodeRecord({ kind: "delete", key: id, time: 0n })), {
        kind: "delete",
        key: id,
        time: 0n,
      });
    },
  );
  fc.assert(property);
});

test("records that are cut off are corrupt, as far as they have a form", () => {
  const restore = {
    kind: "restore",
    key,
    time: 1n,
    pushTime: 1,
    failureTime: 0,
    pushStamp: 1n,
    failureStamp: 1n,
  } as const;
  for (const record of [
    encodePushRecord({ mode: "replace", key: { id: key }, time: 1n, unchecked: false }, block),
    encodeRecord({ ...restore, familyStamps: [1n, 2n], block: decodeFamilyBlock(Buffer.from(block)) }),
  ]) {
    for (let length = 0; length < record.length; length++) {
      assert.throws(
        () => read(record.subarray(0, length)),
        (error) => isWaystationError(error, "CORRUPT"),
        `${length} of ${record.length} bytes`,
      );
    }
  }
});

test("bytes that are no record are corrupt, or another record, but no crash", () => {
  const record = Buffer.from(encodePushRecord({ mode: "merge", key: { id: key }, time: 1n, unchecked: true }, block));
  const property = fc.property(fc.nat(), fc.nat(255), (place, value) => {
    const bytes = Buffer.from(record);
    bytes[place % bytes.length] = value;
    try {
      read(bytes);
    } catch (error) {
      assert.ok(isWaystationError(error, "CORRUPT"), String(error));
    }
  });
  fc.assert(property, { numRuns: 1000 });
  assert.throws(
    () => read(Buffer.alloc(16, 6)),
    (error) => isWaystationError(error, "CORRUPT"),
  );
});
