import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type ExpositionFormat, negotiateEncoding, negotiateFormat } from "./negotiation.ts";

const PROTOBUF = "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily";
const PROMETHEUS_3 =
  "application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6," +
  "application/openmetrics-text;version=0.0.1;q=0.5," +
  "text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2";

function summary({ syntax, version, escaping }: ExpositionFormat): string {
  return [syntax, version, escaping].filter((part) => part !== undefined).join(" ");
}

test("the content type is spelled like the Go Pushgateway spells it", () => {
  assert.deepEqual(negotiateFormat(undefined), {
    syntax: "text",
    version: "0.0.4",
    escaping: "underscores",
    contentType: "text/plain; version=0.0.4; charset=utf-8; escaping=underscores",
  });
  assert.deepEqual(negotiateFormat(`${PROTOBUF};encoding=compact-text;escaping=dots`), {
    syntax: "protobuf-compact-text",
    version: undefined,
    escaping: "dots",
    contentType:
      "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=compact-text; escaping=dots",
  });
  assert.equal(
    negotiateFormat(PROMETHEUS_3, { openMetrics: "by-weight" }).contentType,
    "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=allow-utf-8",
  );
});

test("the best clause that names a format decides", () => {
  const table: [accept: string, format: string][] = [
    ["", "text 0.0.4 underscores"],
    ["*/*", "text 0.0.4 underscores"],
    ["text/*", "text 0.0.4 underscores"],
    ["text/plain;version=0.0.3", "text 0.0.4 underscores"],
    ["application/json", "text 0.0.4 underscores"],
    ["application/openmetrics-text;version=1.0.0", "text 0.0.4 underscores"],
    [PROMETHEUS_3, "text 0.0.4 allow-utf-8"],
    [`${PROTOBUF};encoding=delimited`, "protobuf-delimited underscores"],
    [`${PROTOBUF};encoding=text`, "protobuf-text underscores"],
    [`${PROTOBUF.replaceAll(/[/;=]/g, " $& ")} ; encoding = text `, "protobuf-text underscores"],
    [`${PROTOBUF}`, "text 0.0.4 underscores"],
    [`${PROTOBUF};encoding=Delimited`, "text 0.0.4 underscores"],
    [`Application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=text`, "text 0.0.4 underscores"],
    [`text/plain;q=0.3,${PROTOBUF};encoding=delimited;q=0.7`, "protobuf-delimited underscores"],
    [`text/plain;q=0.9,${PROTOBUF};encoding=delimited;q=0.7`, "text 0.0.4 underscores"],
    [`text/plain;q=0.5,${PROTOBUF};encoding=text;q=0.5`, "text 0.0.4 underscores"],
    [`${PROTOBUF};encoding=text;q=0.5,text/plain;q=0.5`, "protobuf-text underscores"],
    [`${PROTOBUF};encoding=text;q=0`, "protobuf-text underscores"],
    [`${PROTOBUF};encoding=text;q=x,text/plain;q=0.1`, "text 0.0.4 underscores"],
    [`${PROTOBUF};encoding=text;q= 1,text/plain;q=0.1`, "text 0.0.4 underscores"],
    [`*/*;q=1,${PROTOBUF};encoding=text;q=0.1`, "protobuf-text underscores"],
    ["text/plain;escaping=values", "text 0.0.4 values"],
    ["text/plain;escaping=VALUES", "text 0.0.4 underscores"],
    ["application/json;escaping=values,text/plain", "text 0.0.4 values"],
    ["text/plain,application/json;escaping=values", "text 0.0.4 underscores"],
    ["application/json;escaping=values,text/plain;escaping=dots", "text 0.0.4 dots"],
    ["application/json;escaping=values,text/plain;escaping=foo", "text 0.0.4 values"],
    ["text;escaping=values", "text 0.0.4 underscores"],
    ["text/plain/x;escaping=values", "text 0.0.4 underscores"],
    ["text/plain/;escaping=values", "text 0.0.4 values"],
    ["text//;escaping=values", "text 0.0.4 values"],
    ["text/plain//;escaping=values", "text 0.0.4 underscores"],
    ["*;escaping=values", "text 0.0.4 values"],
    ["text/plain;escaping=values=", "text 0.0.4 values"],
    ["text/plain;escaping=values=x", "text 0.0.4 underscores"],
  ];
  for (const [accept, format] of table) {
    assert.equal(summary(negotiateFormat(accept)), format, accept);
  }
});

