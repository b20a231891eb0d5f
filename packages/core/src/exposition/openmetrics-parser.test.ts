import assert from "node:assert/strict";
import { test } from "node:test";
import { isWaystationError, WaystationError } from "../errors.ts";
import { toByteString } from "../model/byte-string.ts";
import type { MetricFamily } from "../model/metric-family.ts";
import { parseOpenMetrics } from "./openmetrics-parser.ts";

function parse(body: string, utf8Names = false): MetricFamily[] {
  return parseOpenMetrics(Buffer.from(body, "latin1"), { utf8Names });
}

test("an exposition without families is its end", () => {
  assert.deepEqual(parse("# EOF\n"), []);
  assert.deepEqual(parse("# EOF"), []);
  assert.deepEqual(parse("# TYPE a counter\n# HELP a \n# EOF\n"), []);
});

test("each type finds its place in the model", () => {
  assert.deepEqual(
    parse(
      '# HELP a_seconds Help \\\\ \\n \\" text.\n# TYPE a_seconds counter\n# UNIT a_seconds seconds\n' +
        'a_seconds_total{x="1"} 2\na_seconds_created{x="1"} 1520430000.123\n' +
        "# TYPE b gauge\nb -1.5\n" +
        "# TYPE c unknown\nc NaN\n" +
        "d +Inf\n" +
        '# TYPE e info\ne_info{version="1"} 1\n' +
        '# TYPE f stateset\nf{f="on"} 1\nf{f="off"} 0\n' +
        "# EOF\n",
    ),
    [
      {
        name: "a_seconds_total",
        type: "counter",
        metrics: [
          { labels: [{ name: "x", value: "1" }], value: 2, created: { seconds: 1520430000n, nanos: 123_000_000 } },
        ],
        help: 'Help \\ \n " text.',
        unit: "seconds",
      },
      { name: "b", type: "gauge", metrics: [{ labels: [], value: -1.5 }] },
      { name: "c", type: "untyped", metrics: [{ labels: [], value: Number.NaN }] },
      { name: "d", type: "untyped", metrics: [{ labels: [], value: Infinity }] },
      { name: "e_info", type: "gauge", metrics: [{ labels: [{ name: "version", value: "1" }], value: 1 }] },
      {
        name: "f",
        type: "gauge",
        metrics: [
          { labels: [{ name: "f", value: "on" }], value: 1 },
          { labels: [{ name: "f", value: "off" }], value: 0 },
        ],
      },
    ],
  );
});

