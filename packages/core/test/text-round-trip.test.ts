import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { WaystationError } from "../src/errors.ts";
import { ByteWriter } from "../src/exposition/byte-writer.ts";
import { writeFamily } from "../src/exposition/text-encoder.ts";
import { parseText } from "../src/exposition/text-parser.ts";
import { toByteString } from "../src/model/byte-string.ts";
import type { Label, Metric, MetricFamily } from "../src/model/metric-family.ts";
import { mutation } from "./mutation.ts";

const CORPUS = new URL("corpus/text/", import.meta.url);
const SOAK = process.env["WAYSTATION_SOAK"] === "1" ? 20 : 1;

/** Bodies by file name; what the name begins with says where they are valid. */
const corpus = new Map(readdirSync(CORPUS).map((name) => [name, readFileSync(new URL(name, CORPUS))]));

function write(families: readonly MetricFamily[]): Buffer {
  const out = new ByteWriter();
  for (const family of families) {
    writeFamily(out, family);
  }
  return out.bytes();
}

/** What parsing gives, or the error that is part of its contract. Anything else fails the test. */
function parseOrRefuse(body: Buffer, utf8Names: boolean): MetricFamily[] | WaystationError {
  try {
    return parseText(body, { utf8Names });
  } catch (error) {
    if (error instanceof WaystationError && error.code === "PARSE") {
      return error;
    }
    throw error;
  }
}

test("the corpus is accepted or refused as the file names say", () => {
  for (const [name, body] of corpus) {
    const legacy = parseOrRefuse(body, false);
    const utf8 = parseOrRefuse(body, true);
    const verdict = !(legacy instanceof Error) ? "valid" : !(utf8 instanceof Error) ? "utf8" : "invalid";
    assert.equal(name.split("-")[0], verdict, `${name}: ${legacy instanceof Error ? legacy.message : ""}`);
  }
  assert.ok(corpus.size > 20);
});

test("what was understood reads back the same when written", () => {
  for (const [name, body] of corpus) {
    const families = parseOrRefuse(body, true);
    if (!(families instanceof Error) && !clash(families)) {
      assert.deepEqual(readBack(families), normal(families), name);
    }
  }
});

test("mutations of the corpus are understood or refused, never anything else", () => {
  fc.assert(
    fc.property(mutation([...corpus.values()]), fc.boolean(), (body, utf8Names) => {
      const families = parseOrRefuse(body, utf8Names);
      if (families instanceof Error) {
        const { line, column } = families.position!;
        const lines = body.toString("latin1").split("\n");
        assert.ok(line >= 1 && line <= lines.length, families.message);
        assert.ok(column >= 1 && column <= lines[line - 1]!.length + 1, families.message);
      }
    }),
    { numRuns: 1000 * SOAK },
  );
});

const name = fc.oneof(
  fc.constantFrom("a", "b", "c:d", "le", "quantile", "_x", "A1"),
  fc.string({ unit: "grapheme", minLength: 1, maxLength: 4 }).map(toByteString),
);
const value = fc.oneof(fc.double(), fc.integer()).map((value) => (value === 0 ? 0 : value));
const text = fc.string({ unit: "grapheme", maxLength: 6 }).map(toByteString);
const count = fc.nat();

function labels(bound?: string): fc.Arbitrary<Label[]> {
  const label = fc.record({ name, value: text }, { noNullPrototype: true });
  return fc
    .uniqueArray(label, { selector: ({ name }) => name, maxLength: 4 })
    .map((labels) => labels.filter(({ name }) => name !== bound && name !== "__name__"));
}

const bound = fc.double({ noNaN: true }).map((value) => (value === 0 ? 0 : value));
const summary = fc.record(
  {
    count,
    sum: value,
    quantiles: fc.array(fc.record({ quantile: bound, value }, { noNullPrototype: true }), { maxLength: 3 }),
  },
  { noNullPrototype: true },
);

function histogram(float: boolean) {
  // One count that is no integer shows a histogram to be one of floats.
  const some = float ? count.map((count) => count + 0.5) : count;
  const bucket = fc.record({ upperBound: bound, cumulativeCount: some }, { noNullPrototype: true });
  return fc.record(
    { float: fc.constant(float), count: some, sum: value, buckets: fc.array(bucket, { maxLength: 3 }) },
    { noNullPrototype: true },
  );
}

function family(name: string): fc.Arbitrary<MetricFamily> {
  const metric = <T>(member: string, arbitrary: fc.Arbitrary<T>, bound?: string) =>
    fc.uniqueArray(
      fc.record({ labels: labels(bound), [member]: arbitrary } as never, {
        noNullPrototype: true,
      }) as fc.Arbitrary<Metric>,
      {
        minLength: 1,
        maxLength: 4,
        selector: ({ labels }) =>
          labels
            .map(({ name, value }) => [name, value].join())
            .toSorted(compare)
            .join(),
      },
    );
  const help = { help: text };
  const some = { name: fc.constant(name), ...help };
  return fc
    .oneof(
      fc.record({ ...some, type: fc.constantFrom("counter", "gauge", "untyped"), metrics: metric("value", value) }),
      fc.record({ ...some, type: fc.constant("summary"), metrics: metric("summary", summary, "quantile") }),
      fc.record({
        ...some,
        type: fc.constant("histogram"),
        metrics: metric("histogram", fc.boolean().chain(histogram), "le"),
      }),
    )
    .map((family) => ({ ...family }) as MetricFamily);
}

function compare(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

const families = fc.uniqueArray(name, { maxLength: 3 }).chain((names) => fc.tuple(...names.map(family)));

/** Is a family named like a part of another? Once written, it cannot be told from that part. */
function clash(families: readonly MetricFamily[]): boolean {
  const names = new Set(families.map(({ name }) => name));
  return families.some(({ name }) => ["_sum", "_count", "_bucket"].some((suffix) => names.has(name + suffix)));
}

function readBack(families: readonly MetricFamily[]): MetricFamily[] {
  return parseText(write(families), { utf8Names: true });
}

/** What the text format keeps: no gauge histograms, no blanks at the start of help, a bucket for +Inf always, 0 for -0 and nothing. */
function normal(families: readonly MetricFamily[]): MetricFamily[] {
  return families.map(({ help, ...family }) => {
    const text = help?.replace(/^[ \t]+/, "");
    return {
      ...family,
      ...(text ? { help: text } : {}),
      type: family.type === "gauge_histogram" ? "histogram" : family.type,
      metrics: family.metrics.map(normalMetric),
    };
  });
}

function normalMetric(metric: Metric): Metric {
  const { summary, histogram } = metric;
  if (summary !== undefined) {
    return { ...metric, summary: { count: 0, sum: 0, ...summary } };
  }
  if (histogram === undefined) {
    return Object.is(metric.value, -0) ? { ...metric, value: 0 } : metric;
  }
  const { buckets, count = 0 } = histogram;
  const complete = buckets.some(({ upperBound }) => upperBound === Infinity);
  const last = { upperBound: Infinity, cumulativeCount: count };
  return { ...metric, histogram: { sum: 0, ...histogram, count, buckets: complete ? buckets : [...buckets, last] } };
}

test("families read back the same when written", () => {
  fc.assert(
    fc.property(families, (families) => {
      fc.pre(!clash(families));
      assert.deepEqual(readBack(families), normal(families));
    }),
    { numRuns: 300 * SOAK },
  );
});
