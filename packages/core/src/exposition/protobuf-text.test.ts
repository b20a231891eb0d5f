import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { ByteWriter } from "./byte-writer.ts";
import { decodeDelimited } from "./protobuf-decoder.ts";
import { type ProtobufTextForm, writeFamilyAsText } from "./protobuf-text.ts";

const corpus = new URL("../../test/corpus/protobuf/", import.meta.url);
const families = decodeDelimited(readFileSync(new URL("go-pushgateway-scrape.pb", corpus)));

function written(form: ProtobufTextForm): string {
  const out = new ByteWriter();
  for (const family of families) writeFamilyAsText(out, family, form);
  return out.bytes().toString();
}

/** Go doubles spaces between fields at random; the families have no double space of their own. */
const withoutDoubleSpaces = (text: string) => text.replace(/(?<=\S) {2}(?=\S)/g, " ");

for (const form of ["text", "compact-text"] as const) {
  test(`${form} is what the Go Pushgateway writes for the same scrape, but for random spaces`, () => {
    const upstream = readFileSync(new URL(`go-pushgateway-scrape.${form}`, corpus), "utf8");
    assert.equal(written(form), withoutDoubleSpaces(upstream));
  });
}

test("empty messages, unusual bytes and timestamps", () => {
  const out = new ByteWriter();
  const family = {
    name: "\xff\0a\xc3\xa9\xc3",
    type: "gauge",
    unit: "s",
    metrics: [
      { labels: [], mistyped: true },
      { labels: [] },
      { labels: [{ name: "", value: "\xed\xa0\x80" }], value: 0, timestamp: -1n },
    ],
  } as const;
  writeFamilyAsText(
    out,
    { ...family, metrics: [...family.metrics].map((metric) => ({ ...metric, labels: [...metric.labels] })) },
    "compact-text",
  );
  assert.equal(
    out.bytes().toString(),
    'name:"\\xff\\x00aé\\xc3" type:GAUGE metric:{} metric:{gauge:{}} metric:{label:{name:"" value:"\\xed\\xa0\\x80"} gauge:{value:0} timestamp_ms:-1} unit:"s"\n',
  );
  out.reset();
  writeFamilyAsText(out, { name: "x", type: "gauge", metrics: [{ labels: [], mistyped: true }] }, "text");
  assert.equal(out.bytes().toString(), 'name: "x"\ntype: GAUGE\nmetric: {}\n\n');
});
