import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { count, signedCount } from "../../test/metric-family-arbitrary.ts";
import { WaystationError } from "../errors.ts";
import { WireReader } from "./protobuf-reader.ts";
import { doubleTag, lengthTag, varintTag } from "./protobuf-wire.ts";
import { WireWriter } from "./protobuf-writer.ts";

const bytes = (hex: string) => Buffer.from(hex.replaceAll(" ", ""), "hex");

/** Base 128, least significant group first: the definition, without regard to speed. */
function slowVarint(value: bigint): Buffer {
  const out: number[] = [];
  let rest = BigInt.asUintN(64, value);
  for (; rest > 127n; rest >>= 7n) out.push(Number(rest & 127n) | 128);
  out.push(Number(rest));
  return Buffer.from(out);
}

function written(write: (out: WireWriter) => void): Buffer {
  const out = new WireWriter(1);
  write(out);
  return Buffer.from(out.toBytes());
}

test("integers are written as varints of the specification and read back exactly", () => {
  const tag = varintTag(1);
  const read = (data: Uint8Array) => {
    const reader = new WireReader(data);
    assert.equal(reader.tag(), tag);
    return reader;
  };
  fc.assert(
    fc.property(count, signedCount, fc.integer(), (unsigned, signed, small) => {
      const uint64 = written((out) => out.uint64(tag, unsigned));
      assert.deepEqual(uint64, Buffer.concat([Buffer.of(tag), slowVarint(BigInt(unsigned))]));
      assert.equal(read(uint64).uint64(), unsigned);

      const int64 = written((out) => out.int64(tag, BigInt(signed)));
      assert.deepEqual(int64, Buffer.concat([Buffer.of(tag), slowVarint(BigInt(signed))]));
      assert.equal(read(int64).int64(), BigInt(signed));

      const zigzag = BigInt(signed) < 0n ? -2n * BigInt(signed) - 1n : 2n * BigInt(signed);
      const sint64 = written((out) => out.sint64(tag, signed));
      assert.deepEqual(sint64, Buffer.concat([Buffer.of(tag), slowVarint(zigzag)]));
      assert.equal(read(sint64).sint64(), signed);

      assert.equal(read(written((out) => out.int32(tag, small))).int32(), small);
      assert.equal(read(written((out) => out.sint32(tag, small))).sint32(), small);
      assert.equal(read(written((out) => out.uint32(tag, small >>> 0))).uint32(), small >>> 0);
    }),
  );
});

test("numbers at the edges keep their value and change to bigint only where they must", () => {
  const cases: [string, number | bigint][] = [
    ["08 00", 0],
    ["08 7f", 127],
    ["08 8001", 128],
    ["08 ffffffff0f", 2 ** 32 - 1],
    ["08 8080808010", 2 ** 32],
    ["08 ffffffffffffff0f", 2 ** 53 - 1],
    ["08 8080808080808010", 2n ** 53n],
    ["08 ffffffffffffffffff01", 2n ** 64n - 1n],
  ];
  for (const [hex, value] of cases) {
    const reader = new WireReader(bytes(hex));
    reader.tag();
    assert.equal(reader.uint64(), value, hex);
  }
  const reader = new WireReader(bytes("08 8100"));
  reader.tag();
  assert.equal(reader.uint64(), 1, "a varint longer than needed");
});

test("messages of any size get their length in front, at any depth", () => {
  const tag = lengthTag(2);
  for (const size of [0, 1, 125, 127, 128, 129, 16_383, 16_384, 70_000]) {
    const text = "x".repeat(size);
    const data = written((out) => {
      const outer = out.open(tag);
      const inner = out.open(tag);
      out.string(tag, text);
      out.close(inner);
      out.double(doubleTag(3), 0.5);
      out.close(outer);
      out.uint64(varintTag(4), 7);
    });
    const reader = new WireReader(data);
    assert.equal(reader.tag(), tag);
    const outerEnd = reader.enter();
    assert.equal(reader.tag(), tag);
    const innerEnd = reader.enter();
    assert.equal(reader.tag(), tag);
    assert.equal(reader.string(), text);
    assert.equal(reader.tag(), 0);
    reader.leave(innerEnd);
    assert.equal(reader.tag(), doubleTag(3));
    assert.equal(reader.double(), 0.5);
    assert.equal(reader.tag(), 0);
    reader.leave(outerEnd);
    assert.equal(reader.tag(), varintTag(4));
    assert.equal(reader.uint64(), 7);
    assert.ok(reader.atEnd);
  }
});

