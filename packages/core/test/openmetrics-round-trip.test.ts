import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { WaystationError } from "../src/errors.ts";
import { ByteWriter } from "../src/exposition/byte-writer.ts";
import { writeOpenMetricsEnd, writeOpenMetricsFamily } from "../src/exposition/openmetrics-encoder.ts";
import { parseOpenMetrics } from "../src/exposition/openmetrics-parser.ts";
import { compareBytes, toByteString } from "../src/model/byte-string.ts";
import type { Exemplar, Histogram, Metric, MetricFamily, Timestamp } from "../src/model/metric-family.ts";
import { mutation } from "./mutation.ts";

const CORPUS = new URL("corpus/openmetrics/", import.meta.url);
const SOAK = process.env["WAYSTATION_SOAK"] === "1" ? 20 : 1;

const corpus = new Map(readdirSync(CORPUS).map((name) => [name, readFileSync(new URL(name, CORPUS))]));

function write(families: readonly MetricFamily[]): Buffer {
  const out = new ByteWriter();
  for (const family of families) {
    writeOpenMetricsFamily(out, family, { createdLines: true });
  }
  writeOpenMetricsEnd(out);
  return out.bytes();
}

function readBack(families: readonly MetricFamily[]): MetricFamily[] {
  return parseOpenMetrics(write(families), { utf8Names: true });
}

function parseOrRefuse(body: Buffer, utf8Names: boolean): MetricFamily[] | WaystationError {
  try {
    return parseOpenMetrics(body, { utf8Names });
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
  assert.ok(corpus.size > 10);
});

test("what was understood reads back the same when written", () => {
  for (const [name, body] of corpus) {
    const families = parseOrRefuse(body, true);
    if (!(families instanceof Error)) {
      // A gauge histogram is written as a histogram.
      const expected = families.map((family) =>
        family.type === "gauge_histogram" ? { ...family, type: "histogram" } : family,
      );
      assert.deepEqual(readBack(families), expected, name);
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

const noNullPrototype = { noNullPrototype: true };
const text = fc.string({ unit: "grapheme", maxLength: 6 }).map(toByteString);
const name = fc.oneof(
  fc.constantFrom("a", "b", "c:d", "e_f"),
  fc.string({ unit: "grapheme", minLength: 1, maxLength: 4 }).map(toByteString),
);
const labels = fc
  .uniqueArray(fc.record({ name, value: text }, noNullPrototype), { selector: ({ name }) => name, maxLength: 3 })
  .map((labels) => labels.filter(({ name }) => name !== "le" && name !== "quantile"));
const value = fc.double().map((value) => (value === 0 ? 0 : value));
const positive = fc.double({ min: 0, noNaN: true }).map(Math.abs);
const timestamp: fc.Arbitrary<Timestamp> = fc.record(
  { seconds: fc.bigInt({ min: -62_135_596_800n, max: 253_402_300_799n }), nanos: fc.nat(999_999_999) },
  noNullPrototype,
);
const exemplar: fc.Arbitrary<Exemplar> = fc.record(
  { labels, value, timestamp },
  { requiredKeys: ["labels", "value"], ...noNullPrototype },
);

const simple = fc.record({ labels, value }, noNullPrototype) as fc.Arbitrary<Metric>;
const counter = fc.record(
  { labels, value: positive, exemplar, created: timestamp },
  { requiredKeys: ["labels", "value"], ...noNullPrototype },
) as fc.Arbitrary<Metric>;

const quantile = fc.record(
  { quantile: fc.double({ min: 0, max: 1, noNaN: true }).map(Math.abs), value },
  noNullPrototype,
);
const summary = fc.record(
  {
    labels,
    summary: fc.record(
      { count: fc.maxSafeNat(), sum: value, quantiles: fc.array(quantile, { maxLength: 3 }), created: timestamp },
      { requiredKeys: ["count", "sum", "quantiles"], ...noNullPrototype },
    ),
  },
  noNullPrototype,
) as fc.Arbitrary<Metric>;

const bucket = fc.record(
  { upperBound: fc.double({ noNaN: true, max: Number.MAX_VALUE }), cumulativeCount: fc.nat(), exemplar },
  { requiredKeys: ["upperBound", "cumulativeCount"], ...noNullPrototype },
);

/** Complete and cumulative, as OpenMetrics demands; with counts that are no integers if it is one of floats. */
const histogram = fc
  .record({
    float: fc.boolean(),
    sum: value,
    buckets: fc.array(bucket, { maxLength: 4 }),
    created: fc.option(timestamp),
  })
  .map(({ float, sum, buckets, created }): Histogram => {
    const bounds = new Map(buckets.map((bucket) => [bucket.upperBound === 0 ? 0 : bucket.upperBound, bucket]));
    bounds.set(Infinity, { upperBound: Infinity, cumulativeCount: 1 });
    let count = float ? 0.5 : 0;
    const complete = [...bounds]
      .toSorted(([a], [b]) => a - b)
      .map(([upperBound, bucket]) => {
        count += bucket.cumulativeCount;
        return { ...bucket, upperBound, cumulativeCount: count };
      });
    return { float, count, sum, buckets: complete, ...(created === null ? {} : { created }) };
  });

/** A family of that name, without the suffix of its type. */
function family(name: string): fc.Arbitrary<MetricFamily> {
  const metrics = (metric: fc.Arbitrary<Metric>) =>
    fc.uniqueArray(metric, {
      minLength: 1,
      maxLength: 3,
      selector: ({ labels }) => JSON.stringify(labels.toSorted((a, b) => compareBytes(a.name, b.name))),
    });
  const histograms = metrics(fc.record({ labels, histogram }, noNullPrototype) as fc.Arbitrary<Metric>);
  const kinds: [MetricFamily["type"], string, fc.Arbitrary<Metric[]>][] = [
    ["counter", "_total", metrics(counter)],
    ["gauge", "", metrics(simple)],
    ["untyped", "", metrics(simple)],
    ["summary", "", metrics(summary)],
    ["histogram", "", histograms],
  ];
  return fc
    .tuple(
      fc
        .constantFrom(...kinds)
        .chain(([type, suffix, metrics]) => metrics.map((metrics) => ({ type, suffix, metrics }))),
      fc.option(text),
      fc.boolean(),
    )
    .map(([{ type, suffix, metrics }, help, withUnit]) => ({
      name: `${name}${withUnit ? "_seconds" : ""}${suffix}`,
      type,
      metrics,
      ...(help === null ? {} : { help }),
      ...(withUnit ? { unit: "seconds" } : {}),
    }));
}

test("families read back the same when written", () => {
  const families = fc.uniqueArray(name, { maxLength: 3 }).chain((names) => fc.tuple(...names.map(family)));
  fc.assert(
    fc.property(families, (families) => {
      assert.deepEqual(readBack(families), families);
    }),
    { numRuns: 300 * SOAK },
  );
});
