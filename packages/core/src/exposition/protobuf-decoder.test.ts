import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { metricFamily } from "../../test/metric-family-arbitrary.ts";
import { isWaystationError } from "../errors.ts";
import type { MetricFamily } from "../model/metric-family.ts";
import { decodeDelimited, decodeFamily, valueMismatch } from "./protobuf-decoder.ts";
import { encodeDelimited } from "./protobuf-encoder.ts";

const SOAK = process.env["WAYSTATION_SOAK"] === "1" ? 20 : 1;

const corpus = new URL("../../test/corpus/protobuf/", import.meta.url);
const push = (name: string) => readFileSync(new URL(`push-${name}.pb`, corpus));
const hex = (text: string) => Buffer.from(text.replaceAll(" ", ""), "hex");

test("bodies that clients push are read as what they say", () => {
  const cases: [file: string, families: MetricFamily[]][] = [
    ["type-field-missing-means-counter", [{ name: "c", type: "counter", metrics: [{ labels: [], value: 5 }] }]],
    [
      "value-unset-means-zero",
      [
        { name: "g", type: "gauge", metrics: [{ labels: [] }] },
        { name: "s", type: "summary", metrics: [{ labels: [], summary: { quantiles: [] } }] },
        { name: "h", type: "histogram", metrics: [{ labels: [], histogram: { float: false, buckets: [] } }] },
        { name: "u", type: "untyped", metrics: [{ labels: [] }] },
        { name: "c", type: "counter", metrics: [{ labels: [] }] },
      ],
    ],
    ["unknown-fields-ignored", [{ name: "m", type: "gauge", metrics: [{ labels: [], value: 1 }] }]],
    [
      "exemplars-kept",
      [
        {
          name: "c_total",
          type: "counter",
          metrics: [
            {
              labels: [],
              value: 1,
              exemplar: {
                labels: [{ name: "trace_id", value: "abc" }],
                value: 0.5,
                timestamp: { seconds: 1_600_000_000n, nanos: 5_000_000 },
              },
            },
          ],
        },
        {
          name: "h",
          type: "histogram",
          metrics: [
            {
              labels: [],
              histogram: {
                float: false,
                count: 1,
                sum: 1,
                buckets: [
                  {
                    upperBound: 1,
                    cumulativeCount: 1,
                    exemplar: { labels: [{ name: "span", value: "x" }], value: 0.7 },
                  },
                ],
              },
            },
          ],
        },
      ],
    ],
    [
      "large-uint64-counts",
      [
        {
          name: "s",
          type: "summary",
          metrics: [{ labels: [], summary: { count: 2n ** 64n - 1n, sum: 1, quantiles: [] } }],
        },
        {
          name: "h",
          type: "histogram",
          metrics: [
            {
              labels: [],
              histogram: {
                float: false,
                count: 2n ** 53n + 1n,
                buckets: [{ upperBound: 1, cumulativeCount: 2n ** 53n + 1n }],
              },
            },
          ],
        },
      ],
    ],
    [
      "classic-float-histogram",
      [
        {
          name: "h",
          type: "histogram",
          metrics: [
            {
              labels: [],
              histogram: {
                float: true,
                count: 20.5,
                sum: 99.23,
                buckets: [
                  { upperBound: 250_000, cumulativeCount: 3.25 },
                  { upperBound: 500_000, cumulativeCount: 17 },
                ],
              },
            },
          ],
        },
      ],
    ],
    [
      "native-histogram-packed-fields",
      [
        {
          name: "nh",
          help: "native",
          type: "histogram",
          metrics: [
            {
              labels: [{ name: "t", value: "x" }],
              histogram: {
                float: false,
                count: 9,
                sum: 1,
                buckets: [],
                native: {
                  schema: 3,
                  negativeSpans: [],
                  positiveSpans: [
                    { offset: -5, length: 3 },
                    { offset: 10, length: 1 },
                  ],
                  negativeBuckets: [],
                  positiveBuckets: [1, 1, -1, 5],
                  exemplars: [],
                },
              },
            },
          ],
        },
      ],
    ],
    [
      "native-histogram-float",
      [
        {
          name: "nh",
          help: "native",
          type: "histogram",
          metrics: [
            {
              labels: [{ name: "t", value: "x" }],
              histogram: {
                float: true,
                count: 20,
                sum: 99.23,
                buckets: [],
                native: {
                  schema: 1,
                  zeroThreshold: 0.001,
                  zeroCount: 1.5,
                  negativeSpans: [
                    { offset: 0, length: 2 },
                    { offset: 0, length: 2 },
                  ],
                  positiveSpans: [
                    { offset: 0, length: 2 },
                    { offset: 0, length: 2 },
                  ],
                  negativeBuckets: [2, 2, -2, 0],
                  positiveBuckets: [2, 2, -2, 0],
                  exemplars: [],
                },
              },
            },
          ],
        },
      ],
    ],
  ];
  for (const [file, families] of cases) assert.deepEqual(decodeDelimited(push(file)), families, file);
});

