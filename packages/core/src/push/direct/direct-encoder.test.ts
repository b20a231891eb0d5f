import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { parseText } from "../../exposition/text-parser.ts";
import { groupingKey } from "../../model/grouping-key.ts";
import { encodePush, type PushToEncode } from "../encode-push.ts";
import { DirectEncoder } from "./direct-encoder.ts";

function pushTo(labels: Record<string, string>): PushToEncode {
  return { key: groupingKey(labels), mode: "replace", time: 7n, unchecked: false };
}

/** What the long way makes of a body: its record, or undefined if the push is refused. */
function theLongWay(body: Buffer, labels: Record<string, string>): string | undefined {
  try {
    const record = encodePush(parseText(body, { utf8Names: false }), pushTo(labels));
    const KIND_REPLACE = 0;
    return record[0] === KIND_REPLACE ? Buffer.from(record).toString("latin1") : undefined;
  } catch {
    return undefined;
  }
}

/** Compares the two ways; returns whether the short one was taken. */
function compare(
  body: string | Buffer,
  labels: Record<string, string> = { job: "j" },
  encoder = new DirectEncoder(),
): boolean {
  const bytes = Buffer.from(body);
  const record = encoder.encode(bytes, pushTo(labels));
  if (record === undefined) return false;
  assert.equal(Buffer.from(record).toString("latin1"), theLongWay(bytes, labels), bytes.toString("latin1"));
  return true;
}

test("what client libraries print goes the short way", () => {
  const bodies = [
    "m 1\n",
    '# HELP m A help text: it\'s "fine".\n# TYPE m gauge\nm 4.5\n',
    '# TYPE m_total counter\nm_total{method="get",code="200"} 1027\nm_total{method="post",code="200"} 3\n',
    "# TYPE a untyped\na 1\n# TYPE b gauge\nb 2\n",
    'z 1\ny{a="\u00e9"} 2\n:x 3\n',
    "m{} 1\nn NaN\no +Inf\np_ -Inf\nq 1e6\nr 1700000000.123\ns 0.00001\n",
    'm{a="1",} 1\n',
    "# TYPE process_open_fds gauge\nprocess_open_fds 7\n# TYPE go_threads gauge\ngo_threads 3\n",
  ];
  for (const body of bodies) {
    assert.ok(compare(body), body);
    assert.ok(compare(body, { job: "j", instance: "i", zone: 'a"b\\c\n' }), body);
  }
  assert.ok(compare('m{instance="i"} 1\nm{instance="h"} 2\nm 3\n'));
});

test("everything else goes the long way", () => {
  const bodies = [
    "",
    "m 1",
    "m 1\r\n",
    "m 1 2\n",
    "m  1\n",
    "m\t1\n",
    " m 1\n",
    "\nm 1\n",
    "m -0\n",
    "m x\n",
    "m 1\nm 2\n",
    'm{a="1"} 1\nm{b="1"} 2\n',
    'm 1\nn 2\nm{a="1"} 3\n',
    "# HELP m a\\nb\nm 1\n",
    "# HELP m a\n# HELP m b\nm 1\n",
    "# HELP m a\nn 1\nm 1\n",
    "# TYPE m gauge\n# TYPE m gauge\nm 1\n",
    "# TYPE m histogram\nm_count 1\n",
    "# TYPE m summary\nm 1\n",
    "# TYPE m GAUGE\nm 1\n",
    "m 1\n# TYPE m gauge\n",
    "# comment\nm 1\n",
    'm{a="\\n"} 1\n',
    'm{a="1" } 1\n',
    'm{a="1",a="2"} 1\n',
    'm{__a="1"} 1\n',
    "m{,} 1\n",
    'm{a="1"',
    'm{a="1\n"} 1\n',
    "push_time_seconds 1\n",
    "go_goroutines 1\n",
    '{"m"} 1\n',
    "9m 1\n",
    Buffer.from([0x6d, 0x7b, 0x61, 0x3d, 0x22, 0xff, 0x22, 0x7d, 0x20, 0x31, 0x0a]),
  ];
  for (const body of bodies) assert.equal(compare(body), false, String(body));
});