test("a cleared writer begins anew", () => {
  const out = new WireWriter();
  out.string(lengthTag(1), "one");
  out.clear();
  assert.equal(out.length, 0);
  out.string(lengthTag(1), "two");
  assert.deepEqual(Buffer.from(out.view()), bytes("0a 03 74776f"));
});

test("fields of all wire types are skipped, groups with groups inside too", () => {
  const cases: Record<string, string> = {
    varint: "08 ffffffffffffffffff01",
    "64-bit": "09 0011223344556677",
    string: "0a 03 616263",
    "empty group": "0b 0c",
    "groups in a group": "0b 13 14 10 05 1b 0a 01 00 1c 0c",
    "32-bit": "0d 00112233",
    "the largest field number": "f8ffffff0f 01",
  };
  for (const [name, hex] of Object.entries(cases)) {
    const reader = new WireReader(bytes(`${hex} 10 2a`));
    reader.skip(reader.tag());
    assert.equal(reader.tag(), varintTag(2), name);
    assert.equal(reader.uint64(), 42, name);
  }
});

test("a hundred thousand groups inside each other are skipped without recursion", () => {
  const depth = 100_000;
  const reader = new WireReader(Buffer.concat([Buffer.alloc(depth, 0x0b), Buffer.alloc(depth, 0x0c)]));
  reader.skip(reader.tag());
  assert.ok(reader.atEnd);
});

test("what is not protobuf is refused, with the byte where it goes wrong", () => {
  const cases: [hex: string, message: RegExp][] = [
    ["08", /unexpected EOF in protobuf at byte 1: a varint is cut off/],
    ["08 80", /unexpected EOF in protobuf at byte 1: a varint is cut off/],
    ["80", /unexpected EOF in protobuf at byte 0: a varint is cut off/],
    ["09 00", /unexpected EOF in protobuf at byte 1: a 64-bit value is cut off/],
    ["0d 000000", /unexpected EOF in protobuf at byte 1: a 32-bit value is cut off/],
    ["0a 02 00", /unexpected EOF in protobuf at byte 1: 2 bytes are announced, 1 are left/],
    [
      "0a ffffffffffffffff7f",
      /unexpected EOF in protobuf at byte 1: 9223372036854775807 bytes are announced, 0 are left/,
    ],
    ["08 80808080808080808002", /invalid protobuf at byte 1: a varint has more than 64 bits/],
    ["08 8080808080808080808000", /invalid protobuf at byte 1: a varint has more than 64 bits/],
    ["00 00", /invalid protobuf at byte 0: 0 is not a field number/],
    ["80808080 10 00", /invalid protobuf at byte 0: 536870912 is not a field number/],
    ["0e", /invalid protobuf at byte 1: 6 is not a wire type/],
    ["0f", /invalid protobuf at byte 1: 7 is not a wire type/],
    ["0c", /invalid protobuf at byte 1: the end of group 1, which is not open/],
    ["0b 14", /invalid protobuf at byte 2: the end of group 2, which is not open/],
    ["0b 10 00", /unexpected EOF in protobuf at byte 3: group 1 is not closed/],
  ];
  for (const [hex, message] of cases) {
    const reader = new WireReader(bytes(hex));
    assert.throws(
      () => reader.skip(reader.tag()),
      (error) => error instanceof WaystationError && error.code === "PARSE" && message.test(error.message),
      hex,
    );
  }
});

test("an entered message cannot reach beyond its end", () => {
  const reader = new WireReader(bytes("0a 02 1202 616263"));
  reader.tag();
  const outer = reader.enter();
  assert.equal(reader.tag(), lengthTag(2));
  assert.throws(() => reader.string(), /unexpected EOF in protobuf at byte 3: 2 bytes are announced, 0 are left/);
  reader.leave(outer);
});