test("of families of one name the last one counts", () => {
  const family = (name: string, value: number): MetricFamily => ({
    name,
    type: "gauge",
    metrics: [{ labels: [], value }],
  });
  const body = Buffer.concat([family("a", 1), family("b", 2), family("a", 3)].map(encodeDelimited));
  assert.deepEqual(decodeDelimited(body), [family("b", 2), family("a", 3)]);
});

test("an empty body has no families", () => {
  assert.deepEqual(decodeDelimited(new Uint8Array()), []);
});

/** A length-delimited field. */
function field(number: number, ...parts: (string | Uint8Array)[]): Buffer {
  const content = Buffer.concat(parts.map((part) => (typeof part === "string" ? hex(part) : part)));
  return Buffer.concat([Buffer.of((number << 3) | 2, content.length), content]);
}

test("fields may come in any order, scalars more than once, singular messages in several parts", () => {
  const one = "09 000000000000f03f";
  const gauge = Buffer.concat([field(4, field(2, one), field(2)), hex("18 00 0a 01 67 18 01")]);
  assert.deepEqual(decodeFamily(gauge), { name: "g", type: "gauge", metrics: [{ labels: [], value: 1 }] });

  const exemplarInParts = [
    field(2, "11 000000000000f03f"),
    field(2, field(1), field(3, "08 01")),
    field(2, field(3, "10 02")),
  ];
  const counter = field(4, field(3, exemplarInParts[0]!), field(3, ...exemplarInParts.slice(1)), field(3));
  assert.deepEqual(decodeFamily(counter).metrics, [
    {
      labels: [],
      exemplar: { labels: [{ name: "", value: "" }], value: 1, timestamp: { seconds: 1n, nanos: 2 } },
    },
  ]);
});

test("a known field of another wire type is an unknown field", () => {
  assert.deepEqual(decodeFamily(hex("08 05 0a 01 67 12 01 68 1d 00000000 18 01")), {
    name: "g",
    help: "h",
    type: "gauge",
    metrics: [],
  });
});

test("names and label values are carried as bytes, valid or not", () => {
  const family = decodeFamily(hex("0a 02 ff fe 22 07 0a 05 0a 00 12 01 80"));
  assert.equal(family.name, "\xff\xfe");
  assert.deepEqual(family.metrics[0]!.labels, [{ name: "", value: "\x80" }]);
});

test("histogram counts are floats as soon as one float says something", () => {
  const histogram = (body: string) => {
    const family = Buffer.concat([hex("18 04"), field(4, field(7, body))]);
    return decodeFamily(family).metrics[0]!.histogram!;
  };
  const count = "08 03";
  const zeroFloat = "21 0000000000000000";
  const halfFloat = "21 000000000000e03f";
  assert.deepEqual(histogram(count), { float: false, count: 3, buckets: [] });
  assert.equal(histogram(count + zeroFloat).float, false, "an explicit 0 beside an integer count");
  assert.equal(histogram(zeroFloat).float, true, "an explicit 0 alone");
  assert.equal(histogram(count + halfFloat).count, 0.5);
  assert.equal(histogram("").float, false);
  assert.deepEqual(histogram(`${count} 1a 09 ${halfFloat}`).buckets, [{ cumulativeCount: 0.5 }]);
  assert.equal(histogram(`${count} 1a 09 ${halfFloat}`).count, 3n, "given as an integer");
  assert.equal(histogram(count).native, undefined);
  assert.equal(histogram(`${count} 28 00`).native?.schema, 0, "schema 0 makes it a native one");
});

