import assert from "node:assert/strict";
import { test } from "node:test";
import { isWaystationError } from "@waystation/core";
import fc from "fast-check";
import { recorded } from "../../test/go-pushgateway.ts";
import { type GobBytes, type GobStruct, readGob } from "./gob.ts";

const SOAK = process.env["WAYSTATION_SOAK"] === "1" ? 20 : 1;

const hex = (text: string) => Buffer.from(text.replaceAll(/\s/g, ""), "hex");

// What Go writes, spelled out a second time.
function uint(value: number | bigint): Buffer {
  if (value < 128) return Buffer.of(Number(value));
  const digits = value.toString(16);
  const bytes = hex(digits.length % 2 === 0 ? digits : `0${digits}`);
  return Buffer.concat([Buffer.of(256 - bytes.length), bytes]);
}
const int = (value: number | bigint) => uint(value < 0 ? (~BigInt(value) << 1n) | 1n : BigInt(value) << 1n);
const text = (value: string) => Buffer.concat([uint(value.length), Buffer.from(value, "latin1")]);
const message = (...parts: Uint8Array[]) => {
  const body = Buffer.concat(parts);
  return Buffer.concat([uint(body.length), body]);
};
/** A message with a value of a type that is no struct. */
const value = (type: number, ...parts: Uint8Array[]) => message(int(type), Buffer.of(0), ...parts);
/** A message that defines a type: `form` is the field of `wireType`, `body` the fields after `CommonType`. */
const definition = (type: number, form: number, name: string, ...body: Uint8Array[]) =>
  message(int(-type), uint(form + 1), hex("01 01"), text(name), hex("01"), int(type), hex("00"), ...body, hex("00 00"));
const slice = (type: number, element: number) => definition(type, 1, "slice", hex("01"), int(element));
const map = (type: number, key: number, element: number) =>
  definition(type, 3, "map", hex("01"), int(key), hex("01"), int(element));

test("the example of the gob documentation", () => {
  const point =
    "1f ff81 03 01 01 05 506f696e74 01 ff82 00 01 02 01 01 58 01 04 00 01 01 59 01 04 00 00 00 07 ff82 01 2c 01 42 00";
  const expected: GobStruct = {
    typeName: "Point",
    fields: new Map([
      ["X", 22n],
      ["Y", 33n],
    ]),
  };
  assert.deepEqual(readGob(hex(point)), [expected]);
});

test("basic values", () => {
  const cases: [hex: string, value: unknown][] = [
    ["03 02 00 01", true],
    ["03 04 00 0d", -7n],
    ["05 04 00 fe 0101", -129n],
    ["03 06 00 07", 7n],
    ["05 06 00 fe 0100", 256n],
    ["0b 06 00 f8 ffffffffffffffff", 2n ** 64n - 1n],
    ["0b 04 00 f8 ffffffffffffffff", -(2n ** 63n)],
    ["05 08 00 fe 3140", 17],
    ["06 0c 00 03 616263", "abc"],
    ["08 0e 00 fe 3140 fe f03f", [17, 1]],
  ];
  for (const [bytes, expected] of cases) {
    assert.deepEqual(readGob(hex(bytes)), [expected], bytes);
  }
});

test("integers, floats and strings of any value", () => {
  fc.assert(
    fc.property(
      fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      fc.double(),
      fc.uint8Array(),
      (unsigned, signed, float, bytes) => {
        const reversed = Buffer.alloc(8);
        reversed.writeDoubleLE(float);
        const stream = Buffer.concat([
          value(3, uint(unsigned)),
          value(2, int(signed)),
          value(4, uint(reversed.readBigUInt64BE())),
          value(6, text(Buffer.from(bytes).toString("latin1"))),
        ]);
        assert.deepEqual(readGob(stream), [unsigned, signed, float, Buffer.from(bytes).toString("latin1")]);
      },
    ),
  );
});

test("slices, maps, arrays and opaque values, with types that refer to later ones", () => {
  const stream = Buffer.concat([
    map(64, 6, 65),
    slice(65, 66),
    definition(66, 4, "Time"),
    definition(67, 0, "[2]int", hex("01"), int(2), hex("01"), int(2)),
    value(64, uint(1), text("k"), uint(2), text("ab"), text("")),
    value(67, uint(2), int(-1), int(1)),
    value(5, text("xy")),
  ]);
  const [first, second, third] = readGob(stream);
  assert.ok(first instanceof Map);
  const opaque = first.get("k") as GobBytes[];
  assert.deepEqual(
    opaque.map(({ bytes }) => Buffer.from(bytes).toString()),
    ["ab", ""],
  );
  assert.equal(stream.subarray(opaque[0]!.offset, opaque[0]!.offset + 2).toString(), "ab");
  assert.deepEqual(second, [-1n, 1n]);
  assert.equal(Buffer.from((third as GobBytes).bytes).toString(), "xy");
});

