import assert from "node:assert/strict";
import { test } from "node:test";
import { inspect } from "node:util";
import fc from "fast-check";
import { metricFamily } from "../../test/metric-family-arbitrary.ts";
import { isWaystationError } from "../errors.ts";
import { ByteWriter } from "../exposition/byte-writer.ts";
import { writeMetric } from "../exposition/text-encoder.ts";
import { compareBytes, fromByteString, toByteString } from "../model/byte-string.ts";
import { compareLabelNames, compareLabelValues, formatLabels } from "../model/labels.ts";
import type { Histogram, Label, Metric, MetricFamily } from "../model/metric-family.ts";
import { decodeLayout } from "./descriptor.ts";
import { decodeFamilyBlock, decodeFamilyTree, encodeFamilyBlock, joinFamilyBlock, linesOf } from "./family-block.ts";

/** Brings any bytes to UTF-8. */
function utf8(bytes: string, otherwise: string): string {
  return toByteString(fromByteString(bytes)) || otherwise;
}

/** Labels as a gateway hands them over: valid, complete and sorted. */
function validLabels(labels: readonly Label[], grouping: readonly Label[]): Label[] {
  const pairs = new Map(labels.map(({ name, value }) => [utf8(name, "l"), utf8(value, "")] as const));
  for (const { name, value } of grouping) pairs.set(name, value);
  for (const reserved of ["le", "quantile", "__name__"]) pairs.delete(reserved);
  return [...pairs].map(([name, value]) => ({ name, value })).sort(compareLabelNames);
}

/** A family that a push may hold. */
function validFamily(family: MetricFamily, grouping: readonly Label[]): MetricFamily {
  const seen = new Set<string>();
  const metrics = family.metrics.flatMap(({ timestamp: _, ...metric }): Metric[] => {
    const labels = validLabels(metric.labels, grouping);
    const key = formatLabels(labels);
    if (metric.mistyped || seen.has(key)) return [];
    seen.add(key);
    return [{ ...metric, labels }];
  });
  return { ...family, name: utf8(family.name, "m"), metrics };
}

const GROUPING: Label[] = [
  { name: "instance", value: "" },
  { name: "job", value: toByteString('é"\\\n') },
];

const families: fc.Arbitrary<MetricFamily[]> = fc
  .array(metricFamily, { maxLength: 4 })
  .map((list) => list.map((family) => validFamily(family, GROUPING)).filter(({ metrics }) => metrics.length > 0))
  .map((list) => [...new Map(list.map((family) => [family.name, family])).values()])
  .map((list) => list.sort((a, b) => compareBytes(a.name, b.name)));

/** What a reader makes of a block. */
function decode(block: Uint8Array): MetricFamily[] {
  const { layout, body, sides } = decodeFamilyBlock(Buffer.from(block));
  const descriptors = decodeLayout(layout);
  return descriptors.map((descriptor, i) =>
    decodeFamilyTree(descriptor, linesOf(body, descriptors.length, i), sides.get(i)),
  );
}

/** The sample lines of a block, as they are printed. */
function linesIn(block: Uint8Array): string[] {
  const { layout, body } = decodeFamilyBlock(Buffer.from(block));
  const descriptors = decodeLayout(layout);
  return descriptors.map((_, i) => Buffer.from(linesOf(body, descriptors.length, i)).toString("latin1"));
}

/** Without members that are there but undefined. */
function given(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(given);
  if (typeof value !== "object" || value === null) return value;
  const members = Object.entries(value).filter(([, member]) => member !== undefined);
  return Object.fromEntries(members.map(([name, member]) => [name, given(member)]));
}

function keeps(...families: MetricFamily[]): void {
  assert.deepEqual(given(decode(encodeFamilyBlock(families))), given(families));
}

test("any families come back from a block as they were, whatever text can say of them", () => {
  fc.assert(
    fc.property(families, (list) => keeps(...list)),
    { numRuns: 500 },
  );
});

test("the lines of a block are the metrics in exposition order, as the text encoder prints them", () => {
  const property = fc.property(families, (list) => {
    const expected = list.map(({ name, type, metrics }) => {
      const out = new ByteWriter();
      for (const metric of metrics.toSorted((a, b) => compareLabelValues(a.labels, b.labels))) {
        writeMetric(out, name, type, metric);
      }
      return out.bytes().toString("latin1");
    });
    assert.deepEqual(linesIn(encodeFamilyBlock(list)), expected);
  });
  fc.assert(property, { numRuns: 300 });
});

test("a block taken apart and joined again is the same block", () => {
  const property = fc.property(families, (list) => {
    const block = Buffer.from(encodeFamilyBlock(list));
    assert.deepEqual(Buffer.from(joinFamilyBlock(decodeFamilyBlock(block))), block);
  });
  fc.assert(property, { numRuns: 200 });
});

const labels = GROUPING;

function histogram(histogram: Partial<Histogram>): MetricFamily {
  const complete = { float: false, count: 3, sum: 1.5, buckets: [], ...histogram };
  return { name: "h", type: "histogram", metrics: [{ labels, histogram: complete }] };
}

/** Does the family need a note beside its lines? */
function hasNote(...families: MetricFamily[]): boolean {
  return decodeFamilyBlock(Buffer.from(encodeFamilyBlock(families))).sides.size > 0;
}

