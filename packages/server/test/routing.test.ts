import assert from "node:assert/strict";
import { test } from "node:test";
import { startTestServer } from "./support/server.ts";

const server = await startTestServer();

test("what is not there is answered as by the Go Pushgateway", async () => {
  for (const [line, status, text, headers] of [
    ["GET /nope", 404, "404 page not found\n", {}],
    ["GET /-/", 404, "404 page not found\n", {}],
    ["PUT /api/v1/admin/wipe", 404, "404 page not found\n", {}],
    ["PUT /metrics", 405, "Method Not Allowed\n", { allow: "GET, OPTIONS" }],
    ["PATCH /metrics/job/a", 405, "Method Not Allowed\n", { allow: "DELETE, OPTIONS, POST, PUT" }],
    ["GET /metrics/job/a/x", 405, "Method Not Allowed\n", { allow: "DELETE, OPTIONS, POST, PUT" }],
    ["HEAD /metrics", 405, "", { allow: "GET, OPTIONS" }],
    ["OPTIONS /metrics/job/a", 200, "", { allow: "DELETE, OPTIONS, POST, PUT" }],
    ["OPTIONS *", 200, "", {}],
    ["GET /-/quit", 405, "Only POST or PUT requests allowed.", {}],
    ["PUT /-/quit", 403, "Lifecycle API is not enabled.", {}],
    ["PUT /metrics//job/a", 301, "", { location: "/metrics/job/a" }],
    ["PUT /metrics/job/a/../b?x=1", 301, "", { location: "/metrics/job/b?x=1" }],
    ["POST /Metrics/job/a", 307, "", { location: "/metrics/job/a" }],
    ["PUT /metrics/job/", 307, "", { location: "/metrics/job" }],
    ["DELETE /api/v1/metrics", 405, "Method Not Allowed\n", { allow: "GET, OPTIONS" }],
    ["PUT /api/v1/status/", 404, "404 page not found\n", {}],
  ] as const) {
    const answer = await server.request(line);
    assert.deepEqual([answer.status, answer.text], [status, text], line);
    for (const [name, value] of Object.entries(headers)) assert.equal(answer.headers[name], value, line);
    assert.equal(answer.headers["server"], undefined);
  }
});

test("a redirect of a GET comes with a link, escaped", async () => {
  const answer = await server.request("GET /metrics/?a=<b>");
  assert.equal(answer.status, 301);
  assert.equal(answer.headers.location, "/metrics?a=<b>");
  assert.equal(answer.text, '<a href="/metrics?a=&lt;b&gt;">Moved Permanently</a>.\n\n');
});

test("redirects below /api/v1 lose their prefix", async () => {
  assert.equal((await server.request("GET /api/v1")).headers.location, "/api/v1/");
  const answer = await server.request("GET /api/v1/metrics/");
  assert.deepEqual([answer.status, answer.headers.location], [301, "/metrics"]);
});

test("malformed requests get 400 and the connection is closed", async () => {
  for (const bytes of [
    "GARBAGE\r\n\r\n",
    "\x16\x03\x01\x02\r\n\r\n",
    "PUT /metrics/job/a HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
    "GET /a b HTTP/1.1\r\nHost: x\r\n\r\n",
    "GET /\x01 HTTP/1.1\r\nHost: x\r\n\r\n",
  ]) {
    assert.match(await server.raw(bytes), /^HTTP\/1.1 400 Bad Request\r\n/, JSON.stringify(bytes));
  }
});

test("a method that does not exist is not allowed, one that no path has neither", async () => {
  const answer = await server.raw("put /metrics/job/a HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n");
  assert.match(answer, /^HTTP\/1.1 405 [\s\S]*\r\nAllow: DELETE, OPTIONS, POST, PUT\r\n/);
  assert.match(await server.raw("frob /nope HTTP/1.1\r\nHost: x\r\n\r\n"), /^HTTP\/1.1 404 /);
});

test("request lines may be long, but not without bounds", async () => {
  const long = `PUT /metrics/job/a/x/${"v".repeat(500_000)} HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nConnection: close\r\n\r\nm 1\n`;
  assert.match(await server.raw(long), /^HTTP\/1.1 200 /);
  const longer = `GET / HTTP/1.1\r\nHost: x\r\nX: ${"v".repeat(1_100_000)}\r\n\r\n`;
  assert.match(await server.raw(longer), /^HTTP\/1.1 431 /);
});

test("with a route prefix everything but the hint about /-/quit moves", async () => {
  const prefixed = await startTestServer({
    "web.external-url": "http://example.org/a+b/",
    "web.telemetry-path": "/stats",
  });
  for (const [line, status] of [
    ["PUT /a+b/metrics/job/x", 200],
    ["PUT /a%2Bb/metrics/job/x", 200],
    ["GET /a+b/stats", 200],
    ["GET /a+b/-/ready", 200],
    ["GET /a+b/api/v1/status", 200],
    ["GET /a+b/", 200],
    ["GET /a+b", 301],
    ["GET /-/quit", 405],
    ["PUT /-/quit", 405],
    ["PUT /metrics/job/x", 404],
    ["GET /a+b/metrics", 404],
    ["GET /-/ready", 404],
    ["GET /", 404],
    ["GET /aab/stats", 404],
  ] as const) {
    assert.equal((await prefixed.request(line)).status, status, line);
  }
});
