import assert from "node:assert/strict";
import { test } from "node:test";
import { HttpMetrics } from "./http-metrics.ts";

test("there are no families before there are requests", () => {
  assert.deepEqual(new HttpMetrics().collect(0), []);
});

test("requests are counted by handler, code and method", () => {
  const metrics = new HttpMetrics();
  for (const [handler, code, method] of [
    ["push", 200, "PUT"],
    ["push", 200, "PUT"],
    ["push", 400, "PUT"],
    ["delete", 202, "DELETE"],
  ] as const) {
    metrics.countRequest(handler, code, method);
  }
  const [family] = metrics.collect(0);
  assert.equal(family!.name, "pushgateway_http_requests_total");
  assert.deepEqual(
    family!.metrics.map(({ labels, value }) => [...labels.map((label) => label.value), value]),
    [
      ["200", "push", "put", 2],
      ["400", "push", "put", 1],
      ["202", "delete", "delete", 1],
    ],
  );
});

test("pushes are summed up by method", () => {
  const metrics = new HttpMetrics();
  metrics.observePush("PUT", 0.5, 100, 0);
  metrics.observePush("PUT", 1.5, 300, 0);
  metrics.observePush("POST", 1, 1, 0);
  const [duration, size] = metrics.collect(0);
  assert.equal(duration!.name, "pushgateway_http_push_duration_seconds");
  assert.equal(size!.name, "pushgateway_http_push_size_bytes");
  const [put, post] = size!.metrics;
  assert.deepEqual(put!.labels, [{ name: "method", value: "put" }]);
  assert.equal(put!.summary!.count, 2);
  assert.equal(put!.summary!.sum, 400);
  assert.deepEqual(
    put!.summary!.quantiles.map(({ quantile }) => quantile),
    [0.1, 0.5, 0.9],
  );
  assert.equal(post!.summary!.count, 1);
});
