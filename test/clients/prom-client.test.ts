import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { Counter, Gauge, Histogram, Pushgateway, Registry } from "prom-client";
import type { GatewayProcess } from "../../conformance/src/gateway-process.ts";
import { samplesOf, startGateway } from "../support/gateway.ts";

let gateway: GatewayProcess;
before(async () => {
  gateway = await startGateway();
});
after(() => gateway.stop());

test("prom-client: push, pushAdd and delete", async () => {
  const registry = new Registry();
  new Gauge({ name: "js_rows", help: "Rows.", labelNames: ["table"], registers: [registry] }).set(
    { table: 'a"b\n' },
    4,
  );
  new Counter({ name: "js_runs_total", help: "Runs.", registers: [registry] }).inc(2);
  new Histogram({ name: "js_seconds", help: "Seconds.", buckets: [0.1, 1], registers: [registry] }).observe(0.5);
  const params = { jobName: "export job", groupings: { instance: "host-1" } };
  const group = 'instance="host-1",job="export job"';

  await new Pushgateway(gateway.url, {}, registry).push(params);
  assert.deepEqual(await samplesOf(gateway, "js_rows"), [`js_rows{${group},table="a\\"b\\n"} 4`]);
  assert.deepEqual(await samplesOf(gateway, "js_runs_total"), [`js_runs_total{${group}} 2`]);
  assert.deepEqual(await samplesOf(gateway, "js_seconds_bucket"), [
    `js_seconds_bucket{${group},le="0.1"} 0`,
    `js_seconds_bucket{${group},le="1"} 1`,
    `js_seconds_bucket{${group},le="+Inf"} 1`,
  ]);

  const more = new Registry();
  new Gauge({ name: "js_more", help: "More.", registers: [more] }).set(1);
  await new Pushgateway(gateway.url, {}, more).pushAdd(params);
  assert.deepEqual(await samplesOf(gateway, "js_more"), [`js_more{${group}} 1`]);
  assert.deepEqual(await samplesOf(gateway, "js_runs_total"), [`js_runs_total{${group}} 2`]);

  await new Pushgateway(gateway.url, {}, registry).delete(params);
  assert.deepEqual(await samplesOf(gateway, "js_more"), []);
});

test("prom-client: a compressed push", async () => {
  const registry = new Registry();
  new Gauge({ name: "js_compressed", help: "Compressed.", registers: [registry] }).set(1);
  await new Pushgateway(gateway.url, { headers: { "Content-Encoding": "gzip" } }, registry).push({ jobName: "zip" });
  assert.deepEqual(await samplesOf(gateway, "js_compressed"), ['js_compressed{instance="",job="zip"} 1']);
});
