import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { decodeDelimited, type ExposeOptions, type Exposition, Gateway } from "@waystation/core";
import { startTestServer } from "./support/server.ts";

const server = await startTestServer();
await server.request("PUT /metrics/job/a", { body: '# HELP m It\\nis.\n# TYPE m gauge\nm{x="ü"} 1.5\n' });

test("text is the default, and gzip is given to those who ask", async () => {
  const plain = await server.request("GET /metrics?collect[]=pushed");
  assert.equal(plain.headers["content-type"], "text/plain; version=0.0.4; charset=utf-8; escaping=underscores");
  assert.equal(plain.headers["content-encoding"], undefined);
  assert.equal(Number(plain.headers["content-length"]), plain.body.length);
  assert.ok(plain.text.startsWith('# HELP m It\\nis.\n# TYPE m gauge\nm{instance="",job="a",x="ü"} 1.5\n'));

  const packed = await server.request("GET /metrics?collect[]=pushed", { headers: { "Accept-Encoding": "gzip" } });
  assert.equal(packed.headers["content-encoding"], "gzip");
  assert.equal(gunzipSync(packed.body).toString(), plain.text);
});

test("protobuf is given to those who ask", async () => {
  const accept = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited";
  const { headers, body } = await server.request("GET /metrics?collect[]=pushed", { headers: { Accept: accept } });
  assert.match(headers["content-type"]!, /^application\/vnd\.google\.protobuf;.*encoding=delimited/);
  const [family] = decodeDelimited(body);
  assert.equal(family?.name, "m");
  assert.equal(family?.metrics[0]?.value, 1.5);
});

test("OpenMetrics is given to those who accept nothing else, zstd to those who prefer it", async () => {
  const accept = "application/openmetrics-text;version=1.0.0";
  const alone = await server.request("GET /metrics?collect[]=pushed", { headers: { Accept: accept } });
  assert.match(alone.headers["content-type"]!, /^application\/openmetrics-text; version=1\.0\.0/);
  assert.ok(alone.text.endsWith("# EOF\n"));
  const beside = await server.request("GET /metrics", { headers: { Accept: `${accept},text/plain;q=0.5` } });
  assert.match(beside.headers["content-type"]!, /^text\/plain/);

  const packed = await server.request("GET /metrics?collect[]=pushed", {
    headers: { "Accept-Encoding": "zstd, gzip;q=0.5" },
  });
  assert.equal(packed.headers["content-encoding"], "zstd");
  const plain = await server.request("GET /metrics?collect[]=pushed");
  assert.equal(zstdDecompressSync(packed.body).toString(), plain.text);
});

test("OpenMetrics is taken as a push", async () => {
  const openMetrics = await startTestServer();
  const body = '# TYPE c counter\nc_total 3 # {trace_id="x"} 1\n# EOF\n';
  const headers = { "Content-Type": "application/openmetrics-text; version=1.0.0; charset=utf-8" };
  assert.equal((await openMetrics.request("PUT /metrics/job/a", { body, headers })).status, 200);
  assert.match((await openMetrics.request("GET /metrics?collect[]=pushed")).text, /^c_total{instance="",job="a"} 3$/m);
});

