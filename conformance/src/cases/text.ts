import { area, put, query, scrape } from "../case.ts";

/** Each of these lines is pushed alone; the recording says which are accepted and what they show. */
const each = (...bodies: string[]) => [
  ...bodies.map((body, at) => put(`/metrics/job/j${at}`, body)),
  scrape({ ordered: false }),
];

export const textValid = area("text", {
  "all types": [
    put(
      "/metrics/job/batch",
      `# HELP g A gauge.
# TYPE g gauge
g{x="1"} 1.5
g{x="2"} NaN
# TYPE c_total counter
c_total 1e6
# TYPE s summary
s{quantile="0.5"} 1
s{quantile="0.99"} 3
s_sum 20
s_count 10
# TYPE h histogram
h_bucket{le="0.1"} 1
h_bucket{le="1"} 2
h_bucket{le="+Inf"} 3
h_sum 2.5
h_count 3
u 7
`,
    ),
    scrape(),
    query("metrics"),
  ],
  "blanks where they may be": [put("/metrics/job/batch", '  \t a \t{ \tx = "1" , y\t=\t"2" , } \t 1\n\n \n'), scrape()],
  "values right after the name": each("a+1\n", "a-1\n", "a.5\n", 'a{x="1"}1\n'),
  "words for types, in any case": each(
    "# TYPE a COUNTER\na 1\n",
    "# TYPE b Gauge\nb 1\n",
    "# TYPE c untyped\nc 1\n",
    "# TYPE d gauge_histogram\nd_count 1\n",
    "# TYPE e gaugehistogram\ne_count 1\n",
  ),
  "help and its escapes": each(
    "# HELP a A \\\\ backslash, a \\n break.\na 1\n",
    '# HELP b "quoted" \\"text\\"\nb 1\n',
    "#HELP c no blank\nc 1\n",
    "# HELP d\nd 1\n",
    "# HELP e  two blanks\ne 1\n",
    "#\tHELP\tf\ttabs\nf 1\n",
  ),
  "comments of every kind": each(
    "# EOF\na 1\n",
    "# UNIT a seconds\na 1\n",
    "#\na 1\n",
    "# help a x\na 1\n",
    "# a\r\na 1\n",
  ),
  "families in pieces": each('a{x="1"} 1\nb 1\na{x="2"} 2\n', "# TYPE c gauge\nb 1\nc 2\n", "d 1\n# HELP d Late.\n"),
  "quoted names": each('{"a",x="1"} 1\n', '{x="1","a"} 1\n', '"a" 1\n', '# TYPE "a" gauge\na 1\n', '{"a"} 1\n'),
  "exponents and names that look like numbers": each("NaN 1\n", "Inf 1\n", "e5 1\n", ":a:b 1\n", "a:b_c 1\n"),
});

export const textInvalid = area("text-invalid", {
  "no line feed at the end": each("a 1", "# TYPE a gauge", "a 1\n  ", "a 1\nb"),
  "carriage returns": each("a 1\r\n", "# TYPE a gauge\r\na 1\n", "# HELP a x\r\na 1\n"),
  "blanks where they may not be": each("a 1 \n", "# TYPE a gauge \na 1\n", "a 1 5 \n"),
  names: each("1a 1\n", "a-b 1\n", "a.b 1\n", "ü 1\n", '{x="1"} 1\n', '{"a","b"} 1\n'),
  "what is missing": each("a\n", "a \n", "a{\n", "a{x\n", "a{x=\n", 'a{x="1"\n', 'a{x="1"}\n', "a{x=1} 1\n"),
  commas: each('a{,x="1"} 1\n', 'a{x="1",,} 1\n', "a{,} 1\n", 'a{x="1" y="2"} 1\n', "a{} 1\n"),
  "escapes in values": each('a{x="\\t"} 1\n', 'a{x="\\x"} 1\n', 'a{x="a\nb"} 1\n', "# HELP a \\t\na 1\n"),
  "types that are none": each(
    "# TYPE a unknown\na 1\n",
    "# TYPE a info\na 1\n",
    "# TYPE a stateset\na 1\n",
    "# TYPE a\na 1\n",
  ),
  "TYPE and HELP twice, or late": each(
    "# TYPE a gauge\n# TYPE a gauge\na 1\n",
    "# HELP b x\n# HELP b y\nb 1\n",
    "c 1\n# TYPE c gauge\n",
    "# TYPE d gauge\nd 1\n# TYPE e gauge\ne 1\n# TYPE d gauge\n",
  ),
  timestamps: each("a 1 0\n", "a 1 1500000000000\n", "a 1 -1\n", "a 1 1.5\n", "a 1 x\n"),
  exemplars: each('a_total 1 # {id="1"} 1\n', "# TYPE a counter\na 1 # {} 1\n"),
  "not UTF-8": [
    put("/metrics/job/a", Buffer.from([0x61, 0x7b, 0x78, 0x3d, 0x22, 0xff, 0x22, 0x7d, 0x20, 0x31, 0x0a])),
    put("/metrics/job/b", Buffer.from([0x61, 0xff, 0x20, 0x31, 0x0a])),
    scrape(),
  ],
  "changes nothing": [
    put("/metrics/job/batch", "a 1\nb 1\n"),
    scrape(),
    put("/metrics/job/batch", "a 2\nb\n"),
    scrape(),
  ],
  "other formats": each('{"a":1}\n', "<a/>\n", "a=1&b=2\n", "a,b 1\n"),
});