test("what text can say needs no note", () => {
  const plain: MetricFamily[] = [
    { name: "c", type: "counter", help: "", metrics: [{ labels, value: 1 }] },
    { name: "g", type: "gauge", help: "H\n\\", unit: "u", metrics: [{ labels, value: Number.NaN }] },
    { name: toByteString("ü.v"), type: "untyped", metrics: [{ labels, value: -0.5 }] },
    histogram({}),
    histogram({ buckets: [{ upperBound: 1, cumulativeCount: 2 }] }),
    histogram({ buckets: [{ upperBound: Number.POSITIVE_INFINITY, cumulativeCount: 2 }] }),
    histogram({ float: true, count: Number.NaN, buckets: [{ upperBound: 1, cumulativeCount: Number.NaN }] }),
    histogram({ float: true, count: 2.5, buckets: [{ upperBound: 1, cumulativeCount: 2 }] }),
    {
      name: "s",
      type: "summary",
      metrics: [{ labels, summary: { count: 2 ** 53, sum: 1e300, quantiles: [{ quantile: 0.5, value: Number.NaN }] } }],
    },
  ];
  for (const family of plain) {
    assert.equal(hasNote(family), false, inspect(family, { depth: 5 }));
    keeps(family);
  }
});

test("what text cannot say is kept beside the lines", () => {
  const native = {
    schema: 3,
    zeroThreshold: 0.1,
    zeroCount: 1,
    negativeSpans: [],
    positiveSpans: [{ offset: -1, length: 2 }],
    negativeBuckets: [],
    positiveBuckets: [1, -1],
    exemplars: [],
  };
  const exemplar = { labels: [{ name: "trace", value: "1" }], value: 2 };
  const special: MetricFamily[] = [
    { name: "g", type: "gauge", metrics: [{ labels, value: -0 }] },
    { name: "g", type: "gauge", metrics: [{ labels }] },
    { name: "c", type: "counter", metrics: [{ labels, value: 1, exemplar }] },
    { name: "c", type: "counter", metrics: [{ labels, value: 1, created: { seconds: 1n, nanos: 2 } }] },
    histogram({ native }),
    histogram({ float: true, count: 2 }),
    histogram({ float: true, count: -2.5 }),
    histogram({ count: 2n ** 53n + 1n }),
    histogram({ count: undefined }),
    histogram({ sum: -0 }),
    histogram({ buckets: [{ upperBound: Number.NaN, cumulativeCount: 1 }] }),
    histogram({ buckets: [{ upperBound: -0, cumulativeCount: 1 }] }),
    histogram({ buckets: [{ upperBound: 1, cumulativeCount: 1, exemplar }] }),
    { name: "s", type: "summary", metrics: [{ labels, summary: { count: 2n ** 64n - 1n, sum: 0, quantiles: [] } }] },
    {
      name: "s",
      type: "summary",
      metrics: [{ labels, summary: { count: 1, sum: 0, quantiles: [{ quantile: Number.NaN, value: 1 }] } }],
    },
  ];
  for (const family of special) {
    assert.ok(hasNote(family), inspect(family, { depth: 5 }));
    keeps(family);
  }
});

test("histograms with and without a bucket for +Inf may stand in one family", () => {
  const [without] = histogram({ buckets: [{ upperBound: 1, cumulativeCount: 2 }] }).metrics;
  const [withInf] = histogram({ buckets: [{ upperBound: Number.POSITIVE_INFINITY, cumulativeCount: 2 }] }).metrics;
  keeps({
    name: "h",
    type: "gauge_histogram",
    metrics: [
      { ...without!, labels: [] },
      { ...withInf!, labels: [{ name: "a", value: "" }] },
    ],
  });
});

test("metrics keep the order in which they were pushed", () => {
  const values = ["b", "a", "d", "", "c"];
  const metrics = values.map((value, i) => ({ labels: [{ name: "x", value }], value: i }));
  keeps({ name: "m", type: "gauge", metrics });
  assert.deepEqual(linesIn(encodeFamilyBlock([{ name: "m", type: "gauge", metrics }])), [
    'm{x=""} 3\nm{x="a"} 1\nm{x="b"} 0\nm{x="c"} 4\nm{x="d"} 2\n',
  ]);
});

test("a block that is cut off or has something behind it is corrupt", () => {
  const property = fc.property(families, fc.nat(), (list, cut) => {
    const block = Buffer.from(encodeFamilyBlock(list));
    const isCorrupt = (bytes: Buffer) =>
      assert.throws(
        () => decodeFamilyBlock(bytes),
        (error) => isWaystationError(error, "CORRUPT"),
      );
    isCorrupt(block.subarray(0, cut % block.length));
    isCorrupt(Buffer.concat([block, Buffer.of(0)]));
  });
  fc.assert(property, { numRuns: 200 });
});

test("bytes that are no block are an error of the table, or a block of other families, but no crash", () => {
  const property = fc.property(families, fc.nat(), fc.nat(255), (list, place, value) => {
    const block = Buffer.from(encodeFamilyBlock(list));
    block[place % block.length] = value;
    try {
      decode(block);
    } catch (error) {
      assert.ok(isWaystationError(error, "CORRUPT", "PARSE"), String(error));
    }
  });
  fc.assert(property, { numRuns: 500 });
});
