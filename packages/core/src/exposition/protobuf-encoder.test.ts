import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import fc from "fast-check";
import { metricFamily } from "../../test/metric-family-arbitrary.ts";
import { decodeDelimited, decodeFamily } from "./protobuf-decoder.ts";
import { encodeDelimited, encodeFamily, writeFamily, writeFamilyHead, writeMetric } from "./protobuf-encoder.ts";
import { WireWriter } from "./protobuf-writer.ts";

const SOAK = process.env["WAYSTATION_SOAK"] === "1" ? 20 : 1;

const corpus = new URL("../../test/corpus/protobuf/", import.meta.url);

test("every family that can be written is read back as it was", () => {
  fc.assert(
    fc.property(metricFamily, (family) => {
      assert.deepEqual(decodeFamily(encodeFamily(family)), family);
      assert.deepEqual(decodeDelimited(encodeDelimited(family)), [family]);
    }),
    { numRuns: 500 * SOAK },
  );
});

test("a scrape of the Go Pushgateway is written with the same bytes as it was read from", () => {
  const scrape = readFileSync(new URL("go-pushgateway-scrape.pb", corpus));
  const families = decodeDelimited(scrape);
  assert.deepEqual(Buffer.concat(families.map(encodeDelimited)), scrape);

  const out = new WireWriter(1);
  for (const family of families) writeFamily(out, family);
  assert.deepEqual(Buffer.from(out.view()), scrape);
});

test("a family can be written in pieces", () => {
  const families = decodeDelimited(readFileSync(new URL("go-pushgateway-scrape.pb", corpus)));
  for (const family of families) {
    const head = new WireWriter();
    writeFamilyHead(head, family.name, family.help, family.type);
    const metrics = family.metrics.map((metric) => {
      const piece = new WireWriter();
      writeMetric(piece, family.type, metric);
      return piece.toBytes();
    });
    assert.deepEqual(Buffer.concat([head.toBytes(), ...metrics]), Buffer.from(encodeFamily(family)));
  }
});