test("OpenMetrics is answered if offered and preferred", () => {
  const table: [accept: string, format: string][] = [
    [PROMETHEUS_3, "openmetrics 1.0.0 allow-utf-8"],
    ["application/openmetrics-text", "openmetrics 0.0.1 underscores"],
    ["application/openmetrics-text;version=0.0.1", "openmetrics 0.0.1 underscores"],
    ["application/openmetrics-text;version=2.0.0", "text 0.0.4 underscores"],
    ["application/openmetrics-text;version=1.0.0;q=0.1,text/plain", "text 0.0.4 underscores"],
    ["*/*", "text 0.0.4 underscores"],
  ];
  for (const [accept, format] of table) {
    assert.equal(summary(negotiateFormat(accept, { openMetrics: "by-weight" })), format, accept);
  }
});

test("gzip is used if it is preferred to identity", () => {
  const table: [acceptEncoding: string | undefined, encoding: string][] = [
    [undefined, "identity"],
    ["", "identity"],
    ["gzip", "gzip"],
    ["GZIP", "identity"],
    ["gzip;q=0", "identity"],
    ["gzip;Q=0.5", "identity"],
    ["*", "identity"],
    ["*;q=0.5", "identity"],
    ["*;q=0.5, gzip", "gzip"],
    ["gzip;q=0.5, *", "identity"],
    ["identity, gzip", "identity"],
    ["gzip, identity", "identity"],
    ["gzip, identity;q=0.5", "gzip"],
    ["gzip;q=0.9, identity;q=0.9", "identity"],
    ["gzip ; q=0.1", "gzip"],
    ["gzip;q=1.9", "gzip"],
    ["gzip;q=0.5x, identity", "gzip"],
    ["gzip;q=2", "identity"],
    ["gzip;q=.5", "identity"],
    ["deflate;level=1, gzip", "identity"],
    ["deflate;q=5, gzip", "identity"],
    [", gzip", "identity"],
    ["br/x, gzip", "gzip"],
    ["zstd, gzip;q=0.5", "gzip"],
    ["gzip, deflate, br, zstd", "gzip"],
    ["identity;q=0", "identity"],
    ["*;q=0, gzip;q=0", "identity"],
    ["identity;q=0, *;q=0.3", "identity"],
  ];
  for (const [header, encoding] of table) {
    assert.equal(negotiateEncoding(header), encoding, header);
  }
});

test("zstd is used only if offered and preferred", () => {
  assert.equal(negotiateEncoding("zstd", { zstd: true }), "zstd");
  assert.equal(negotiateEncoding("zstd", { zstd: false }), "identity");
  assert.equal(negotiateEncoding("gzip, zstd", { zstd: true }), "gzip");
  assert.equal(negotiateEncoding("gzip;q=0.5, zstd", { zstd: true }), "zstd");
});

test("no header makes negotiation fail", () => {
  const header = fc.string({
    unit: fc.constantFrom(..."ab*/;=,q01. \t", "gzip", "text/plain", "q=", "escaping="),
    maxLength: 30,
  });
  fc.assert(
    fc.property(header, (text) => {
      assert.equal(negotiateFormat(text).syntax, "text");
      assert.ok(["identity", "gzip", "zstd"].includes(negotiateEncoding(text, { zstd: true })));
    }),
  );
});

test("OpenMetrics is answered alone only where nothing else is accepted", () => {
  const alone = (accept: string) => negotiateFormat(accept, { openMetrics: "alone" }).syntax;
  assert.equal(alone("application/openmetrics-text; version=1.0.0"), "openmetrics");
  assert.equal(alone("application/openmetrics-text"), "openmetrics");
  assert.equal(alone("application/openmetrics-text, application/json"), "openmetrics");
  assert.equal(alone("application/openmetrics-text;version=1.0.0, text/plain;version=0.0.4;q=0.1"), "text");
  assert.equal(alone("application/openmetrics-text;version=1.0.0, */*;q=0.1"), "text");
  assert.equal(alone("application/openmetrics-text;version=1.0.0, text/*"), "text");
  assert.equal(alone(PROMETHEUS_3), "text");
  assert.equal(alone(""), "text");
});
