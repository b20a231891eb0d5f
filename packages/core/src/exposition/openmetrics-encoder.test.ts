import assert from "node:assert/strict";
import { test } from "node:test";
import type { Histogram, Metric, MetricFamily } from "../model/metric-family.ts";
import { ByteWriter } from "./byte-writer.ts";
import { type OpenMetricsEncoderOptions, writeOpenMetricsEnd, writeOpenMetricsFamily } from "./openmetrics-encoder.ts";

function written(family: MetricFamily, options?: OpenMetricsEncoderOptions): string {
  const out = new ByteWriter(1);
  writeOpenMetricsFamily(out, family, options);
  return out.bytes().toString("latin1");
}

function lines(type: MetricFamily["type"], metric: Metric, name = "m"): string {
  return written({ name, type, metrics: [metric] });
}

test("a counter is described without _total; one without it is unknown", () => {
  const metrics = [{ labels: [], value: 3 }];
  assert.equal(
    written({ name: "m_total", help: 'a "b"\n', type: "counter", metrics }),
    '# HELP m a \\"b\\"\\n\n# TYPE m counter\nm_total 3.0\n',
  );
  assert.equal(written({ name: "m", type: "counter", metrics }), "# TYPE m unknown\nm 3.0\n");
  assert.equal(written({ name: "m_total", type: "gauge", metrics }), "# TYPE m_total gauge\nm_total 3.0\n");
});

test("help that is not UTF-8 becomes so", () => {
  assert.equal(
    written({ name: "m", help: "a\xffb", type: "gauge", metrics: [] }),
    "# HELP m a\xef\xbf\xbdb\n# TYPE m gauge\n",
  );
});

test("a unit is written if it ends the name", () => {
  const family: MetricFamily = { name: "m_seconds_total", type: "counter", unit: "seconds", metrics: [] };
  assert.equal(written(family), "# TYPE m_seconds counter\n# UNIT m_seconds seconds\n");
  assert.equal(written({ ...family, name: "m_total" }), "# TYPE m counter\n");
  assert.equal(written({ ...family, unit: "onds" }), "# TYPE m_seconds counter\n");
  assert.equal(written({ ...family, unit: "" }), "# TYPE m_seconds counter\n");
});

test("numbers have a fraction or an exponent, counts are integers", () => {
  const value = (value: number) => lines("untyped", { labels: [], value }).split("\n")[1];
  assert.equal(value(0), "m 0.0");
  assert.equal(value(-0), "m 0.0");
  assert.equal(value(-1), "m -1.0");
  assert.equal(value(999999), "m 999999.0");
  assert.equal(value(1e6), "m 1e+06");
  assert.equal(value(1.5), "m 1.5");
  assert.equal(value(1e-5), "m 1e-05");
  assert.equal(value(Number.NaN), "m NaN");
  assert.equal(value(-Infinity), "m -Inf");
  assert.equal(
    lines("summary", {
      labels: [],
      summary: { count: 2n ** 64n - 1n, sum: 2, quantiles: [{ quantile: 1, value: 3 }] },
    }),
    '# TYPE m summary\nm{quantile="1.0"} 3.0\nm_sum 2.0\nm_count 18446744073709551615\n',
  );
});

test("a histogram has its buckets in order and one for +Inf", () => {
  const histogram: Histogram = {
    float: false,
    count: 1e7,
    sum: 3,
    buckets: [
      { upperBound: 2, cumulativeCount: 5 },
      { upperBound: 0.5, cumulativeCount: 1 },
    ],
  };
  const body = 'm_bucket{x="y",le="0.5"} 1\nm_bucket{x="y",le="2.0"} 5\nm_bucket{x="y",le="+Inf"} 10000000\n';
  for (const type of ["histogram", "gauge_histogram"] as const) {
    assert.equal(
      lines(type, { labels: [{ name: "x", value: "y" }], histogram }),
      `# TYPE m histogram\n${body}m_sum{x="y"} 3.0\nm_count{x="y"} 10000000\n`,
    );
  }
  assert.equal(histogram.buckets[0]!.upperBound, 2, "what is written is not changed");
  const float = { ...histogram, float: true, count: 2.5, buckets: [{ upperBound: Infinity, cumulativeCount: 2.5 }] };
  assert.equal(
    lines("histogram", { labels: [], histogram: float }),
    '# TYPE m histogram\nm_bucket{le="+Inf"} 2.5\nm_sum 3.0\nm_count 2.5\n',
  );
});

