import assert from "node:assert/strict";
import { test } from "node:test";
import { Gateway, groupingKey, MemoryJournal, negotiateFormat } from "@waystation/core";

const OPENMETRICS = negotiateFormat("application/openmetrics-text; version=1.0.0", { openMetrics: "alone" });
const BODY = [
  "# HELP foo_seconds help",
  "# TYPE foo_seconds counter",
  "# UNIT foo_seconds seconds",
  'foo_seconds_total{a="b"} 17.0 # {trace_id="abc"} 1.0 1520879607.789',
  'foo_seconds_created{a="b"} 1520430000.123',
  "# EOF",
  "",
].join("\n");

async function gatewayWith(contentType: string, body: string): Promise<Gateway> {
  const gateway = await Gateway.open({ journal: new MemoryJournal() });
  await gateway.push({ key: groupingKey({ job: "om" }), contentType, body });
  return gateway;
}

test("OpenMetrics that was pushed is served again with its unit and exemplars", async () => {
  const gateway = await gatewayWith("application/openmetrics-text; version=1.0.0; charset=utf-8", BODY);
  const text = (await gateway.expose({ format: OPENMETRICS })).text();
  assert.match(text, /^# HELP foo_seconds help\n# TYPE foo_seconds counter\n# UNIT foo_seconds seconds\n/);
  assert.match(
    text,
    /^foo_seconds_total\{a="b",instance="",job="om"\} 17\.0 # \{trace_id="abc"\} 1\.0 1520879607\.789$/m,
  );
  assert.match(text, /# EOF\n$/);
  await gateway.close();
});

test("in the text format it is what a client of that format would have pushed", async () => {
  const gateway = await gatewayWith("Application/OpenMetrics-Text", BODY);
  const text = (await gateway.expose()).text();
  assert.match(text, /^# TYPE foo_seconds_total counter\nfoo_seconds_total\{a="b",instance="",job="om"\} 17$/m);
  await gateway.close();
});

test("text under the type of OpenMetrics is taken as text, as other gateways take it", async () => {
  const gateway = await gatewayWith("application/openmetrics-text", "# TYPE m gauge\nm 1\n");
  assert.match((await gateway.expose()).text(), /^m\{instance="",job="om"\} 1$/m);
  await gateway.close();
});

test("broken OpenMetrics changes nothing and is refused with its place", async () => {
  const gateway = await gatewayWith("text/plain", "m 1\n");
  const push = gateway.push({
    key: groupingKey({ job: "om" }),
    contentType: "application/openmetrics-text",
    body: "# TYPE m gauge\nm one\n# EOF\n",
  });
  await assert.rejects(push, { code: "PARSE", position: { line: 2, column: 3 } });
  assert.match((await gateway.expose()).text(), /^m\{instance="",job="om"\} 1$/m);
  await gateway.close();
});