test("summaries and histograms are put together", () => {
  assert.deepEqual(
    parse(
      '# TYPE s summary\ns{quantile="0.5"} 1\ns{quantile="1"} 2\ns_count 3\ns_sum 4.5\ns_created 10\n' +
        's_count{x="1"} 5\n' +
        '# TYPE h histogram\nh_bucket{x="1",le="1.0"} 1\nh_bucket{le="+Inf",x="1"} 2\nh_count{x="1"} 2\nh_sum{x="1"} 3\n' +
        '# TYPE g gaugehistogram\ng_bucket{le="+Inf"} 2.5\ng_gsum -3\ng_gcount 2.5\n' +
        "# EOF\n",
    ),
    [
      {
        name: "s",
        type: "summary",
        metrics: [
          {
            labels: [],
            summary: {
              count: 3,
              sum: 4.5,
              quantiles: [
                { quantile: 0.5, value: 1 },
                { quantile: 1, value: 2 },
              ],
              created: { seconds: 10n, nanos: 0 },
            },
          },
          { labels: [{ name: "x", value: "1" }], summary: { quantiles: [], count: 5 } },
        ],
      },
      {
        name: "h",
        type: "histogram",
        metrics: [
          {
            labels: [{ name: "x", value: "1" }],
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
      {
        name: "g",
        type: "gauge_histogram",
        metrics: [
          {
            labels: [],
            histogram: { float: true, count: 2.5, sum: -3, buckets: [{ upperBound: Infinity, cumulativeCount: 2.5 }] },
          },
        ],
      },
    ],
  );
});

test("counters and buckets may have exemplars", () => {
  const [counter, histogram] = parse(
    '# TYPE a counter\na_total 1 # {trace_id="x",y="\\""} 0.5 1520879607.789\n' +
      '# TYPE h histogram\nh_bucket{le="1"} 1 # {} 1\nh_bucket{le="+Inf"} 1\n# EOF\n',
  );
  assert.deepEqual(counter!.metrics[0]!.exemplar, {
    labels: [
      { name: "trace_id", value: "x" },
      { name: "y", value: '"' },
    ],
    value: 0.5,
    timestamp: { seconds: 1520879607n, nanos: 789_000_000 },
  });
  assert.deepEqual(histogram!.metrics[0]!.histogram!.buckets[0]!.exemplar, { labels: [], value: 1 });
});

test("times are read exactly, and the time of a sample in milliseconds", () => {
  const created = (text: string) =>
    parse(`# TYPE a counter\na_total 1\na_created ${text}\n# EOF\n`)[0]!.metrics[0]!.created;
  assert.deepEqual(created("1763600000.123456789"), { seconds: 1763600000n, nanos: 123456789 });
  assert.deepEqual(created("1.763600000123456789e+09"), { seconds: 1763600000n, nanos: 123456789 });
  assert.deepEqual(created("-1.5"), { seconds: -2n, nanos: 500_000_000 });
  assert.deepEqual(created(".5"), { seconds: 0n, nanos: 500_000_000 });
  assert.deepEqual(created("1e-30"), { seconds: 0n, nanos: 0 });
  const timestamp = (text: string) => parse(`a 1 ${text}\n# EOF\n`)[0]!.metrics[0]!.timestamp;
  assert.equal(timestamp("1763600000.1239"), 1763600000123n);
  assert.equal(timestamp("0"), 0n);
  assert.equal(timestamp("-1.0005"), -1001n);
});

test("quoted names are read as in the text format", () => {
  assert.deepEqual(parse('# TYPE "a.b" counter\n{"a.b_total","x.y"="1"} 2\n# EOF\n', true), [
    { name: "a.b_total", type: "counter", metrics: [{ labels: [{ name: "x.y", value: "1" }], value: 2 }] },
  ]);
  assert.equal(parse('{"a"} 1\n# EOF\n')[0]!.name, "a");
  assert.throws(
    () => parse('{"a.b"} 1\n# EOF\n'),
    (error) => isWaystationError(error, "PARSE"),
  );
});

test("what is not OpenMetrics is refused with its position", () => {
  const table: [body: string, line: number, column: number, message: RegExp][] = [
    ["", 1, 1, /unexpected end of input stream, expected '# EOF'/],
    ["a 1\n", 2, 1, /expected '# EOF'/],
    ["a 1\n# EO", 2, 5, /expected '# EOF'/],
    ["# EOF\n\n", 2, 1, /expected nothing after '# EOF', found the end of the line/],
    ["# EOF \n", 1, 6, /expected a new-line after '# EOF', found " "/],
    ["# EOF\n# EOF\n", 2, 1, /expected nothing after '# EOF'/],
    ["\n# EOF\n", 1, 1, /invalid metric name.* found the end of the line/],
    [" a 1\n# EOF\n", 1, 1, /invalid metric name/],
    ["#\n# EOF\n", 1, 2, /expected ' ' after '#'/],
    ["#EOF\n", 1, 2, /expected ' ' after '#'/],
    ["# a comment\n# EOF\n", 1, 3, /expected HELP, TYPE, UNIT or EOF, got "a"/],
    ["# HELP a\n# EOF\n", 1, 9, /expected ' ' after the name, found the end of the line/],
    ["# TYPE a untyped\n# EOF\n", 1, 10, /unknown metric type "untyped", expected one of counter/],
    ["# TYPE a Counter\n# EOF\n", 1, 10, /unknown metric type/],
    ["# TYPE  a counter\n# EOF\n", 1, 8, /invalid metric name/],
    ["# TYPE a counter\n# TYPE a counter\n# EOF\n", 2, 8, /second line of this kind/],
    ["a 1\n# TYPE a gauge\n# EOF\n", 2, 8, /descriptor of "a" after its samples/],
    ["# UNIT a seconds\na 1\n# EOF\n", 1, 8, /unit "seconds" of "a", expected the end of the name/],
    ["# TYPE a_b info\n# UNIT a_b b\n# EOF\n", 1, 8, /none for an info/],
    ["# HELP a \\x\n# EOF\n", 1, 10, /invalid escape sequence/],
    ["a  1\n# EOF\n", 1, 3, /expected a number as value, got ""/],
    ["a\t1\n# EOF\n", 1, 2, /expected ' ' before the value/],
    ["a 1 \n# EOF\n", 1, 5, /expected a time in seconds as timestamp, got ""/],
    ["a 1 x\n# EOF\n", 1, 5, /expected a time in seconds/],
    ["a 1 Inf\n# EOF\n", 1, 5, /expected a time in seconds/],
    ["a 1 1e99\n# EOF\n", 1, 5, /expected a time in seconds/],
    ["a 1 2 3\n# EOF\n", 1, 6, /expected a new-line, found " "/],
    ["a 1\r\n# EOF\n", 1, 3, /expected a number as value, got "1\\r"/],
    ["a 0x1\n# EOF\n", 1, 3, /expected a number/],
    ["a{} 1\na{} 2\n# EOF\n", 2, 1, /sample with the same name and labels/],
    ['a{b="1",} 1\n# EOF\n', 1, 9, /expected a label name and '=', found "}"/],
    ['a{ b="1"} 1\n# EOF\n', 1, 3, /expected a label name/],
    ['a{b ="1"} 1\n# EOF\n', 1, 4, /expected a label name and '='/],
    ["a{b=1} 1\n# EOF\n", 1, 5, /expected '"' at start of label value/],
    ['a{b="1" } 1\n# EOF\n', 1, 8, /expected ',' or '}' after a label/],
    ['a{b="1"}1\n# EOF\n', 1, 9, /expected ' ' before the value/],
    ['a{b="1",b="2"} 1\n# EOF\n', 1, 2, /duplicate label names, found "b"/],
    ['a{__name__="1"} 1\n# EOF\n', 1, 3, /invalid or reserved label name/],
    ['{a="b"} 1\n# EOF\n', 1, 1, /invalid metric name/],
    ['{"a","b"} 1\n# EOF\n', 1, 9, /expected a label name and '='/],
    ["a 1\nb \xff\n# EOF\n", 2, 1, /not UTF-8/],
    ["a 1\nb 1\na 2\n# EOF\n", 3, 1, /name "a" was used before/],
    ["# TYPE a counter\na_total 1\n# TYPE a_total gauge\na_total 1\n# EOF\n", 3, 8, /name "a_total" was used before/],
    [
      "# TYPE a counter\na 1\n# EOF\n",
      2,
      1,
      /a counter has no sample of this name, expected one of a_total, a_created/,
    ],
    ["# TYPE a counter\na_total -1\n# EOF\n", 2, 9, /not negative, got -1/],
    ["# TYPE a counter\na_total NaN\n# EOF\n", 2, 9, /not negative, got NaN/],
    ["# TYPE a counter\na_created 1\n# EOF\n", 2, 1, /counter without a _total sample/],
    ["# TYPE a counter\na_total 1\na_created NaN\n# EOF\n", 3, 11, /expected a time in seconds/],
    ["# TYPE a info\na_info 2\n# EOF\n", 2, 8, /expected 1, got 2/],
    ['# TYPE a stateset\na{a="x"} 2\n# EOF\n', 2, 10, /expected 0 or 1/],
    ["# TYPE a stateset\na 1\n# EOF\n", 2, 1, /expected a label "a"/],
    ["# TYPE s summary\ns 1\n# EOF\n", 2, 1, /expected a number as label 'quantile', got ""/],
    ['# TYPE s summary\ns{quantile="1.5"} 1\n# EOF\n', 2, 1, /from 0 to 1, got 1.5/],
    ["# TYPE s summary\ns_count 1.5\n# EOF\n", 2, 9, /integer below 2\^64, got 1.5/],
    [
      '# TYPE s summary\ns_count{x="1"} 1\ns_count 1\ns_sum{x="1"} 1\n# EOF\n',
      4,
      1,
      /metric with the same labels as an earlier/,
    ],
    ["# TYPE h histogram\nh_count 1\n# EOF\n", 2, 1, /without a bucket for \+Inf/],
    ['# TYPE h histogram\nh_bucket{le="1"} 1\n# EOF\n', 2, 1, /without a bucket for \+Inf/],
    ['# TYPE h histogram\nh_bucket{le="x"} 1\n# EOF\n', 2, 1, /expected a number as label 'le', got "x"/],
    ["# TYPE h histogram\nh_bucket 1\n# EOF\n", 2, 1, /expected a number as label 'le', got ""/],
    ['# TYPE h histogram\nh_bucket{le="2"} 1\nh_bucket{le="1"} 2\n# EOF\n', 3, 1, /expected them in order/],
    ['# TYPE h histogram\nh_bucket{le="1"} 1\nh_bucket{le="1"} 1\n# EOF\n', 3, 1, /expected them in order/],
    ['# TYPE h histogram\nh_bucket{le="1"} 2\nh_bucket{le="2"} 1\n# EOF\n', 3, 18, /expected at least 2/],
    ['# TYPE h histogram\nh_bucket{le="+Inf"} 2\nh_count 3\n# EOF\n', 2, 1, /expected 2/],
    ['# TYPE h histogram\nh_bucket{le="+Inf"} -1\n# EOF\n', 2, 21, /not negative/],
    ["# TYPE a gauge\na 1 # {} 1\n# EOF\n", 2, 1, /expected one only at counters and buckets/],
    ["# TYPE a counter\na_total 1 # x 1\n# EOF\n", 2, 13, /expected '{' at the start of an exemplar/],
    ["# TYPE a counter\na_total 1 # {}\n# EOF\n", 2, 15, /expected ' ' before the exemplar's value/],
    ["# TYPE a counter\na_total 1 #{} 1\n# EOF\n", 2, 12, /expected ' ' after '#'/],
    [
      `# TYPE a counter\na_total 1 # {x="${"y".repeat(128)}"} 1\n# EOF\n`,
      2,
      13,
      /129 characters, expected at most 128/,
    ],
  ];
  for (const [body, line, column, message] of table) {
    assert.throws(
      () => parse(body),
      (error) => {
        assert.ok(error instanceof WaystationError && error.code === "PARSE", String(error));
        assert.match(error.message, message);
        assert.deepEqual(error.position, { line, column }, `${JSON.stringify(body)}: ${error.message}`);
        assert.ok(error.message.startsWith(`OpenMetrics parsing error in line ${line}: `), error.message);
        return true;
      },
      JSON.stringify(body),
    );
  }
});

test("the labels of an exemplar are counted in characters", () => {
  const body = `# TYPE a counter\na_total 1 # {x="${toByteString("é".repeat(127))}"} 1\n# EOF\n`;
  assert.equal(parse(body)[0]!.metrics[0]!.exemplar!.value, 1);
});
