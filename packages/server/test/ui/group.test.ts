import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { encodeDelimited, type MetricFamily } from "@waystation/core";
import type { GroupDetail, GroupSummary } from "../../src/api-v2/schema.ts";
import { startTestServer } from "../support/server.ts";
import { ApiClient } from "./api-client.ts";

const server = await startTestServer({ "web.enable-admin-api": true, "push.enable-utf8-names": true });
const api = new ApiClient(server);
const { push, list, idOf } = api;

beforeEach(api.wipe);

test("one group is given in full: every type, native histograms, exemplars, units", async () => {
  const labels = [{ name: "x", value: "1" }];
  const families: MetricFamily[] = [
    {
      name: "c_total",
      type: "counter",
      help: "C.",
      metrics: [
        {
          labels,
          value: 3,
          exemplar: {
            labels: [{ name: "trace", value: "t1" }],
            value: 2,
            timestamp: { seconds: 5n, nanos: 500_000_000 },
          },
        },
      ],
    },
    {
      name: "g_seconds",
      type: "gauge",
      unit: "seconds",
      metrics: [
        { labels: [], value: Number.NaN },
        { labels, value: Number.NEGATIVE_INFINITY },
      ],
    },
    {
      name: "s",
      type: "summary",
      metrics: [{ labels: [], summary: { count: 2n ** 60n, sum: 1.5, quantiles: [{ quantile: 0.5, value: 1 }] } }],
    },
    {
      name: "h",
      type: "histogram",
      metrics: [
        {
          labels: [],
          histogram: {
            float: false,
            count: 4,
            sum: 2,
            buckets: [
              { upperBound: 1, cumulativeCount: 3 },
              { upperBound: Number.POSITIVE_INFINITY, cumulativeCount: 4 },
            ],
          },
        },
      ],
    },
    {
      name: "n",
      type: "histogram",
      metrics: [
        {
          labels: [],
          histogram: {
            float: false,
            count: 6,
            sum: 10,
            buckets: [],
            native: {
              schema: 0,
              zeroThreshold: 0.001,
              zeroCount: 1,
              negativeSpans: [],
              negativeBuckets: [],
              positiveSpans: [{ offset: 0, length: 2 }],
              positiveBuckets: [2, 1],
              exemplars: [],
            },
          },
        },
      ],
    },
  ];
  const sent = await server.request("PUT /metrics/job/all", {
    body: Buffer.concat(families.map(encodeDelimited)),
    headers: {
      "Content-Type": "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
    },
  });
  assert.equal(sent.status, 200, sent.text);
  const detail = await api.get<GroupDetail>(`/groups/${await idOf("all")}`);
  const { families: listed } = detail;
  assert.deepEqual(
    listed.map(({ name, type, help, unit }) => [name, type, help, unit]),
    [
      ["c_total", "counter", "C.", null],
      ["g_seconds", "gauge", null, "seconds"],
      ["h", "histogram", null, null],
      ["n", "histogram", null, null],
      ["s", "summary", null, null],
    ],
  );
  const metrics = (name: string) => listed.find((family) => family.name === name)!.metrics;
  assert.deepEqual(metrics("c_total"), [
    {
      labels: { instance: "", job: "all", x: "1" },
      value: "3",
      exemplars: [{ labels: { trace: "t1" }, value: "2", time: 5.5 }],
    },
  ]);
  assert.deepEqual(
    metrics("g_seconds").map(({ value }) => value),
    ["NaN", "-Inf"],
  );
  assert.deepEqual(metrics("s")[0]!.summary, {
    count: "1152921504606846976",
    sum: "1.5",
    quantiles: [{ quantile: "0.5", value: "1" }],
  });
  assert.deepEqual(metrics("h")[0]!.histogram, {
    count: "4",
    sum: "2",
    buckets: [
      { le: "1", count: "3" },
      { le: "+Inf", count: "4" },
    ],
    native: null,
  });
  assert.deepEqual(metrics("n")[0]!.histogram!.native, [
    { lower: "-0.001", upper: "0.001", lowerInclusive: true, upperInclusive: true, count: "1" },
    { lower: "0.5", upper: "1", lowerInclusive: false, upperInclusive: true, count: "2" },
    { lower: "1", upper: "2", lowerInclusive: false, upperInclusive: true, count: "3" },
  ]);
});

test("of large families a part is listed, and of very large ones none is decoded", async () => {
  const lines = (name: string, count: number): string =>
    Array.from({ length: count }, (_, i) => `${name}{i="${i}"} ${i}\n`).join("");
  await push("job/large", lines("large", 1_500) + lines("very_large", 20_001));
  const { families } = await api.get<GroupDetail>(`/groups/${await idOf("large")}`);
  assert.deepEqual(
    families.map(({ name, series, metrics, omitted }) => [name, series, metrics.length, omitted]),
    [
      ["large", 1_500, 1_000, 500],
      ["very_large", 20_001, 0, 20_001],
    ],
  );
});

test("the text of a group is what a scrape shows of it, but for its push times", async () => {
  await push(
    "job/text",
    '# HELP a A.\n# TYPE a counter\na{x="1"} 3\n# TYPE h histogram\nh_bucket{le="1"} 2\nh_sum 3\nh_count 5\n',
  );
  const { text, headers } = await server.request(`GET /api/v2/groups/${await idOf("text")}/text`);
  assert.equal(headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
  const scrape = (await server.request("GET /metrics?collect[]=pushed")).text;
  assert.equal(text, scrape.replace(/# HELP push_[\s\S]*/, ""));
});

test("what a group was pushed is remembered: time, client, size, outcome and reason", async () => {
  const body = "m 1\n";
  await push("job/log", body, { "User-Agent": "batch/1.0" });
  await push("job/log", body, { "X-Forwarded-For": "203.0.113.7, 10.0.0.1" });
  await push("job/log", "m 1 1\n");
  await push("job/log", "m one\n");
  const { pushes, group } = await api.get<GroupDetail>(`/groups/${await idOf("log")}`);
  assert.deepEqual(
    pushes.map(({ method, source, client, bytes, status, outcome }) => [
      method,
      source,
      client,
      bytes,
      status,
      outcome,
    ]),
    [
      ["PUT", "127.0.0.1", null, 6, 400, "refused"],
      ["PUT", "127.0.0.1", null, 6, 400, "refused"],
      ["PUT", "203.0.113.7 via 127.0.0.1", null, 4, 200, "stored"],
      ["PUT", "127.0.0.1", "batch/1.0", 4, 200, "stored"],
    ],
  );
  assert.match(pushes[0]!.message!, /line 1/);
  assert.equal(pushes[1]!.message, null, "the reason is kept of the newest one that failed");
  assert.ok(pushes.every(({ milliseconds }) => milliseconds! >= 0 && milliseconds! < 60_000));
  assert.equal(group.failed, true);
  assert.match(group.failure!, /line 1/);
  await push("job/log", body);
  const after = (await list("job=log")).groups[0] as GroupSummary;
  assert.deepEqual([after.failed, after.failure], [false, null]);
});
