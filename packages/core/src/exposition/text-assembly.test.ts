import assert from "node:assert/strict";
import { test } from "node:test";
import type { Histogram, MetricFamily, Summary } from "../model/metric-family.ts";
import { parseText } from "./text-parser.ts";

function parse(body: string): MetricFamily[] {
  return parseText(Buffer.from(body), { utf8Names: true });
}

function summaries(body: string): (Summary | undefined)[] {
  return parse(`# TYPE s summary\n${body}`).flatMap(({ metrics }) => metrics.map(({ summary }) => summary));
}

function histograms(body: string): (Histogram | undefined)[] {
  return parse(`# TYPE h histogram\n${body}`).flatMap(({ metrics }) => metrics.map(({ histogram }) => histogram));
}

/** `name:type:number of metrics` of all families. */
function shape(body: string): string {
  return parse(body)
    .map(({ name, type, metrics }) => `${name}:${type}:${metrics.length}`)
    .join(" ");
}

test("the lines of a summary make up one metric", () => {
  assert.deepEqual(parse('# TYPE s summary\ns{quantile="0.5"} 1\ns{quantile="0.9"} 2\ns_sum 3\ns_count 4\n'), [
    {
      name: "s",
      type: "summary",
      metrics: [
        {
          labels: [],
          summary: {
            count: 4,
            sum: 3,
            quantiles: [
              { quantile: 0.5, value: 1 },
              { quantile: 0.9, value: 2 },
            ],
          },
        },
      ],
    },
  ]);
});

test("the lines of a histogram make up one metric", () => {
  assert.deepEqual(parse('# TYPE h histogram\nh_bucket{le="1"} 1\nh_bucket{le="+Inf"} 2\nh_sum 3\nh_count 2\n'), [
    {
      name: "h",
      type: "histogram",
      metrics: [
        {
          labels: [],
          histogram: {
            float: false,
            count: 2,
            sum: 3,
            buckets: [
              { upperBound: 1, cumulativeCount: 1 },
              { upperBound: Infinity, cumulativeCount: 2 },
            ],
          },
        },
      ],
    },
  ]);
  assert.equal(
    shape("# TYPE h gaugehistogram\nh_count 1\n# TYPE g gauge_histogram\ng_count 1\n"),
    "h:gauge_histogram:1 g:gauge_histogram:1",
  );
});

test("lines belong together by their labels, in any order of lines and labels", () => {
  const [family] = parse(
    "# TYPE h histogram\n" +
      'h_bucket{x="1",le="1",y="2"} 1\nother 5\nh_bucket{le="1",x="2",y="1"} 2\nh_count{y="2",x="1"} 3\nh_sum{x="2",y="1"} 4\n',
  );
  assert.deepEqual(
    family!.metrics.map(({ labels, histogram }) => [
      labels.map(({ value }) => value).join(),
      histogram!.count,
      histogram!.sum,
    ]),
    [
      ["1,2", 3, undefined],
      ["2,1", undefined, 4],
    ],
  );
});

test("labels that run together when joined are kept apart", () => {
  assert.equal(shape('# TYPE s summary\ns_sum{a="b",c=""} 1\ns_sum{a="",bc=""} 1\ns_sum{a="bc"} 1\n'), "s:summary:3");
});

test("a part before its TYPE line, or of another type, is a family of its own", () => {
  assert.equal(
    shape('h_bucket{le="1"} 1\n# TYPE h histogram\nh_bucket{le="2"} 1\nh_count 1\n'),
    "h_bucket:untyped:2 h:histogram:1",
  );
  assert.equal(shape("# TYPE h_sum gauge\n# TYPE h histogram\nh_sum 1\nh_count 1\n"), "h_sum:gauge:1 h:histogram:1");
  assert.equal(
    shape("# TYPE g gauge\ng 1\ng_sum 1\ng_count 1\ng_bucket 1\n"),
    "g:gauge:1 g_sum:untyped:1 g_count:untyped:1 g_bucket:untyped:1",
  );
  assert.equal(shape("# TYPE s summary\ns_bucket 1\ns_sum 1\n"), "s:summary:1 s_bucket:untyped:1");
  assert.equal(shape("# TYPE _sum summary\n_sum 1\n_sum_sum 1\n_count 1\n"), "_sum:summary:1 _count:untyped:1");
});

test("HELP and TYPE of a part are those of the whole", () => {
  assert.equal(parse("# TYPE h histogram\n# HELP h_sum Sum.\nh_sum 1\n")[0]!.help, "Sum.");
  assert.throws(() => parse("# TYPE h histogram\n# TYPE h_sum gauge\n"), /second TYPE line for metric name "h"/);
});

test("le and quantile are ordinary labels elsewhere", () => {
  const labels = (body: string) => parse(body).flatMap(({ metrics }) => metrics[0]!.labels.map(({ name }) => name));
  assert.deepEqual(labels('m{le="x",quantile="y"} 1\n'), ["le", "quantile"]);
  assert.deepEqual(labels('# TYPE s summary\ns{le="1",quantile="1"} 1\n'), ["le"]);
  assert.deepEqual(labels('# TYPE h histogram\nh{le="1",quantile="1"} 1\n'), ["quantile"]);
  // The family of a name inside the braces counts, whatever came before.
  assert.deepEqual(labels('# TYPE h histogram\n{le="1","m"} 1\n'), ["le"]);
  assert.deepEqual(labels('# TYPE s summary\nm 1\n{quantile="1","s"} 1\n'), []);
});