test("a value that is not the type's is left out and reported", () => {
  const mismatched = decodeDelimited(push("type-missing-with-gauge-value"))[0]!;
  assert.deepEqual(mismatched, { name: "c", type: "counter", metrics: [{ labels: [], mistyped: true }] });
  assert.equal(
    valueMismatch(mismatched),
    "metric c{} has no counter value, although its family is declared as counter",
  );

  const fine = decodeDelimited(readFileSync(new URL("go-pushgateway-scrape.pb", corpus)));
  assert.deepEqual(
    fine.map(valueMismatch),
    fine.map(() => undefined),
  );

  const second: MetricFamily = {
    name: "h\xc3\xa9",
    type: "gauge_histogram",
    metrics: [
      { labels: [], histogram: { float: false, buckets: [] } },
      { labels: [{ name: "a", value: '"\xc3\xa9' }], mistyped: true },
    ],
  };
  assert.equal(
    valueMismatch(second),
    'metric hé{a="\\"é"} has no gauge_histogram value, although its family is declared as gauge_histogram',
  );
});

test("what is no body of families is refused as a whole, with the byte", () => {
  const cases: [body: Uint8Array, message: RegExp][] = [
    [push("truncated"), /^unexpected EOF in protobuf at byte 0: 18 bytes are announced, 15 are left$/],
    [push("truncated-second-message"), /^unexpected EOF in protobuf at byte 19: 40 bytes are announced, 2 are left$/],
    [push("garbage"), /^unexpected EOF in protobuf at byte 0/],
    [hex("80"), /^unexpected EOF in protobuf at byte 0/],
    [hex("ffffffffffffffffff01"), /18446744073709551615 bytes are announced, 0 are left/],
    [hex("02 18 06"), /^invalid protobuf at byte 2: 6 is not a metric type/],
    [hex("0b 18 ffffffffffffffffff01"), /^invalid protobuf at byte 2: -1 is not a metric type/],
    // A packed list that announces more than there is.
    [hex("0b 22 09 3a 07 72 ffffffff0f 00"), /^unexpected EOF in protobuf at byte 6/],
    // A packed list of doubles with half a double.
    [hex("0a 22 08 3a 06 72 04 00000000"), /^unexpected EOF in protobuf at byte 7: a 64-bit value is cut off$/],
  ];
  for (const [body, message] of cases) {
    assert.throws(
      () => decodeDelimited(body),
      (error) => isWaystationError(error, "PARSE") && message.test(error.message),
      Buffer.from(body).toString("hex"),
    );
  }
});

function decodesOrRefuses(body: Uint8Array): void {
  try {
    decodeDelimited(body);
  } catch (error) {
    if (!isWaystationError(error, "PARSE")) throw error;
  }
}

test("any bytes are read or refused, never more than that", () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), decodesOrRefuses), { numRuns: 500 * SOAK });
});

test("families with some bytes changed are read or refused", () => {
  const edits = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(metricFamily, edits, fc.nat(), (family, changes, cut) => {
      const body = Buffer.from(encodeDelimited(family));
      for (const [at, byte] of changes) body[at % body.length] = byte;
      decodesOrRefuses(body);
      decodesOrRefuses(body.subarray(0, cut % (body.length + 1)));
    }),
    { numRuns: 300 * SOAK },
  );
});

test("every cut of every file of the corpus is read or refused", () => {
  for (const file of readdirSync(corpus).filter((name) => name.endsWith(".pb"))) {
    const body = readFileSync(new URL(file, corpus));
    for (let length = 0; length < body.length; length++) decodesOrRefuses(body.subarray(0, length));
  }
});
