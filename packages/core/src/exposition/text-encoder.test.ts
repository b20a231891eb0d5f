import assert from "node:assert/strict";
import { test } from "node:test";
import type { Metric, MetricFamily, MetricType } from "../model/metric-family.ts";
import { ByteWriter } from "./byte-writer.ts";
import { writeFamily, writeHelpLine, writeLabels, writeMetric, writeTypeLine } from "./text-encoder.ts";

function written(write: (out: ByteWriter) => void): string {
  const out = new ByteWriter(1);
  write(out);
  return out.bytes().toString("latin1");
}

function lines(type: MetricType, metric: Metric, name = "m"): string {
  return written((out) => writeMetric(out, name, type, metric));
}

test("a family is its help, its type and its samples", () => {
  const family: MetricFamily = {
    name: "m",
    help: 'back\\slash, new\nline, "quotes"',
    type: "counter",
    metrics: [
      { labels: [], value: 1 },
      {
        labels: [
          { name: "b", value: '\\ \n "' },
          { name: "a", value: "" },
        ],
        value: 1e6,
      },
    ],
  };
  assert.equal(
    written((out) => writeFamily(out, family)),
    '# HELP m back\\\\slash, new\\nline, "quotes"\n# TYPE m counter\nm 1\nm{b="\\\\ \\n \\"",a=""} 1e+06\n',
  );
});

test("only a family with help gets a HELP line, be it empty", () => {
  const family: MetricFamily = { name: "m", type: "gauge", metrics: [] };
  assert.equal(
    written((out) => writeFamily(out, family)),
    "# TYPE m gauge\n",
  );
  assert.equal(
    written((out) => writeFamily(out, { ...family, help: "" })),
    "# HELP m \n# TYPE m gauge\n",
  );
});

test("each type has its word", () => {
  const words: Record<MetricType, string> = {
    counter: "counter",
    gauge: "gauge",
    summary: "summary",
    untyped: "untyped",
    histogram: "histogram",
    gauge_histogram: "histogram",
  };
  for (const [type, word] of Object.entries(words)) {
    assert.equal(
      written((out) => writeTypeLine(out, "m", type as MetricType)),
      `# TYPE m ${word}\n`,
    );
  }
});

test("values are written like Go writes them, timestamps after them", () => {
  const value = (value: number) => lines("gauge", { labels: [], value });
  assert.equal(value(-0), "m 0\n");
  assert.equal(value(Infinity), "m +Inf\n");
  assert.equal(value(Number.NaN), "m NaN\n");
  assert.equal(value(0.00001), "m 1e-05\n");
  assert.equal(lines("untyped", { labels: [], value: 1, timestamp: -5n }), "m 1 -5\n");
});

test("a summary is its quantiles, its sum and its count", () => {
  const labels = [{ name: "a", value: "b" }];
  const quantiles = [
    { quantile: 0.9, value: 2 },
    { quantile: 0.5, value: Number.NaN },
  ];
  assert.equal(
    lines("summary", { labels, summary: { count: 2n ** 64n - 1n, sum: 3, quantiles } }),
    'm{a="b",quantile="0.9"} 2\nm{a="b",quantile="0.5"} NaN\nm_sum{a="b"} 3\nm_count{a="b"} 1.8446744073709552e+19\n',
  );
  assert.equal(lines("summary", { labels: [], summary: { count: 0, sum: 0, quantiles: [] } }), "m_sum 0\nm_count 0\n");
});

test("a histogram is its buckets as pushed, one for +Inf, its sum and its count", () => {
  const histogram = { float: false, count: 5, sum: 1.5, buckets: [{ upperBound: 1e6, cumulativeCount: 3 }] };
  for (const type of ["histogram", "gauge_histogram"] as const) {
    assert.equal(
      lines(type, { labels: [], histogram }),
      'm_bucket{le="1e+06"} 3\nm_bucket{le="+Inf"} 5\nm_sum 1.5\nm_count 5\n',
    );
  }
  const buckets = [
    { upperBound: Infinity, cumulativeCount: 7.5 },
    { upperBound: -0, cumulativeCount: 2 },
  ];
  assert.equal(
    lines("histogram", {
      labels: [{ name: "x", value: "y" }],
      histogram: { ...histogram, float: true, buckets },
      timestamp: 9n,
    }),
    'm_bucket{x="y",le="+Inf"} 7.5 9\nm_bucket{x="y",le="0"} 2 9\nm_sum{x="y"} 1.5 9\nm_count{x="y"} 5 9\n',
  );
});

test("names outside the legacy set are quoted, a metric's inside the braces", () => {
  const labels = [{ name: "x.y", value: "1" }];
  assert.equal(lines("gauge", { labels: [], value: 1 }, 'a"\\\n'), '{"a\\"\\\\\\n"} 1\n');
  assert.equal(lines("gauge", { labels, value: 1 }, "a.b"), '{"a.b","x.y"="1"} 1\n');
  assert.equal(lines("gauge", { labels, value: 1 }, "a"), 'a{"x.y"="1"} 1\n');
  assert.equal(lines("gauge", { labels: [{ name: "x:y", value: "1" }], value: 1 }), 'm{"x:y"="1"} 1\n');
  assert.equal(
    lines("summary", { labels: [], summary: { count: 1, sum: 2, quantiles: [{ quantile: 1, value: 3 }] } }, "a.b"),
    '{"a.b",quantile="1"} 3\n{"a.b_sum"} 2\n{"a.b_count"} 1\n',
  );
  assert.equal(
    written((out) => writeHelpLine(out, "a.b", "x")),
    '# HELP "a.b" x\n',
  );
  assert.equal(
    written((out) => writeTypeLine(out, "a.b", "gauge")),
    '# TYPE "a.b" gauge\n',
  );
});

test("labels can be written on their own", () => {
  assert.equal(
    written((out) => writeLabels(out, [])),
    "",
  );
  assert.equal(
    written((out) =>
      writeLabels(out, [
        { name: "a", value: "1" },
        { name: "b", value: '"' },
      ]),
    ),
    'a="1",b="\\""',
  );
});

test("numbers that are not given are written as 0", () => {
  assert.equal(lines("gauge", { labels: [] }), "m 0\n");
  assert.equal(
    lines("summary", { labels: [], summary: { quantiles: [{}] } }),
    'm{quantile="0"} 0\nm_sum 0\nm_count 0\n',
  );
  assert.equal(
    lines("histogram", { labels: [], histogram: { float: false, buckets: [{}] } }),
    'm_bucket{le="0"} 0\nm_bucket{le="+Inf"} 0\nm_sum 0\nm_count 0\n',
  );
});

test("a summary without a summary is a mistake of the caller", () => {
  assert.throws(() => lines("summary", { labels: [], value: 1 }), TypeError);
  assert.throws(() => lines("histogram", { labels: [], value: 1 }), TypeError);
});
