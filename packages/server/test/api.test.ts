import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryJournal } from "@waystation/core";
import { FaultyJournal } from "@waystation/core/testing";
import { startTestServer } from "./support/server.ts";

const server = await startTestServer({ "web.enable-admin-api": true });

interface Listing {
  readonly status: string;
  readonly data: Record<string, unknown>[];
}

async function listing(): Promise<Listing> {
  const answer = await server.request("GET /api/v1/metrics");
  assert.equal(answer.status, 200);
  assert.equal(answer.headers["content-type"], "application/json");
  return JSON.parse(answer.text) as Listing;
}

test("nothing stored is an empty list", async () => {
  assert.deepEqual(await listing(), { status: "success", data: [] });
});

test("every type has the Pushgateway's shape", async () => {
  await server.request("PUT /metrics/job/a/x/%C3%BC", {
    body: [
      "# HELP g A <gauge> & more.",
      "# TYPE g gauge",
      "g -0",
      'g{le="b"} 1e6',
      "# TYPE c counter",
      "c NaN",
      "u 0.000001",
      "# TYPE s summary",
      's{quantile="0.5"} +Inf',
      "s_sum 1.5",
      "s_count 3",
      "# TYPE h histogram",
      'h_bucket{le="0.5"} 1',
      "h_sum -0",
      "h_count 9007199254740993",
      "",
    ].join("\n"),
  });
  const [group] = (await listing()).data;
  const labels = { instance: "", job: "a", x: "ü" };
  const family = (name: string) => {
    const { time_stamp, ...rest } = group![name] as { time_stamp: string };
    assert.match(time_stamp, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/);
    return rest;
  };
  assert.deepEqual(group!["labels"], { job: "a", x: "ü" });
  assert.equal(group!["last_push_successful"], true);
  assert.deepEqual(family("g"), {
    type: "GAUGE",
    help: "A <gauge> & more.",
    metrics: [
      { labels, value: "-0" },
      { labels: { ...labels, le: "b" }, value: "1e+06" },
    ],
  });
  assert.deepEqual(family("c"), { type: "COUNTER", metrics: [{ labels, value: "NaN" }] });
  assert.deepEqual(family("u"), { type: "UNTYPED", metrics: [{ labels, value: "1e-06" }] });
  assert.deepEqual(family("s"), {
    type: "SUMMARY",
    metrics: [{ labels, quantiles: { "0.5": "+Inf" }, count: "3", sum: "1.5" }],
  });
  assert.deepEqual(family("h"), {
    type: "HISTOGRAM",
    metrics: [{ labels, buckets: { "0.5": "1" }, count: "9007199254740992", sum: "-0" }],
  });
  assert.ok("push_time_seconds" in group! && "push_failure_time_seconds" in group);
});

test("names that mean something to JavaScript are names like others", async () => {
  await server.gateway.wipe();
  await server.request("PUT /metrics/job/constructor/toString/__proto", {
    body: 'constructor{valueOf="1"} 1\nhasOwnProperty 2\n',
  });
  const [group] = (await listing()).data;
  assert.deepEqual(group!["labels"], { job: "constructor", toString: "__proto" });
  assert.ok(Object.hasOwn(group!, "constructor"));
});

test("a failed push shows", async () => {
  await server.gateway.wipe();
  await server.request("PUT /metrics/job/a", { body: "m 1 1\n" });
  assert.equal((await listing()).data[0]!["last_push_successful"], false);
});

test("a listing of many groups is complete JSON", async () => {
  await server.gateway.wipe();
  for (let i = 0; i < 200; i++) await server.request(`PUT /metrics/job/a/instance/${i}`, { body: "m 1\nn 2\n" });
  assert.equal((await listing()).data.length, 200);
});

test("status tells flags, start and build", async () => {
  const { text, headers } = await server.request("GET /api/v1/status");
  const { status, data } = JSON.parse(text) as { status: string; data: Record<string, Record<string, string>> };
  assert.equal(status, "success");
  assert.equal(data["flags"]!["web.enable-admin-api"], "true");
  assert.equal(data["flags"]!["persistence.interval"], "5m0s");
  assert.ok(Date.parse(String(data["start_time"])) <= Date.now());
  assert.deepEqual(Object.keys(data["build_information"]!).sort(), [
    "branch",
    "buildDate",
    "buildUser",
    "goVersion",
    "revision",
    "version",
  ]);
  assert.equal(headers["access-control-allow-origin"], "*");
  assert.equal(headers["cache-control"], "no-cache, no-store, must-revalidate");
});

test("browsers may ask first", async () => {
  const { status, text, headers } = await server.request("OPTIONS /api/v1/anything/at/all");
  assert.deepEqual([status, text], [200, ""]);
  assert.equal(headers["access-control-allow-methods"], "GET, POST, DELETE, OPTIONS");
});

test("wiping deletes all groups", async () => {
  await server.request("PUT /metrics/job/a", { body: "m 1\n" });
  const { status, text } = await server.request("PUT /api/v1/admin/wipe");
  assert.deepEqual([status, text], [202, ""]);
  assert.deepEqual((await listing()).data, []);
  assert.equal((await server.request("GET /api/v1/admin/wipe")).headers.allow, "OPTIONS, PUT");
});

test("a wipe that fails is counted with the status of its answer", async () => {
  const journal = new FaultyJournal(new MemoryJournal());
  const failing = await startTestServer({ "web.enable-admin-api": true }, journal);
  journal.failNext("append", { kind: "reject", code: "UNAVAILABLE" });
  assert.equal((await failing.request("PUT /api/v1/admin/wipe")).status, 503);
  const { text } = await failing.request("GET /metrics");
  assert.match(text, /^pushgateway_http_requests_total{code="503",handler="wipe",method="put"} 1$/m);
});
