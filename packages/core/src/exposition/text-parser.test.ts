import assert from "node:assert/strict";
import { test } from "node:test";
import { isWaystationError, WaystationError } from "../errors.ts";
import { toByteString } from "../model/byte-string.ts";
import type { MetricFamily } from "../model/metric-family.ts";
import { ByteWriter } from "./byte-writer.ts";
import { writeFamily } from "./text-encoder.ts";
import { parseText, type TextParserOptions } from "./text-parser.ts";

const LEGACY: TextParserOptions = { utf8Names: false };
const UTF8: TextParserOptions = { utf8Names: true };

function parse(body: string, options = LEGACY): MetricFamily[] {
  return parseText(Buffer.from(body, "latin1"), options);
}

/** Shows what was understood: one family after the other, as an exposition without untyped TYPE lines. */
function understood(body: string, options = LEGACY): string {
  const out = new ByteWriter();
  for (const family of parse(body, options)) {
    writeFamily(out, family);
  }
  return out
    .bytes()
    .toString("latin1")
    .replaceAll(/# TYPE .* untyped\n/g, "");
}

type Table = [body: string, expected: string][];

function testTable(table: Table, options = LEGACY): void {
  for (const [body, expected] of table) {
    assert.equal(understood(body, options), expected, JSON.stringify(body));
  }
}

test("lines without samples mean nothing", () => {
  for (const body of [
    "",
    "\n",
    " ",
    "\t \n ",
    "#\n",
    "# \n",
    "#comment\n",
    "## HELP\n",
    "#\tx\ty\n",
    "# EOF\n",
    "# UNIT m s\n",
  ]) {
    assert.deepEqual(parse(body), [], JSON.stringify(body));
  }
  for (const body of [
    "# HELP\n",
    "#HELP\n",
    "# TYPE \n",
    "# HELP m\n",
    "# TYPE m \n",
    "# TYPE m gauge\n",
    "# HELP m x\n",
  ]) {
    assert.deepEqual(parse(body), [], JSON.stringify(body));
  }
});

test("a sample is a name, perhaps labels, a value and perhaps a timestamp", () => {
  testTable([
    ["m 1\n", "m 1\n"],
    [":m:x9_ 1\n", ":m:x9_ 1\n"],
    ["m\t \t1\n", "m 1\n"],
    ["  \tm 1\n \t", "m 1\n"],
    ["m+1\nn-2\no.5\n", "m 1\nn -2\no 0.5\n"],
    ["m{} 1\n", "m 1\n"],
    ["m{ } 1\n", "m 1\n"],
    ['m{a="b"}1\n', 'm{a="b"} 1\n'],
    ['m {b="2",a="1"} 1\n', 'm{b="2",a="1"} 1\n'],
    ['m{ a\t= "1" , b ="2" , }\t1\n', 'm{a="1",b="2"} 1\n'],
    ['m{a=""} 1\n', 'm{a=""} 1\n'],
    ['m{a="{},=# "} 1\n', 'm{a="{},=# "} 1\n'],
    ['m{a="\\\\x\\"y\\nz"} 1\n', 'm{a="\\\\x\\"y\\nz"} 1\n'],
    ['m{a="\r\0"} 1\n', 'm{a="\r\0"} 1\n'],
    [`m{a="${toByteString("日本")}"} 1\n`, `m{a="${toByteString("日本")}"} 1\n`],
    ['m{__a="1",_b="2"} 1\n', 'm{__a="1",_b="2"} 1\n'],
    ["m 1 5\n", "m 1 5\n"],
    ["m 1\t-5\n", "m 1 -5\n"],
    ["m 1 +007\n", "m 1 7\n"],
    [`m 1 -${"0".repeat(30)}9223372036854775808\n`, "m 1 -9223372036854775808\n"],
    ["m 1 9223372036854775807\n", "m 1 9223372036854775807\n"],
    ["m nan\nn -INF\no 1e3\n", "m NaN\nn -Inf\no 1000\n"],
    ["m 1\nm 2\n", "m 1\nm 2\n"],
    ["b 1\na 2\nb 3\n", "b 1\nb 3\na 2\n"],
  ]);
});

test("HELP and TYPE lines describe a family", () => {
  testTable([
    ["# HELP m text\n# TYPE m gauge\nm 1\n", "# HELP m text\n# TYPE m gauge\nm 1\n"],
    ["#HELP m text\nm 1\n", "# HELP m text\nm 1\n"],
    ["#\t HELP \t m \t a  b \nm 1\n", "# HELP m a  b \nm 1\n"],
    ["m 1\n# HELP m late\n", "# HELP m late\nm 1\n"],
    ['# HELP m a\\\\b\\nc\\"d"e\nm 1\n', '# HELP m a\\\\b\\nc"d"e\nm 1\n'],
    ["# HELP m \xff\r\nm 1\n", "# HELP m \xff\r\nm 1\n"],
    ["# HELP m\nm 1\n", "m 1\n"],
    ["# TYPE m COUNTER\nm 1\n", "# TYPE m counter\nm 1\n"],
    ["# TYPE m Untyped\nm 1\n", "m 1\n"],
    ["# TYPE m ga\\uge\nm 1\n", "# TYPE m gauge\nm 1\n"],
    ["# help m text\n# Type m gauge\nm 1\n", "m 1\n"],
    ['# TYPE "m" gauge\nm 1\n', "# TYPE m gauge\nm 1\n"],
  ]);
  assert.equal(parse("# HELP m \\\\\nm 1\n")[0]!.help, "\\");
  assert.equal(parse("m 1\n")[0]!.help, undefined);
});

test("quoted names are taken at three places", () => {
  const cyrillic = toByteString("имя");
  testTable(
    [
      ['{"a.b"} 1\n', '{"a.b"} 1\n'],
      ['{"a.b",x="1"} 1\n', '{"a.b",x="1"} 1\n'],
      ['{x="1", "a.b" ,} 1\n', '{"a.b",x="1"} 1\n'],
      ['"a.b" 1\n', '{"a.b"} 1\n'],
      ['"a.b"{"x.y"="1"} 1\n', '{"a.b","x.y"="1"} 1\n'],
      ['# TYPE "a.b" gauge\n{"a.b"} 1\n', '# TYPE "a.b" gauge\n{"a.b"} 1\n'],
      [`{"${cyrillic}","${cyrillic}"="1"} 1\n`, `{"${cyrillic}","${cyrillic}"="1"} 1\n`],
      ['{"a\\"\\\\\\n "} 1\n', '{"a\\"\\\\\\n "} 1\n'],
      ['a".b" 1\n', '{"a.b"} 1\n'],
    ],
    UTF8,
  );
  testTable([
    ['{"m"} 1\n', "m 1\n"],
    ["{m} 1\n", "m 1\n"],
    ['{"m","a"="b"} 1\n', 'm{a="b"} 1\n'],
    ['"m"{"a"="b"} 1\n', 'm{a="b"} 1\n'],
    ['{"a:b"} 1\n', "a:b 1\n"],
  ]);
});

test("a line without a name continues the metric of the line before", () => {
  // So does the Go parser. The repetition is refused as a duplicate, later on.
  assert.equal(understood('m{a="1"} 1\n{b="2"} 3\n'), 'm{a="1",b="2"} 3\nm{a="1",b="2"} 3\n');
  assert.equal(
    understood('# TYPE s summary\ns{quantile="0"} 1\n{quantile="1"} 2\n'),
    understood('# TYPE s summary\ns{quantile="0"} 1\ns{quantile="1"} 2\n'),
  );
});

test("what is not in the format is refused with its position", () => {
  const table: [body: string, line: number, column: number, message: RegExp][] = [
    ["m 1", 1, 4, /unexpected end of input stream.*also the last/],
    ["m 1\nn 2 ", 2, 5, /unexpected end of input stream/],
    ["m\n", 1, 2, /expected float as value, got ""/],
    ["m \n", 1, 3, /expected float as value, got ""/],
    ["m x\n", 1, 3, /expected float as value, got "x"/],
    ["m 1\r\n", 1, 3, /expected float as value, got "1\\r"/],
    ["\n\n m 0x1\n", 3, 4, /expected float as value, got "0x1"/],
    ["m 1_0\n", 1, 3, /expected float/],
    ["m 1e309\n", 1, 3, /expected float/],
    ["m +NaN\n", 1, 3, /expected float/],
    ["m 1 \n", 1, 5, /expected integer as timestamp, got ""/],
    ["m 1\t\n", 1, 5, /expected integer as timestamp/],
    ["m 1 1.5\n", 1, 5, /expected integer as timestamp, got "1.5"/],
    ["m 1 0x5\n", 1, 5, /expected integer as timestamp/],
    ["m 1 9223372036854775808\n", 1, 5, /expected integer as timestamp/],
    ["m 1 -9223372036854775809\n", 1, 5, /expected integer as timestamp/],
    ["m 1 5 \n", 1, 6, /spurious string after timestamp: " "/],
    ["m 1 # {} 1\n", 1, 5, /expected integer as timestamp, got "#"/],
    ["9m 1\n", 1, 1, /invalid metric name, expected .* found "9"/],
    ["= 1\n", 1, 1, /invalid metric name/],
    ["ä 1\n", 1, 1, /invalid metric name/],
    ["a.b 1\n", 1, 2, /expected float as value, got ".b"/],
    ['"" 1\n', 1, 1, /invalid metric name/],
    ['"a.b" 1\n', 1, 1, /invalid metric name "a.b"/],
    ['{"a.b"} 1\n', 1, 2, /invalid metric name "a.b"/],
    ['{"a"b} 1\n', 1, 5, /expected ',' or '}'.*found "b"/],
    ['{"a","b"} 1\n', 1, 9, /multiple metric names/],
    ['{"a","b",x="1"} 1\n', 1, 9, /multiple metric names/],
    ['m{"a"} 1\n', 1, 6, /expected '=' after label name, found "}"/],
    ["{} 1\n", 1, 1, /invalid metric name/],
    ['{a="b"} 1\n', 1, 1, /invalid metric name/],
    ["# HELP m x\n{} 1\n", 2, 1, /invalid metric name/],
    ['m 1\n{a="1"} 1\n{b="1"} 1\n', 3, 1, /invalid metric name/],
    ["m 1\n# HELP m x\n{} 1\n", 3, 1, /invalid metric name/],
    ["{,} 1\n", 1, 2, /invalid label name/],
    ["m{,} 1\n", 1, 3, /invalid label name/],
    ['m{a="1",,} 1\n', 1, 9, /invalid label name/],
    ["m{a} 1\n", 1, 4, /expected '=' after label name, found "}"/],
    ["m{a 1\n", 1, 5, /expected '=' after label name, found "1"/],
    ["m{a\n", 1, 4, /expected '=' after label name, found the end of the line/],
    ["m{a=b} 1\n", 1, 5, /expected '"' at start of label value, found "b"/],
    ['m{a="b} 1\n', 1, 10, /expected '"' to end "\\"b} 1"/],
    ['m{a="b"\n', 1, 8, /expected ',' or '}'.*found the end of the line/],
    ['m{a="b"x} 1\n', 1, 8, /expected ',' or '}'/],
    ['m{a="b" c="d"} 1\n', 1, 9, /expected ',' or '}'/],
    ['m{a="\\x"} 1\n', 1, 6, /invalid escape sequence/],
    ['m{a="\\\n"} 1\n', 1, 6, /invalid escape sequence/],
    ['m{a="\xff"} 1\n', 1, 5, /invalid label value .* expected UTF-8/],
    ['m{a="\xc3"} 1\n', 1, 5, /expected UTF-8/],
    ['m{9="x"} 1\n', 1, 3, /invalid label name/],
    ['m{a-b="x"} 1\n', 1, 4, /expected '='/],
    ['m{a:b="x"} 1\n', 1, 4, /expected '='/],
    ['m{""="x"} 1\n', 1, 3, /invalid label name/],
    ['m{"a.b"="x"} 1\n', 1, 3, /invalid label name "a.b"/],
    ['m{__name__="x"} 1\n', 1, 3, /"__name__" is reserved/],
    ['m{a="1",b="2",a="3"} 1\n', 1, 17, /duplicate label names/],
    [
      `m{${Array.from({ length: 50 }, (_, i) => `l${i % 49}="x"`).join()}} 1\n`,
      1,
      388,
      /duplicate label names, found "l0"/,
    ],
    ["# HELP m a\n# HELP m b\n", 2, 8, /second HELP line for metric name "m"/],
    ["# TYPE m gauge\n# TYPE m gauge\n", 2, 8, /second TYPE line for metric name "m"/],
    ["m 1\n# TYPE m gauge\n", 2, 8, /TYPE reported after samples/],
    ["# TYPE m unknown\n", 1, 10, /unknown metric type "unknown", expected one of counter/],
    ["# TYPE m gauge \n", 1, 10, /unknown metric type "gauge "/],
    ["# TYPE m gauge\r\n", 1, 10, /unknown metric type "gauge\\r"/],
    ["# TYPE m gaugehistogram2\n", 1, 10, /unknown metric type/],
    ["# HELP m a\\b\n", 1, 11, /invalid escape sequence/],
    ["# HELP m a\\\n", 1, 11, /invalid escape sequence/],
    ["# HELP 9m x\n", 1, 8, /invalid metric name in comment/],
    ["# TYPE m{} gauge\n", 1, 9, /invalid metric name in comment/],
    ['# TYPE "a.b" gauge\n', 1, 8, /invalid metric name "a.b"/],
    ['# TYPE "a gauge\n', 1, 16, /expected '"' to end/],
  ];
  for (const [body, line, column, message] of table) {
    assert.throws(
      () => parse(body),
      (error) => {
        assert.ok(error instanceof WaystationError && error.code === "PARSE", String(error));
        assert.deepEqual(error.position, { line, column }, `${JSON.stringify(body)}: ${error.message}`);
        assert.match(error.message, message);
        assert.ok(error.message.startsWith(`text format parsing error in line ${line}: `), error.message);
        assert.ok(error.message.endsWith(` (column ${column})`), error.message);
        return true;
      },
      JSON.stringify(body),
    );
  }
});

test("UTF-8 names must be UTF-8 and not empty", () => {
  for (const body of [
    '{"\xff"} 1\n',
    '{""} 1\n',
    'm{"\xff"="x"} 1\n',
    'm{""="x"} 1\n',
    '"" 1\n',
    '# TYPE "" gauge\n',
    "a.b 1\n",
  ]) {
    assert.throws(
      () => parse(body, UTF8),
      (error) => isWaystationError(error, "PARSE"),
      JSON.stringify(body),
    );
  }
});

test("messages cut what is long and show text as it reads", () => {
  assert.throws(() => parse(`m ${"9".repeat(1000)}x\n`), /got "9{60}"… \(column 3\)$/);
  assert.throws(() => parse(`# TYPE m ${toByteString("größe")}\n`), /unknown metric type "größe"/);
});

test("a body is not changed, and its start within a larger buffer does not matter", () => {
  const text = 'xx# HELP m a\\\\b\nm{a="\\n"} 1.5\nyy';
  const buffer = Buffer.from(text);
  const families = parseText(buffer.subarray(2, -2), LEGACY);
  assert.deepEqual(families, [
    { name: "m", type: "untyped", metrics: [{ labels: [{ name: "a", value: "\n" }], value: 1.5 }], help: "a\\b" },
  ]);
  assert.equal(buffer.toString(), text);
});
