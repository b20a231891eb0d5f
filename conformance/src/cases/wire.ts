import { gzipSync } from "node:zlib";
import { area, del, get, put, query, raw, scrape, send } from "../case.ts";
import { PROTOBUF_TYPE } from "../http/request.ts";
import { delimited, double, family, label, message, metric, TYPE, value, zigzag } from "./protobuf-bytes.ts";

const PROTOBUF = { headers: { "Content-Type": PROTOBUF_TYPE } };
const asProtobuf = scrape({ headers: { Accept: PROTOBUF_TYPE } });
const ofType = (type: string) => ({ headers: { "Content-Type": type } });

/** A scrape of a group `{job="a"}` with the given family, as the protobuf decoder of this suite shows it. */
const scraped = (name: string, extra: Readonly<Record<string, string[]>>) => {
  const metric = (sample: string) => [
    {
      label: [
        { name: ["instance"], value: [""] },
        { name: ["job"], value: ["a"] },
      ],
      gauge: [{ value: [sample] }],
    },
  ];
  const time = (of: string, event: string, sample: string) => ({
    name: [of],
    help: [`Last Unix time when changing this group in the Pushgateway ${event}.`],
    type: ["1"],
    metric: metric(sample),
  });
  return {
    status: 200,
    contentType:
      "application/vnd.google.protobuf; encoding=delimited; escaping=underscores; proto=io.prometheus.client.MetricFamily",
    encoding: "identity",
    data: [
      time("push_failure_time_seconds", "failed", "<zero>"),
      time("push_time_seconds", "succeeded", "<new>"),
      { name: [name], type: ["1"], metric: metric("1"), ...extra },
    ],
  };
};

const classic = message({
  1: 3,
  2: double(2.5),
  3: [message({ 1: 1, 2: double(0.1) }), message({ 1: 2, 2: double(1) })],
});
const native = message({
  1: 6,
  2: double(12.5),
  5: zigzag(2),
  6: double(0.001),
  7: 1,
  12: [message({ 1: zigzag(0), 2: 2 }), message({ 1: zigzag(1), 2: 1 })],
  13: [zigzag(1), zigzag(1), zigzag(-1)],
});
const exemplar = message({ 1: [label("trace", "abc")], 2: double(0.7), 3: message({ 1: 1_700_000_000 }) });

export const protobuf = area("protobuf", {
  "all types": [
    put(
      "/metrics/job/a",
      delimited(
        message({ 1: "c_total", 2: "Help.", 3: TYPE.counter, 4: [metric(3, value(5), label("x", "1"))] }),
        family("g", TYPE.gauge, metric(2, value(-0))),
        family("u", TYPE.untyped, metric(5, value(Number.NaN))),
        family(
          "s",
          TYPE.summary,
          metric(4, message({ 1: 3, 2: double(2), 3: [message({ 1: double(0.5), 2: double(1) })] })),
        ),
        family("h", TYPE.histogram, metric(7, classic)),
      ),
      PROTOBUF,
    ),
    scrape(),
    asProtobuf,
    query("metrics"),
  ],
  "native histograms": [
    put("/metrics/job/a", delimited(family("n", TYPE.histogram, metric(7, native))), PROTOBUF),
    scrape(),
    asProtobuf,
    query("metrics"),
  ],
  "exemplars and creation times": [
    put(
      "/metrics/job/a",
      delimited(
        family(
          "c_total",
          TYPE.counter,
          metric(3, message({ 1: double(2), 2: exemplar, 3: message({ 1: 1_700_000_000, 2: 5 }) })),
        ),
        family(
          "h",
          TYPE.histogram,
          metric(7, message({ 1: 1, 2: double(1), 3: [message({ 1: 1, 2: double(1), 3: exemplar })] })),
        ),
      ),
      PROTOBUF,
    ),
    scrape(),
    asProtobuf,
  ],
  "gauge histograms": [
    put("/metrics/job/a", delimited(family("g", TYPE.gaugeHistogram, metric(7, classic))), PROTOBUF),
    scrape(),
    asProtobuf,
  ],
  "a unit": [
    put(
      "/metrics/job/a",
      delimited(message({ 1: "t_seconds", 3: TYPE.gauge, 4: [metric(2, value(1))], 5: "seconds" })),
      PROTOBUF,
    ),
    {
      ...asProtobuf,
      differs: { reason: "units-are-kept", answer: scraped("t_seconds", { unit: ["seconds"] }) },
    },
    put("/metrics/job/a", "t_seconds 1\n"),
    scrape(),
  ],
  "missing fields": [
    put("/metrics/job/a", delimited(message({ 1: "no_type", 4: [metric(3, value(1))] })), PROTOBUF),
    put("/metrics/job/b", delimited(family("no_value", TYPE.gauge, metric(2, message({})))), PROTOBUF),
    put("/metrics/job/c", delimited(family("no_metrics", TYPE.gauge)), PROTOBUF),
    put("/metrics/job/d", "", PROTOBUF),
    scrape({ ordered: false }),
  ],
  "a value of another type": [
    put("/metrics/job/a", delimited(family("m", TYPE.gauge, metric(3, value(1)))), PROTOBUF),
    put("/metrics/job/b", delimited(family("m", TYPE.counter, metric(2, value(1)))), PROTOBUF),
    put("/metrics/job/c", delimited(family("m", TYPE.histogram, metric(4, message({})))), PROTOBUF),
    scrape({ ordered: false }),
  ],
  "a family twice": [
    put(
      "/metrics/job/a",
      delimited(family("m", TYPE.gauge, metric(2, value(1))), family("m", TYPE.gauge, metric(2, value(2)))),
      PROTOBUF,
    ),
    scrape(),
  ],
  timestamps: [
    put("/metrics/job/a", delimited(family("m", TYPE.gauge, message({ 2: value(1), 6: 5 }))), PROTOBUF),
    scrape(),
  ],
  "cut off": [
    put("/metrics/job/a", delimited(family("m", TYPE.gauge, metric(2, value(1)))).subarray(0, -3), PROTOBUF),
    put("/metrics/job/a", Buffer.from([0x80]), PROTOBUF),
    scrape(),
  ],
  "unknown fields": [
    put(
      "/metrics/job/a",
      delimited(message({ 1: "m", 3: TYPE.gauge, 4: [metric(2, value(1))], 90: "new", 91: 7 })),
      PROTOBUF,
    ),
    scrape(),
  ],
  "content types that mean protobuf": [
    put(
      "/metrics/job/a",
      delimited(family("a", TYPE.gauge, metric(2, value(1)))),
      ofType('APPLICATION/vnd.google.protobuf;encoding="delimited";proto=io.prometheus.client.MetricFamily;x=1'),
    ),
    put(
      "/metrics/job/b",
      "b 1\n",
      ofType("application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=text"),
    ),
    put("/metrics/job/c", "c 1\n", ofType("application/vnd.google.protobuf")),
    put(
      "/metrics/job/d",
      "d 1\n",
      ofType("application/vnd.google.protobuf; proto=io.prometheus.client.metricfamily; encoding=delimited"),
    ),
    scrape(),
  ],
});