const name = fc.constantFrom("a", "b", "a_b", "ab", "c:d", "le", "instance", "job", "zone", "_x");
const value = fc.constantFrom("", "x", "y", "x!", 'x"', "x ", "xx", "\u00e9", "\u{1f600}", "x\\\\", "10", "9");
const number = fc.oneof(
  fc.double({ noNaN: true }).map(String),
  fc.integer({ min: -2_000_000, max: 2_000_000 }).map(String),
  fc.tuple(fc.integer({ min: 0, max: 999_999 }), fc.stringMatching(/^[0-9]{1,9}$/)).map(([a, b]) => `${a}.${b}`),
  fc.constantFrom(
    "NaN",
    "+Inf",
    "-0",
    "00",
    "1.",
    ".5",
    "0.0001",
    "0.00012",
    "0.00001",
    "1e5",
    "0x1",
    "-0.5",
    "+1",
    "1_0",
  ),
);
const labels = fc
  .array(fc.tuple(name, value), { maxLength: 4 })
  .map((pairs) => pairs.map(([n, v]) => `${n}="${v.replaceAll('"', '\\"')}"`).join());
const line = fc.oneof(
  { weight: 6, arbitrary: fc.tuple(name, labels, number).map(([n, l, v]) => (l ? `${n}{${l}} ${v}` : `${n} ${v}`)) },
  {
    weight: 1,
    arbitrary: fc.tuple(name, fc.constantFrom("gauge", "counter", "untyped")).map(([n, t]) => `# TYPE ${n} ${t}`),
  },
  {
    weight: 1,
    arbitrary: fc.tuple(name, fc.constantFrom("help", "a b", " x", "x ")).map(([n, t]) => `# HELP ${n} ${t}`),
  },
  { weight: 1, arbitrary: fc.constantFrom("", "# x", "m 1 2", "m", "{") },
);

test("the short way gives what the long way gives", () => {
  const encoder = new DirectEncoder();
  let taken = 0;
  fc.assert(
    fc.property(
      fc.array(line, { minLength: 1, maxLength: 8 }),
      fc.constantFrom({ job: "j" }, { job: "j", instance: "x" }, { job: "j", zone: "", a: "y" }),
      (lines, key) => {
        if (compare(`${lines.join("\n")}\n`, key, encoder)) taken++;
      },
    ),
    { numRuns: Number(process.env["DIRECT_RUNS"] ?? 5000) },
  );
  assert.ok(taken > 500, `only ${taken} bodies went the short way`);
});

test("a body that was pushed before gives the same with other values, and other groups", () => {
  const groups = [
    { job: "j" },
    { job: "j", instance: "x" },
    { job: "j", a: "y", zone: "" },
    { job: "j", b: 'a"b\\c\n', le: "1" },
  ];
  fc.assert(
    fc.property(
      fc.array(line, { minLength: 1, maxLength: 8 }),
      fc.array(fc.tuple(fc.constantFrom(...groups), fc.array(number, { minLength: 8, maxLength: 8 })), {
        minLength: 2,
        maxLength: 5,
      }),
      (lines, pushes) => {
        const encoder = new DirectEncoder();
        for (const [key, values] of pushes) {
          const body = lines.map((text, i) => (text.startsWith("#") ? text : text.replace(/[^ ]*$/, () => values[i]!)));
          compare(`${body.join("\n")}\n`, key, encoder);
        }
      },
    ),
    { numRuns: Number(process.env["DIRECT_RUNS"] ?? 5000) },
  );
});

test("a body that differs from one that was pushed before in anything but values is read anew", () => {
  const body = '# HELP m Help.\n# TYPE m gauge\nm{a="1"} 1\nm{a="2"} 2\n# HELP n Help.\nn 3\n';
  for (let at = 0; at < body.length; at++) {
    const encoder = new DirectEncoder();
    assert.ok(compare(body, { job: "j" }, encoder));
    for (const changed of ["x", "#", " ", '"', "\n", "\u00ff", ""]) {
      compare(Buffer.from(body.slice(0, at) + changed + body.slice(at + 1), "latin1"), { job: "j" }, encoder);
    }
    assert.ok(compare(body, { job: "k", a: "3" }, encoder) === false, "both samples would be one");
    assert.ok(compare(body, { job: "k" }, encoder));
  }
});

test("a body of many families is the same each time", () => {
  for (const families of [400, 511, 512, 513, 600]) {
    const encoder = new DirectEncoder();
    const heads = Array.from({ length: families }, (_, i) => `# TYPE f${i} gauge\n`).join("");
    for (const value of [1, 2, 3]) assert.ok(compare(`${heads}z ${value}\n`, { job: "j" }, encoder));
    const samples = Array.from({ length: families }, (_, i) => `f${i} ${i}\n`).join("");
    for (let i = 0; i < 3; i++) assert.ok(compare(samples, { job: "j" }, encoder));
  }
});
