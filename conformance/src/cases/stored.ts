import { area, del, put, query, scrape } from "../case.ts";

const UNCHECKED = ["--push.disable-consistency-check"];
const inconsistent = (...lines: string[]) =>
  ({ reason: "a-scrape-never-fails-on-stored-data", answer: { status: 200, ...TEXT, lines } }) as const;
const TEXT = {
  contentType: "text/plain; charset=utf-8; escaping=underscores; version=0.0.4",
  encoding: "identity",
};

export const consistency = area("consistency", {
  "types differ between groups": [
    put("/metrics/job/a", "# TYPE m gauge\nm 1\n"),
    put("/metrics/job/b", "# TYPE m counter\nm 1\n"),
    put("/metrics/job/c", "m 1\n"),
    scrape({ ordered: false }),
    del("/metrics/job/a"),
    put("/metrics/job/b", "# TYPE m counter\nm 1\n"),
    scrape({ ordered: false }),
  ],
  "the same series in two groups": [
    put("/metrics/job/a", 'm{x="1"} 1\n'),
    put("/metrics/job/a/x/1", "m 2\n"),
    scrape({ ordered: false }),
    put("/metrics/job/a/x/2", "m 2\n"),
    scrape({ ordered: false }),
  ],
  "the same series twice in a push": [
    put("/metrics/job/a", 'm{x="1"} 1\nm{x="1"} 1\n'),
    put("/metrics/job/a", 'm{x="1",y="2"} 1\nm{y="2",x="1"} 1\n'),
    scrape({ ordered: false }),
  ],
  "a histogram and families named like its parts": [
    put("/metrics/job/a", "# TYPE h histogram\nh_count 1\nh_sum 1\n"),
    put("/metrics/job/b", "h_sum 1\n"),
    put("/metrics/job/b", "h_count 1\n"),
    put("/metrics/job/b", "h_bucket 1\n"),
    put("/metrics/job/c", "h_total 1\n"),
    scrape({ ordered: false }),
  ],
  "families named like parts, and then the summary": [
    put("/metrics/job/a", "s_sum 1\n"),
    put("/metrics/job/b", "# TYPE s summary\ns_count 1\ns_sum 1\n"),
    put("/metrics/job/c", "s_bucket 1\n"),
    scrape({ ordered: false }),
  ],
  "a summary does not claim _bucket": [
    put("/metrics/job/a", "# TYPE s summary\ns_count 1\ns_sum 1\n"),
    put("/metrics/job/b", "s_bucket 1\n"),
    scrape({ ordered: false }),
  ],
  "help differs": [
    put("/metrics/job/a", "# HELP m One.\nm 1\n"),
    put("/metrics/job/b", "# HELP m One.\nm 2\n"),
    put("/metrics/job/c", "m 3\n"),
    scrape({ ordered: false }),
  ],
  "label names differ": [
    put("/metrics/job/a", 'm{x="1"} 1\n'),
    put("/metrics/job/b", 'm{y="1"} 1\n'),
    scrape({ ordered: false }),
  ],
  "one bad family refuses the whole push": [
    put("/metrics/job/a", "# TYPE m gauge\nm 1\n"),
    put("/metrics/job/b", "fine 1\n# TYPE m counter\nm 1\nalso_fine 2\n"),
    scrape({ ordered: false }),
    query("metrics"),
  ],
  "odd but tolerated": [
    put("/metrics/job/a", "# TYPE c counter\nc -1\n# TYPE n counter\nn NaN\n"),
    put("/metrics/job/b", '# TYPE h histogram\nh_bucket{le="1"} 5\nh_bucket{le="2"} 3\nh_count 1\nh_sum 0\n'),
    scrape({ ordered: false }),
  ],
  "names that the gateway uses, with another type": [
    put("/metrics/job/a", "# TYPE pushgateway_build_info counter\npushgateway_build_info 1\n"),
    put("/metrics/job/a", "# TYPE process_cpu_seconds_total gauge\nprocess_cpu_seconds_total 1\n"),
    put("/metrics/job/b", "fine 1\n"),
    scrape({ ordered: false }),
  ],
  "names that the gateway uses, with its type": [
    put("/metrics/job/a", "# TYPE process_start_time_seconds gauge\nprocess_start_time_seconds 5\n"),
    scrape({ ordered: false }),
  ],
});