const SNAPPY = Buffer.from("/wYAAHNOYVBwWQEIAADzZUDmbSAxCg==", "base64");
const encoded = (name: string) => ({ headers: { "Content-Encoding": name } });

export const compression = area("compression", {
  gzip: [put("/metrics/job/a", "m 1\n", { gzip: true }), scrape()],
  "gzip, named in capitals": [put("/metrics/job/a", gzipSync("m 1\n"), encoded("GZIP")), scrape()],
  "gzip of several members": [
    put("/metrics/job/a", Buffer.concat([gzipSync("m 1\n"), gzipSync("n 2\n")]), encoded("gzip")),
    scrape(),
  ],
  "gzip that is none": [
    put("/metrics/job/a", "m 1\n", encoded("gzip")),
    put("/metrics/job/a", "", encoded("gzip")),
    put("/metrics/job/a", gzipSync("m 1\n").subarray(0, -4), encoded("gzip")),
    put("/metrics/job/a", Buffer.concat([gzipSync("m 1\n"), Buffer.from("rest")]), encoded("gzip")),
    scrape(),
  ],
  "framed snappy": [put("/metrics/job/a", SNAPPY, encoded("snappy")), scrape()],
  "snappy that is none": [
    put("/metrics/job/a", "m 1\n", encoded("snappy")),
    put("/metrics/job/a", SNAPPY.subarray(0, -1), encoded("snappy")),
    put("/metrics/job/a", "", encoded("snappy")),
    scrape(),
  ],
  "other encodings are not opened": [
    put("/metrics/job/a", "a 1\n", encoded("deflate")),
    put("/metrics/job/b", "b 1\n", encoded("identity")),
    put("/metrics/job/c", "c 1\n", encoded("x-gzip")),
    put("/metrics/job/d", gzipSync("d 1\n"), encoded("br")),
    scrape(),
  ],
  "protobuf in gzip": [
    put("/metrics/job/a", gzipSync(delimited(family("m", TYPE.gauge, metric(2, value(1))))), {
      headers: { "Content-Type": PROTOBUF_TYPE, "Content-Encoding": "gzip" },
    }),
    scrape(),
  ],
});

const head = "Host: x\r\nConnection: close\r\n";

export const http = area("http", {
  "a body in chunks": [put("/metrics/job/a", "m 1\nn 2\n", { chunked: 3 }), scrape()],
  "HTTP/1.0": [
    put("/metrics/job/a", "m 1\n", { version: "1.0" }),
    raw("PUT /metrics/job/b HTTP/1.0\r\nContent-Length: 4\r\n\r\nn 2\n"),
    scrape(),
  ],
  "Expect: 100-continue": [put("/metrics/job/a", "m 1\n", { headers: { Expect: "100-continue" } }), scrape()],
  "several requests on one connection": [
    raw(
      `PUT /metrics/job/a HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nm 1\nPUT /metrics/job/b HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nn 2\nGET /-/healthy HTTP/1.1\r\n${head}\r\n`,
    ),
    scrape(),
  ],
  "a refused push leaves the connection usable": [
    raw(
      `PUT /metrics/job/a HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nm -\nPUT /metrics/job/b HTTP/1.1\r\n${head}Content-Length: 4\r\n\r\nn 2\n`,
    ),
    scrape(),
  ],
  "no length and no body": [raw(`PUT /metrics/job/a HTTP/1.1\r\n${head}\r\n`), scrape()],
  "a body shorter than it says": [put("/metrics/job/a", "m 1\n"), scrape()],
  "no such place": [
    get("/nothing"),
    put("/metrics/x/y", "m 1\n"),
    get("/api/v1/nothing"),
    send("PUT", "/metric/job/a", { body: "m 1\n" }),
  ],
  "methods that are not served": [
    send("POST", "/metrics"),
    send("DELETE", "/-/ready"),
    send("TRACE", "/metrics/job/a"),
  ],
  "OPTIONS on the API": [send("OPTIONS", "/api/v1/metrics")],
  "what is asked for in the query string of a scrape": [
    put("/metrics/job/a", "m 1\n"),
    get("/-/ready?x=1"),
    del("/metrics/job/a?x=1"),
    scrape(),
  ],
});