test("a bound must be a number; the last of several counts; NaN means none", () => {
  assert.throws(
    () => histograms('h_bucket{a="b",le="x"} 1\n'),
    /line 2: expected float as value for 'le' label, got "x" \(column 19\)/,
  );
  assert.throws(() => summaries('s{quantile=""} 1\n'), /expected float as value for 'quantile' label/);
  assert.throws(() => histograms('h_sum{le="1e999"} 1\n'), /expected float as value for 'le' label/);
  assert.deepEqual(histograms('h{le="1",le="2"} 5\n')[0]!.buckets, [{ upperBound: 2, cumulativeCount: 5 }]);
  assert.deepEqual(histograms('h{le="NaN"} 5\nh_bucket 6\nh 7\n')[0]!.buckets, []);
  assert.deepEqual(summaries('s{quantile="nan"} 5\ns 6\n')[0]!.quantiles, []);
  assert.deepEqual(histograms('h_sum{le="1"} 5\nh_count{le="1"} 6\n'), [
    { float: false, count: 6, sum: 5, buckets: [] },
  ]);
});

test("buckets stay as pushed, whatever their order", () => {
  const body = 'h_bucket{le="+Inf"} 9\nh_bucket{le="5"} 7\nh_bucket{le="0.5"} 20\nh_bucket{le="5.0"} 1\n';
  assert.deepEqual(
    histograms(body)[0]!.buckets.map(({ upperBound, cumulativeCount }) => [upperBound, cumulativeCount]),
    [
      [Infinity, 9],
      [5, 7],
      [0.5, 20],
      [5, 1],
    ],
  );
});

test("what was not pushed is not there", () => {
  assert.deepEqual(summaries('s 1\ns{a="b"} 1\ns_sum{a="b"} 2\ns_count{a="c"} 3\n'), [
    { quantiles: [] },
    { quantiles: [], sum: 2 },
    { quantiles: [], count: 3 },
  ]);
  assert.deepEqual(histograms('h 1\nh_bucket{a="b",le="1"} 2\n'), [
    { float: false, buckets: [] },
    { float: false, buckets: [{ upperBound: 1, cumulativeCount: 2 }] },
  ]);
});

test("a histogram of floats has a count in any case", () => {
  assert.deepEqual(histograms('h_bucket{le="1"} 1\nh_bucket{le="2"} 2.5\n'), [
    {
      float: true,
      count: 0,
      buckets: [
        { upperBound: 1, cumulativeCount: 1 },
        { upperBound: 2, cumulativeCount: 2.5 },
      ],
    },
  ]);
  assert.deepEqual(histograms('h_bucket{le="1"} 1.5\nh_count 2\n')[0]!.count, 2);
});

test("a count that is not an integer makes the histogram one of floats", () => {
  const isFloat = (body: string) => histograms(body)[0]!.float;
  assert.equal(isFloat('h_bucket{le="1"} 1e3\nh_count 2.0\n'), false);
  assert.equal(isFloat('h_bucket{le="1"} 1.5\nh_count 2\n'), true);
  assert.equal(isFloat('h_bucket{le="1"} 1\nh_count 2.5\n'), true);
  assert.equal(isFloat("h_count NaN\n"), true);
  assert.equal(isFloat("h_count +Inf\n"), true);
  assert.equal(isFloat("h_count 18446744073709549568\n"), false);
  assert.equal(isFloat("h_count 18446744073709551616\n"), true);
  assert.equal(isFloat("h_sum 1.5\nh_count 2\n"), false);
  // The Go parser keeps both and prefers the float.
  assert.equal(histograms("h_count 5.5\nh_count 6\n")[0]!.count, 5.5);
  assert.equal(histograms("h_count 5\nh_count 6\n")[0]!.count, 6);
});

test("negative counts are refused in histograms, but -0 is 0", () => {
  assert.throws(() => histograms("h_count -1\n"), /line 2: negative count for histogram "h" \(column 9\)/);
  assert.throws(() => histograms('h_bucket{le="1"} -0.5\n'), /negative count/);
  assert.throws(() => histograms("h_count -Inf\n"), /negative count/);
  assert.deepEqual(histograms('h_bucket -1\nh_sum -2\nh_count -0\nh_bucket{le="1"} -0\n'), [
    { float: false, count: 0, sum: -2, buckets: [{ upperBound: 1, cumulativeCount: 0 }] },
  ]);
});

test("a summary's count is cut to an integer as Go does on amd64", () => {
  const count = (value: string) => summaries(`s_count ${value}\n`)[0]!.count;
  assert.equal(count("2.9"), 2);
  assert.equal(count("-0.9"), 0);
  assert.equal(count("1.5e19"), 1.5e19);
  assert.equal(count("-1"), 2n ** 64n - 1n);
  assert.equal(count("-2.9"), 2n ** 64n - 2n);
  for (const huge of ["NaN", "+Inf", "-Inf", "1e30", "-1e30"]) {
    assert.equal(count(huge), 2n ** 63n, huge);
  }
});

test("a timestamp on any line is the metric's, the last one counts", () => {
  const [family] = parse('# TYPE h histogram\nh_sum 1 5\nh_bucket{le="1"} 2\nh_count 3 7\n');
  assert.equal(family!.metrics[0]!.timestamp, 7n);
});