export const numbers = area("numbers", {
  integers: each(
    "a 0\n",
    "a 999999\n",
    "a 1000000\n",
    "a 123456789\n",
    "a 1e15\n",
    "a 1e21\n",
    "a 007\n",
    "a +5\n",
    "a -0\n",
  ),
  fractions: each(
    "a 0.1\n",
    "a .5\n",
    "a 5.\n",
    "a 0.0001\n",
    "a 0.00001\n",
    "a 0.30000000000000004\n",
    "a 123456.7\n",
  ),
  exponents: each(
    "a 1e5\n",
    "a 1E6\n",
    "a 1e-5\n",
    "a 1e+300\n",
    "a 5e-324\n",
    "a 1e-400\n",
    "a 1.7976931348623157e308\n",
  ),
  "too large": each("a 1e309\n", "a -1e309\n", "a 1e999999\n"),
  "special values": each("a NaN\n", "a nan\n", "a Inf\n", "a +inf\n", "a -INF\n", "a Infinity\n", "a -infinity\n"),
  "not numbers": each(
    "a +NaN\n",
    "a -nan\n",
    "a 0x10\n",
    "a 1_000\n",
    "a 1e\n",
    "a e1\n",
    "a --1\n",
    "a 1,5\n",
    "a 1p3\n",
    "a .\n",
    "a infin\n",
  ),
  "in le and quantile": [
    put(
      "/metrics/job/batch",
      '# TYPE h histogram\nh_bucket{le="1.0"} 1\nh_bucket{le="1e6"} 2\nh_bucket{le="inf"} 2\n# TYPE s summary\ns{quantile="0.50"} 1\n',
    ),
    scrape(),
    query("metrics"),
  ],
});

export const assembly = area("assembly", {
  "a histogram without +Inf": [
    put("/metrics/job/batch", '# TYPE h histogram\nh_bucket{le="1"} 1\nh_count 3\nh_sum 2\n'),
    scrape(),
    query("metrics"),
  ],
  "a histogram of parts": each(
    "# TYPE h histogram\nh_sum 1\n",
    "# TYPE h histogram\nh_count 1\n",
    '# TYPE h histogram\nh_bucket{le="1"} 1\n',
    "# TYPE h histogram\nh 5\n",
    "# TYPE h histogram\nh_bucket 5\n",
  ),
  "buckets out of order": [
    put(
      "/metrics/job/batch",
      '# TYPE h histogram\nh_bucket{le="2"} 5\nh_bucket{le="1"} 9\nh_bucket{le="1"} 3\nh_count 9\nh_sum 1\n',
    ),
    scrape(),
  ],
  "counts that are not whole": each(
    '# TYPE h histogram\nh_bucket{le="1"} 1.5\nh_count 2.5\nh_sum 1\n',
    '# TYPE h histogram\nh_bucket{le="1"} -1\nh_count 1\nh_sum 1\n',
    "# TYPE h histogram\nh_count NaN\nh_sum 1\n",
    "# TYPE s summary\ns_count 2.9\ns_sum 1\n",
  ),
  "le and quantile that are no numbers": each(
    '# TYPE h histogram\nh_bucket{le="x"} 1\n',
    '# TYPE h histogram\nh_bucket{le="NaN"} 1\nh_count 1\nh_sum 1\n',
    '# TYPE s summary\ns{quantile="x"} 1\n',
    '# TYPE s summary\ns{quantile="NaN"} 1\ns_count 1\ns_sum 1\n',
  ),
  "a summary": [
    put(
      "/metrics/job/batch",
      '# TYPE s summary\ns_count{x="1"} 3\ns_sum{x="1"} 2\ns{x="1",quantile="0.9"} 9\ns{x="1",quantile="0.1"} 1\ns 4\n',
    ),
    scrape(),
    query("metrics"),
  ],
  "several histograms in a family": [
    put(
      "/metrics/job/batch",
      '# TYPE h histogram\nh_bucket{x="1",le="1"} 1\nh_bucket{x="2",le="1"} 2\nh_sum{x="1"} 1\nh_sum{x="2"} 2\nh_count{x="1"} 1\nh_count{x="2"} 2\n',
    ),
    scrape(),
  ],
  "le on what is no histogram": each(
    'a{le="1"} 1\n',
    '# TYPE b gauge\nb{quantile="0.5"} 1\n',
    '# TYPE s summary\ns{le="1",quantile="1"} 2\n',
  ),
  "parts before the TYPE line": each(
    'h_bucket{le="1"} 1\n# TYPE h histogram\nh_count 1\n',
    "s_sum 1\n# TYPE s summary\ns_count 1\n",
  ),
  "parts that grouping labels make equal": [
    put("/metrics/job/batch/x/1", '# TYPE h histogram\nh_count{x="2"} 1\nh_count{x="3"} 1\n'),
    scrape(),
  ],
});