test("pushed metrics and the gateway's own can be collected apart or together", async () => {
  const all = (await server.request("GET /metrics")).text;
  const both = (await server.request("GET /metrics?collect[]=pushed&collect%5B%5D=self")).text;
  const own = (await server.request("GET /metrics?collect[]=self")).text;
  const pushed = (await server.request("GET /metrics?collect[]=pushed")).text;
  for (const text of [all, both]) {
    assert.match(text, /^m{/m);
    assert.match(text, /^process_start_time_seconds /m);
  }
  assert.doesNotMatch(own, /^m{|^push_time_seconds/m);
  assert.match(own, /^nodejs_version_info{/m);
  assert.match(pushed, /^m{/m);
  assert.doesNotMatch(pushed, /^(process|nodejs|pushgateway)_/m);
  const wrong = await server.request("GET /metrics?collect[]=nothing");
  assert.deepEqual([wrong.status, wrong.text.includes("nothing")], [400, true]);
});

test("requests are counted under the Go Pushgateway's names", async () => {
  const counting = await startTestServer({ "web.enable-admin-api": true });
  const size = { "Content-Length": "4" };
  for (const [line, body] of [
    ["PUT /metrics/job/a", "m 1\n"],
    ["PUT /metrics/job/a", "m x\n"],
    ["POST /metrics/job/a", "n 1\n"],
    ["DELETE /metrics/job/a", undefined],
    ["DELETE /metrics/job/a/x", undefined],
    ["GET /-/healthy", undefined],
    ["GET /-/ready", undefined],
    ["GET /status", undefined],
    ["GET /api/v1/status", undefined],
    ["GET /api/v1/metrics", undefined],
    ["OPTIONS /api/v1/x", undefined],
    ["PUT /api/v1/admin/wipe", undefined],
    ["GET /nope", undefined],
    ["PUT /metrics", undefined],
    ["GET /metrics/", undefined],
  ] as const) {
    await counting.request(line, body === undefined ? {} : { body, headers: size });
  }
  const { text } = await counting.request("GET /metrics?collect[]=self");
  const counted = [
    ...text.matchAll(/^pushgateway_http_requests_total{code="(\d+)",handler="(.*)",method="(.*)"} (\d+)$/gm),
  ];
  assert.deepEqual(counted.map(([, code, handler, method, count]) => `${handler} ${method} ${code} ${count}`).sort(), [
    "api/v1/metrics get 200 1",
    "api/v1/options options 200 1",
    "api/v1/status get 200 1",
    "delete delete 202 1",
    "delete delete 400 1",
    "healthy get 200 1",
    "push post 200 1",
    "push put 200 1",
    "push put 400 1",
    "ready get 200 1",
    "status get 200 1",
    "wipe put 202 1",
  ]);
  assert.match(text, /^pushgateway_http_push_duration_seconds_count{method="put"} 2$/m);
  assert.match(text, /^pushgateway_http_push_size_bytes{method="post",quantile="0\.9"} \d/m);
  assert.match(text, /^pushgateway_build_info{.*version="\d+\.\d+\.\d+"} 1$/m);
  assert.match(text, /^pushgateway_journal_info{journal="memory",survives="nothing"} 1$/m);
  assert.match(text, /^pushgateway_journal_appended_records_total 4$/m);
});

test("what is refused as inconsistent is counted", async () => {
  const refusing = await startTestServer();
  await refusing.request("PUT /metrics/job/a", { body: "m 1 123\n" });
  const { text } = await refusing.request("GET /metrics?collect[]=self");
  assert.match(text, /^pushgateway_rejected_pushes_total 1$/m);
});

test("a large body is whole for those who read on after others have gone, and is released when nobody is sent it any more", async (t) => {
  const expositions: Exposition[] = [];
  const { expose } = Gateway.prototype;
  t.mock.method(Gateway.prototype, "expose", async function (this: Gateway, options: ExposeOptions) {
    const exposition = await expose.call(this, options);
    expositions.push(exposition);
    return exposition;
  });
  const large = await startTestServer();
  const lines = Array.from({ length: 10 }, (_, i) => `m{i="${i}",x="${"v".repeat(20_000)}"} ${i}\n`).join("");
  for (let i = 0; i < 50; i++) await large.request(`PUT /metrics/job/${i}`, { body: lines });
  const scrape = async (): Promise<http.IncomingMessage> => {
    const path = "/metrics?collect[]=pushed";
    const [answer] = await once(http.get({ host: "127.0.0.1", port: large.port, path, agent: false }), "response");
    return answer;
  };
  // The first is rendered alone, the others together.
  const [first, gone, left, last] = await Promise.all([scrape(), scrape(), scrape(), scrape()]);
  gone!.destroy();
  for await (const _ of left!) break;
  for (const answer of [last!, first!]) {
    const text = Buffer.concat(await answer.toArray()).toString();
    assert.equal(text.length, Number(answer.headers["content-length"]));
    assert.ok(text.length > 10_000_000);
    assert.match(text, /^push_time_seconds\{instance="",job="9"\} .*$/m);
    assert.ok(!text.includes("\0"));
  }
  const isReleased = () => expositions.every(({ chunks }) => chunks.every(({ length }) => length === 0));
  for (let i = 0; i < 100 && !isReleased(); i++) await delay(10);
  assert.equal(expositions.length, 4);
  assert.ok(isReleased());
});
