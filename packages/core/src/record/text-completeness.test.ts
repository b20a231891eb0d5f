import assert from "node:assert/strict";
import { test } from "node:test";
import { parseText } from "../exposition/text-parser.ts";
import type { Histogram, MetricFamily, Summary } from "../model/metric-family.ts";
import { isTextComplete, lacksInfBucket } from "./text-completeness.ts";

const isComplete = (family: MetricFamily) => isTextComplete(family, lacksInfBucket(family));

test("what client libraries push as text is complete", () => {
  const families = parseText(
    Buffer.from(
      [
        "# TYPE c_total counter\nc_total 3",
        "# TYPE g gauge\ng NaN",
        "u 1e300",
        '# TYPE s summary\ns{quantile="0.5"} NaN\ns_sum 2.5\ns_count 3',
        '# TYPE h histogram\nh_bucket{le="1"} 2\nh_bucket{le="+Inf"} 3\nh_sum 2.5\nh_count 3',
        '# TYPE f histogram\nf_bucket{le="1"} 2.5\nf_bucket{le="+Inf"} 3\nf_sum 2.5\nf_count 3',
        '# TYPE i histogram\ni_bucket{le="1"} 2\ni_sum 2.5\ni_count 3',
        "",
      ].join("\n"),
    ),
    { utf8Names: false },
  );
  assert.deepEqual(
    families.map((family) => [family.name, isComplete(family)]),
    ["c_total", "g", "u", "s", "h", "f", "i"].map((name) => [name, true]),
  );
});

test("what the text format cannot say, or the parser would not read back, is not complete", () => {
  const gauge = (value?: number): MetricFamily => ({ name: "m", type: "gauge", metrics: [{ labels: [], value }] });
  const summary = (members: Partial<Summary>): MetricFamily => ({
    name: "m",
    type: "summary",
    metrics: [{ labels: [], summary: { count: 1, sum: 1, quantiles: [], ...members } }],
  });
  const histogram = (members: Partial<Histogram>): MetricFamily => ({
    name: "m",
    type: "histogram",
    metrics: [{ labels: [], histogram: { float: false, count: 1, sum: 1, buckets: [], ...members } }],
  });
  const whole = [gauge(0), summary({}), histogram({}), histogram({ float: true, count: 1.5 })];
  for (const family of whole) assert.ok(isComplete(family));
  const exemplar = { labels: [], value: 1 };
  const created = { seconds: 1n, nanos: 0 };
  const lists = { negativeSpans: [], positiveSpans: [], negativeBuckets: [], positiveBuckets: [], exemplars: [] };
  const families: MetricFamily[] = [
    gauge(),
    gauge(-0),
    summary({ count: undefined }),
    summary({ sum: undefined }),
    summary({ sum: -0 }),
    summary({ count: 2n ** 64n - 1n }),
    summary({ quantiles: [{ value: 1 }] }),
    summary({ quantiles: [{ quantile: 1 }] }),
    summary({ quantiles: [{ quantile: Number.NaN, value: 1 }] }),
    summary({ created }),
    histogram({ count: undefined }),
    histogram({ sum: undefined }),
    histogram({ buckets: [{ upperBound: 1 }] }),
    histogram({ buckets: [{ cumulativeCount: 1 }] }),
    histogram({ buckets: [{ upperBound: 1, cumulativeCount: 1, exemplar }] }),
    histogram({ count: 2n ** 53n + 1n }),
    histogram({ float: true }),
    histogram({ float: true, count: 1n, buckets: [{ upperBound: 1, cumulativeCount: 1.5 }] }),
    histogram({ float: true, count: -1.5 }),
    histogram({ native: { schema: 0, ...lists } }),
    histogram({ created }),
    { name: "m", type: "counter", metrics: [{ labels: [], value: 1, exemplar }] },
    { name: "m", type: "counter", metrics: [{ labels: [], value: 1, created }] },
  ];
  for (const [i, family] of families.entries()) assert.ok(!isComplete(family), `family ${i}`);
});
