import assert from "node:assert/strict";
import { test } from "node:test";
import { startTestServer } from "./support/server.ts";

const WINDOWS_BODY = "\ufeff# TYPE m gauge\r\nm 1\r\nn 2";

test("text from Windows is refused, unless --push.lenient-text allows it; then it is counted", async () => {
  const strict = await startTestServer();
  assert.equal((await strict.request("PUT /metrics/job/a", { body: WINDOWS_BODY })).status, 400);

  const lenient = await startTestServer({ "push.lenient-text": true });
  assert.equal((await lenient.request("PUT /metrics/job/a", { body: WINDOWS_BODY })).status, 200);
  assert.equal((await lenient.request("PUT /metrics/job/b", { body: "k 1\n" })).status, 200);
  const { text } = await lenient.request("GET /metrics");
  assert.match(text, /^m\{instance="",job="a"\} 1$/m);
  assert.match(text, /^n\{instance="",job="a"\} 2$/m);
  assert.match(text, /^pushgateway_repaired_pushes_total 1$/m);
});

test("OpenMetrics goes to whoever prefers it with --web.enable-openmetrics", async () => {
  const accept = "application/openmetrics-text;version=1.0.0;q=0.6,text/plain;version=0.0.4;q=0.5";
  const headers = { Accept: accept };
  const server = await startTestServer({ "web.enable-openmetrics": true });
  assert.match(
    (await server.request("GET /metrics", { headers })).headers["content-type"]!,
    /^application\/openmetrics-text/,
  );
  const usual = await startTestServer();
  assert.match((await usual.request("GET /metrics", { headers })).headers["content-type"]!, /^text\/plain/);
});