test("exemplars are written at counters and buckets", () => {
  const exemplar = { labels: [{ name: "id", value: '"' }], value: 1, timestamp: { seconds: 5n, nanos: 120_000_000 } };
  assert.equal(
    lines("counter", { labels: [], value: 2, exemplar }, "m_total"),
    '# TYPE m counter\nm_total 2.0 # {id="\\""} 1.0 5.12\n',
  );
  const buckets = [{ upperBound: Infinity, cumulativeCount: 1, exemplar: { labels: [], value: 7 } }];
  assert.equal(
    lines("histogram", { labels: [], histogram: { float: false, count: 1, sum: 7, buckets } }),
    '# TYPE m histogram\nm_bucket{le="+Inf"} 1 # {} 7.0\nm_sum 7.0\nm_count 1\n',
  );
  assert.equal(lines("counter", { labels: [], value: 2, exemplar }), "# TYPE m unknown\nm 2.0\n");
});

test("creation times are written on demand, exactly", () => {
  const created = { seconds: 1763600000n, nanos: 123456789 };
  const counter: MetricFamily = { name: "m_total", type: "counter", metrics: [{ labels: [], value: 1, created }] };
  assert.equal(written(counter), "# TYPE m counter\nm_total 1.0\n");
  assert.equal(
    written(counter, { createdLines: true }),
    "# TYPE m counter\nm_total 1.0\nm_created 1763600000.123456789\n",
  );
  const labels = [{ name: "a", value: "b" }];
  const summary = { count: 0, sum: 0, quantiles: [], created: { seconds: -2n, nanos: 500_000_000 } };
  assert.equal(
    written({ name: "s", type: "summary", metrics: [{ labels, summary }] }, { createdLines: true }),
    '# TYPE s summary\ns_sum{a="b"} 0.0\ns_count{a="b"} 0\ns_created{a="b"} -1.5\n',
  );
  assert.equal(
    written({ name: "m", type: "counter", metrics: [{ labels: [], value: 1, created }] }, { createdLines: true }),
    "# TYPE m unknown\nm 1.0\n",
  );
});

test("timestamps are written in seconds", () => {
  assert.equal(
    lines("gauge", { labels: [], value: 1, timestamp: 1763600000120n }),
    "# TYPE m gauge\nm 1.0 1763600000.12\n",
  );
  assert.equal(lines("gauge", { labels: [], value: 1, timestamp: -5n }), "# TYPE m gauge\nm 1.0 -0.005\n");
});

test("names outside the legacy set are quoted", () => {
  assert.equal(
    written({
      name: "a.b_total",
      help: "x",
      type: "counter",
      metrics: [{ labels: [{ name: "c.d", value: "1" }], value: 1 }],
    }),
    '# HELP "a.b" x\n# TYPE "a.b" counter\n{"a.b_total","c.d"="1"} 1.0\n',
  );
});

test("the end is a line of its own", () => {
  const out = new ByteWriter();
  writeOpenMetricsEnd(out);
  assert.equal(out.bytes().toString(), "# EOF\n");
});

test("numbers that are not given are written as 0", () => {
  assert.equal(lines("gauge", { labels: [] }), "# TYPE m gauge\nm 0.0\n");
  assert.equal(
    lines("histogram", { labels: [], histogram: { float: false, buckets: [{}] } }),
    '# TYPE m histogram\nm_bucket{le="0.0"} 0\nm_bucket{le="+Inf"} 0\nm_sum 0.0\nm_count 0\n',
  );
});