export const unchecked = area("unchecked", {
  "pushes are accepted, not done": {
    flags: UNCHECKED,
    steps: [put("/metrics/job/a", "m 1\n"), scrape(), query("metrics")],
  },
  "what cannot be parsed is refused": { flags: UNCHECKED, steps: [put("/metrics/job/a", "m\n"), scrape()] },
  "timestamps set the failure time": { flags: UNCHECKED, steps: [put("/metrics/job/a", "m 1 5\n"), scrape()] },
  "two types of one family": {
    flags: UNCHECKED,
    steps: [
      put("/metrics/job/a", "# TYPE m gauge\nm 1\n"),
      put("/metrics/job/b", "# TYPE m counter\nm 2\n"),
      scrape({
        ordered: false,
        differs: inconsistent(
          "# TYPE m gauge",
          'm{instance="",job="a"} 1',
          "# HELP push_failure_time_seconds Last Unix time when changing this group in the Pushgateway failed.",
          "# TYPE push_failure_time_seconds gauge",
          'push_failure_time_seconds{instance="",job="a"} <zero>',
          'push_failure_time_seconds{instance="",job="b"} <zero>',
          "# HELP push_time_seconds Last Unix time when changing this group in the Pushgateway succeeded.",
          "# TYPE push_time_seconds gauge",
          'push_time_seconds{instance="",job="a"} <new>',
          'push_time_seconds{instance="",job="b"} <new>',
        ),
      }),
      del("/metrics/job/b"),
      put("/metrics/job/a", "# TYPE m gauge\nm 3\n"),
      scrape({ ordered: false }),
    ],
  },
});

export const exposition = area("exposition", {
  nothing: [scrape(), query("metrics")],
  "families in bytewise order": [put("/metrics/job/a", "zz 1\nZ 2\n_a 3\na 4\nB 5\n:c 6\nz_ 7\n"), scrape()],
  "series by number of labels, then by values": [
    put(
      "/metrics/job/a",
      'm{x="b"} 1\nm{x="a",y="1"} 2\nm 3\nm{x="a"} 4\nm{w="z"} 5\nm{x="B"} 6\nm{x="ä"} 7\nm{x="😀"} 8\nm{x="｡"} 9\n',
    ),
    scrape(),
  ],
  "the parts of a family stay together": [put("/metrics/job/a", "b 1\na 1\npusha 2\npush_z 3\n"), scrape()],
  "help before type": [put("/metrics/job/a", "# TYPE m gauge\n# HELP m Text.\nm 1\n"), scrape()],
  "escapes are written back": [put("/metrics/job/a", '# HELP m a\\\\b\\nc "d"\nm{x="\\\\ \\n \\""} 1\n'), scrape()],
});

const accept = (value: string) => scrape({ headers: { Accept: value } });
const encoding = (value: string) => scrape({ headers: { "Accept-Encoding": value } });
const DELIMITED = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";

export const negotiation = area("negotiation", {
  "what Accept gives": [
    put("/metrics/job/a", "# HELP m Help.\n# TYPE m gauge\nm -0\n"),
    accept("*/*"),
    accept("text/plain"),
    accept("text/plain;version=0.0.4"),
    accept("text/plain;version=0.0.5"),
    accept("text/html,application/xhtml+xml,*/*;q=0.8"),
    accept("application/json"),
    accept(DELIMITED),
    accept(`${DELIMITED};q=0.5,text/plain;q=0.7`),
    accept(`text/plain;q=0.3,${DELIMITED};q=0.5`),
    accept("application/vnd.google.protobuf"),
    accept("text/plain;version=0.0.4;escaping=dots"),
    accept("text/plain;version=0.0.4;escaping=values"),
    accept("text/plain;version=0.0.4;escaping=allow-utf-8"),
    accept("text/plain;version=0.0.4;escaping=nothing"),
    accept(""),
    accept(";;,"),
  ],
  "what Accept-Encoding gives": [
    put("/metrics/job/a", "m 1\n"),
    encoding("gzip"),
    encoding("gzip, deflate, br"),
    encoding("deflate"),
    encoding("gzip;q=0"),
    encoding("identity, gzip"),
    encoding("gzip;q=0.5, identity;q=0.7"),
    encoding("*"),
    encoding("GZIP"),
  ],
  "all types in protobuf": [
    put(
      "/metrics/job/a",
      '# HELP g A gauge.\n# TYPE g gauge\ng -0\n# TYPE c counter\nc 5\n# TYPE s summary\ns{quantile="0.5"} 1\ns_sum 2\ns_count 3\n# TYPE h histogram\nh_bucket{le="1"} 1\nh_sum 2\nh_count 3\nu NaN\n',
    ),
    scrape({ headers: { Accept: DELIMITED } }),
  ],
});
