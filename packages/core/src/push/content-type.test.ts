import assert from "node:assert/strict";
import { test } from "node:test";
import { isDelimitedProtobuf } from "./content-type.ts";

const TYPE = "application/vnd.google.protobuf";
const PROTO = "proto=io.prometheus.client.MetricFamily";

// Both tables as answered by the Go Pushgateway 1.11.2.

test("delimited protobuf is announced in many spellings", () => {
  for (const contentType of [
    `${TYPE}; ${PROTO}; encoding=delimited`,
    `APPLICATION/vnd.google.Protobuf; ${PROTO}; encoding=delimited`,
    `${TYPE};encoding=delimited;${PROTO}`,
    `${TYPE}; proto="io.prometheus.client.MetricFamily"; encoding="delimited"; x=y`,
    `${TYPE}; ${PROTO}; encoding=delimited;`,
    `${TYPE}; ${PROTO}; encoding=delimited ; `,
    `${TYPE}; Proto=io.prometheus.client.MetricFamily; ENCODING=delimited`,
    `${TYPE}; ${PROTO}; encoding=delimited; encoding=delimited`,
    `${TYPE}; ${PROTO}; encoding=delimited; a="b;c"`,
    `${TYPE}; ${PROTO}; encoding=delimited; a="b\\"c"`,
    `${TYPE}; a="; proto=x"; ${PROTO}; encoding=delimited`,
    `${TYPE}; proto = io.prometheus.client.MetricFamily; encoding= delimited`,
    `${TYPE} ; ${PROTO} ; encoding=delimited`,
    ` ${TYPE}; ${PROTO}; encoding=delimited`,
  ]) {
    assert.ok(isDelimitedProtobuf(contentType), contentType);
  }
});

test("anything else means text", () => {
  for (const contentType of [
    undefined,
    "",
    ";",
    "text/plain",
    TYPE,
    `${TYPE}; ${PROTO}`,
    `${TYPE}; encoding=delimited`,
    `${TYPE}x; ${PROTO}; encoding=delimited`,
    `${TYPE}, text/plain; ${PROTO}; encoding=delimited`,
    `${TYPE}; proto=io.prometheus.client.metricfamily; encoding=delimited`,
    `${TYPE}; ${PROTO}; encoding=Delimited`,
    `${TYPE}; ${PROTO}; encoding=text`,
    `${TYPE}; ${PROTO}; encoding=text; encoding=delimited`,
    `${TYPE}; ${PROTO}; encoding=delimited; flag`,
    `${TYPE}; ${PROTO}; encoding=delimited; ;`,
    `${TYPE}; ${PROTO}; encoding=delimited; a=`,
    `${TYPE}; ${PROTO}; encoding=delimited; a="b`,
    `${TYPE}; ${PROTO}; encoding="delimited"x`,
    `${TYPE}; ${PROTO}; encoding=deli mited`,
    `${TYPE}; proto="io.prometheus.client.\\MetricFamily"; encoding=delimited`,
  ]) {
    assert.ok(!isDelimitedProtobuf(contentType), contentType);
  }
});
