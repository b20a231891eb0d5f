import assert from "node:assert/strict";
import { test } from "node:test";
import { parseRequestTarget } from "./request-target.ts";
import { type Route, RouteTable } from "./route-table.ts";

const get = (path: string): Route => ({ method: "GET", shape: "exact", path });
const pushes: Route[] = ["PUT", "POST", "DELETE"].flatMap((method) =>
  ["/metrics/job", "/metrics/job@base64"].map((path): Route => ({ method, shape: "grouping-key", path })),
);
const table = new RouteTable([
  get("/"),
  get("/metrics"),
  get("/-/ready"),
  { method: "OPTIONS", shape: "subtree", path: "/api" },
  ...pushes,
]);

test("routes are found by method and decoded path", () => {
  for (const [method, path, found] of [
    ["GET", "/metrics", true],
    ["GET", "/", true],
    ["GET", "/metrics/", false],
    ["PUT", "/metrics/job/a", true],
    ["PUT", "/metrics/job/a/", true],
    ["DELETE", "/metrics/job@base64/YQ/x/y", true],
    ["PUT", "/metrics/job//x", true],
    ["PUT", "/metrics/job/", false],
    ["PUT", "/metrics/jobs/a", false],
    ["GET", "/metrics/job/a", false],
    ["OPTIONS", "/api/x/y", true],
    ["OPTIONS", "/api", false],
  ] as const) {
    assert.equal(table.find(method, path) !== undefined, found, `${method} ${path}`);
  }
});

test("what no route takes gets the answer that httprouter gives", () => {
  const allow = (methods: string) => ({ Allow: methods });
  const to = (location: string) => ({ Location: location });
  for (const [method, url, status, headers] of [
    ["GET", "/nope", 404, {}],
    ["PUT", "/metrics", 405, allow("GET, OPTIONS")],
    ["HEAD", "/metrics", 405, allow("GET, OPTIONS")],
    ["OPTIONS", "/metrics/job/a", 200, allow("DELETE, OPTIONS, POST, PUT")],
    ["GET", "/metrics/job/a", 405, allow("DELETE, OPTIONS, POST, PUT")],
    ["GET", "/metrics/?x=1", 301, to("/metrics?x=1")],
    ["PUT", "/metrics/", 404, {}],
    ["PUT", "/metrics/job/", 307, to("/metrics/job")],
    ["PUT", "/metrics/job@base64/", 404, {}],
    ["PUT", "/metrics/job", 404, {}],
    ["POST", "/Metrics/JOB/A/x/%2525", 307, to("/metrics/job/A/x/%2525")],
    ["POST", "/Metrics/JOB@Base64/YQ", 307, to("/metrics/job@base64/YQ")],
    ["GET", "/METRICS", 301, to("/metrics")],
    ["GET", "/-/Ready/", 301, to("/-/ready")],
    ["GET", "/-/", 404, {}],
    ["OPTIONS", "/api", 307, to("/api/")],
    ["OPTIONS", "/API/x", 307, to("/api/x")],
  ] as const) {
    assert.deepEqual(table.fallback(method, parseRequestTarget(url)), { status, headers }, `${method} ${url}`);
  }
});
