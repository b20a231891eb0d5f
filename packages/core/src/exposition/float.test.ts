import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { formatFloat, formatFloatSigned, readFloat } from "./float.ts";

function parse(text: string): number | undefined {
  // Neighbouring bytes that would continue the number must not be read.
  const bytes = Buffer.from(`9${text}9`, "latin1");
  return readFloat(bytes, 1, bytes.length - 1);
}

const SPELLINGS: [number, string][] = [
  [0, "0"],
  [-0, "0"],
  [1, "1"],
  [-1, "-1"],
  [0.1, "0.1"],
  [0.1 + 0.2, "0.30000000000000004"],
  [123456, "123456"],
  [999999, "999999"],
  [999999.5, "999999.5"],
  [-999999.9999999999, "-999999.9999999999"],
  [1e6, "1e+06"],
  [-1e6, "-1e+06"],
  [1234567, "1.234567e+06"],
  [123456789, "1.23456789e+08"],
  [9007199254740992, "9.007199254740992e+15"],
  [12345678901234568, "1.2345678901234568e+16"],
  [1e20, "1e+20"],
  [1e21, "1e+21"],
  [1e100, "1e+100"],
  [1.7976931348623157e308, "1.7976931348623157e+308"],
  [0.0001, "0.0001"],
  [0.0001234, "0.0001234"],
  [0.00009999999999999999, "9.999999999999999e-05"],
  [0.00001, "1e-05"],
  [-0.00001, "-1e-05"],
  [1.5e-10, "1.5e-10"],
  [2.2250738585072014e-308, "2.2250738585072014e-308"],
  [5e-324, "5e-324"],
  [Infinity, "+Inf"],
  [-Infinity, "-Inf"],
  [NaN, "NaN"],
];

test("numbers are written like Go's shortest %g", () => {
  for (const [value, text] of SPELLINGS) {
    assert.equal(formatFloat(value), text);
  }
});

test("negative zero is written with its sign where the format keeps it", () => {
  assert.equal(formatFloatSigned(-0), "-0");
  assert.equal(formatFloatSigned(0), "0");
  assert.equal(formatFloatSigned(-1e6), "-1e+06");
});

test("numbers are read like Go's ParseFloat", () => {
  const accepted: [string, number][] = [
    ["0", 0],
    ["-0", -0],
    ["+1", 1],
    ["007", 7],
    [".5", 0.5],
    ["5.", 5],
    ["-.5e-2", -0.005],
    ["5.e1", 50],
    ["1e3", 1000],
    ["1E+03", 1000],
    ["1e0000003", 1000],
    ["0e5", 0],
    ["-0.0", -0],
    ["0e999999999999", 0],
    ["1e-400", 0],
    ["-1e-400", -0],
    ["1e-99999999999999999999", 0],
    ["9007199254740993", 9007199254740992],
    ["9007199254740992.9", 9007199254740992],
    ["12345678901234567890123", 1.2345678901234568e22],
    ["0.000000000000000000000000000000001", 1e-33],
    ["1.7976931348623157e308", Number.MAX_VALUE],
    ["4.9e-324", 5e-324],
    ["2.4703282292062327e-324", 0],
    ["2.4703282292062328e-324", 5e-324],
    ["0.3", 0.3],
    ["8.41", 8.41],
    ["1e22", 1e22],
    ["1e23", 1e23],
    ["123456789012345e-22", 1.23456789012345e-8],
    ["Inf", Infinity],
    ["+inf", Infinity],
    ["-INF", -Infinity],
    ["infinity", Infinity],
    ["-InFiNiTy", -Infinity],
    ["NaN", Number.NaN],
    ["nAN", Number.NaN],
  ];
  for (const [text, value] of accepted) {
    assert.ok(Object.is(parse(text), value), `${text} is read as ${parse(text)}, expected ${value}`);
  }
});

test("what Go's ParseFloat refuses is refused", () => {
  const refused = [
    ...[
      "",
      "+",
      "-",
      ".",
      "+.",
      "e",
      "e5",
      ".e5",
      "1e",
      "1e+",
      "1e-",
      "1e5.",
      "1e5e5",
      "1.2.3",
      "--1",
      "+-1",
      "1-",
      "1 ",
    ],
    ...[
      " 1",
      "1_000",
      "0x10",
      "0x1p4",
      "0b1",
      "0o7",
      "1p3",
      "1,5",
      "1f",
      "1n",
      "abc",
      "1\r",
      "1\0",
      "\x110",
      "\x10",
      "\xb2",
    ],
    ...["+NaN", "-nan", "nano", "na", "in", "infi", "infinit", "infinityy", "+", "Info", "1e309", "-1e309", "1.8e308"],
    ...["1.7976931348623159e308", "1e99999999999999999999", "é", "\x29nf", "\x09nf"],
  ];
  for (const text of refused) {
    assert.equal(parse(text), undefined, JSON.stringify(text));
  }
});

test("a number is read back as it was written", () => {
  const any = fc.oneof(
    fc.double(),
    fc.integer(),
    fc.maxSafeInteger(),
    fc.integer().map((n) => n / 1000),
  );
  fc.assert(
    fc.property(any, (value) => {
      assert.ok(Object.is(parse(formatFloatSigned(value)), value));
    }),
    { numRuns: 2000 },
  );
});

test("a decimal is read as the nearest double, like by the language", () => {
  const digits = fc.string({ unit: fc.constantFrom(..."0123456789"), maxLength: 25 });
  const exponent = fc.option(fc.tuple(fc.constantFrom("e", "E", "e+", "e-"), fc.nat(340)));
  const decimal = fc.tuple(fc.constantFrom("", "-", "+"), digits, fc.option(digits), exponent);
  fc.assert(
    fc.property(decimal, ([sign, integer, fraction, power]) => {
      const text = `${sign}${integer}${fraction === null ? "" : `.${fraction}`}${power === null ? "" : power.join("")}`;
      const value = integer === "" && !fraction ? Number.NaN : Number(text);
      assert.ok(Object.is(parse(text), Number.isFinite(value) ? value : undefined), text);
    }),
    { numRuns: 3000 },
  );
});