test("what is no sound stream is refused, with the byte", () => {
  const pointType = "1f ff81 03 01 01 05 506f696e74 01 ff82 00 01 02 01 01 58 01 04 00 01 01 59 01 04 00 00 00";
  const cases: [name: string, stream: Uint8Array, message: RegExp][] = [
    ["a cut message", hex("07 ff82"), /a message of length 7 is announced, but only 2 bytes are left \(byte 0\)/],
    ["a cut value", hex("03 06 00 fe"), /the data ends in the middle of a value \(byte 4\)/],
    ["an empty message", hex("00"), /the data ends in the middle of a value \(byte 1\)/],
    ["a number of too many bytes", hex("03 06 00 f7"), /a number of 9 bytes \(byte 3\)/],
    ["a type that is not defined", hex("03 ff 82 00"), /type 65 is not defined/],
    ["type 0", hex("02 00 00"), /0 is not the number of a type \(byte 1\)/],
    ["a type number of 64 bits", message(int(2n ** 40n)), /1099511627776 is not the number of a type \(byte 1\)/],
    ["a value without its 0", hex("03 06 01 07"), /a value does not begin with 0 \(byte 2\)/],
    ["bytes after a value", hex("04 06 00 07 07"), /the message goes on for 1 bytes after its value \(byte 4\)/],
    [
      "a string that is too long",
      hex("04 0c 00 02 61"),
      /a byte sequence of length 2 is announced, but only 1 bytes are left \(byte 3\)/,
    ],
    ["a huge string", value(6, uint(2n ** 63n)), /a byte sequence of length 9223372036854775808/],
    ["a field that the struct has not", hex(`${pointType} 04 ff82 03 00`), /Point has no field 2 \(byte 35\)/],
    ["a struct without end", hex(`${pointType} 04 ff82 01 2c`), /the data ends in the middle of a value \(byte 37\)/],
    [
      "a huge slice",
      Buffer.concat([slice(64, 3), value(64, uint(2n ** 40n))]),
      /a list of length 1099511627776 is announced, but only 0 bytes/,
    ],
    [
      "a huge map",
      Buffer.concat([map(64, 3, 3), value(64, uint(9), uint(1))]),
      /a map of length 9 is announced, but only 1 bytes/,
    ],
    ["a type defined twice", Buffer.concat([slice(64, 3), slice(64, 3)]), /type 64 is defined a second time/],
    ["a definition of a basic type", slice(6, 3), /type 6 is defined a second time/],
    ["a definition of nothing", message(int(-64), hex("00")), /the definition of type 64 is incomplete/],
    [
      "a map without element type",
      definition(64, 3, "map", hex("01"), int(6)),
      /the definition of type 64 is incomplete/,
    ],
    [
      "a slice of itself",
      Buffer.concat([slice(64, 64), value(64, Buffer.alloc(100_000, 1))]),
      /nested more than 64 deep/,
    ],
  ];
  for (const [name, stream, expected] of cases) {
    assert.throws(
      () => readGob(stream),
      (error) => isWaystationError(error, "CORRUPT") && expected.test(error.message),
      name,
    );
  }
});

test("interface values are named as what is not supported", () => {
  assert.throws(
    () => readGob(value(8, text("main.T"))),
    (error) => isWaystationError(error, "UNSUPPORTED") && /interface values/.test(error.message),
  );
});

function readsOrRefuses(stream: Uint8Array): void {
  try {
    readGob(stream);
  } catch (error) {
    if (!isWaystationError(error, "CORRUPT", "UNSUPPORTED")) throw error;
  }
}

test("any bytes, and real files with some bytes changed, are read or refused", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 100 }), readsOrRefuses), { numRuns: 500 * SOAK });
  const file = recorded("everything", "pushgateway.data");
  const edits = fc.array(fc.tuple(fc.nat(file.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(edits, (changes) => {
      const stream = Buffer.from(file);
      for (const [at, byte] of changes) stream[at] = byte;
      readsOrRefuses(stream);
    }),
    { numRuns: 300 * SOAK },
  );
});
