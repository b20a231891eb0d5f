import assert from "node:assert/strict";
import { test } from "node:test";
import { parseText } from "@waystation/core";
import { countSamples, DataSet } from "./data-set.ts";
import { SHAPE_NAMES, SHAPES } from "./shapes.ts";

for (const name of SHAPE_NAMES) {
  test(`${name}: every body is an exposition, and versions differ in values only`, () => {
    const data = new DataSet(name, SHAPES[name].kinds.length);
    for (let group = 0; group < data.groups; group++) {
      const first = data.body(group, 0);
      for (let version = 0; version < data.versions; version++) {
        const body = data.body(group, version);
        assert.ok(parseText(body, { utf8Names: false }).length > 0);
        assert.deepEqual(seriesOf(body), seriesOf(first));
        if (version > 0) assert.notDeepEqual(body, first);
      }
    }
  });

  test(`${name}: the usual number of groups makes about 100,000 series`, () => {
    const { series } = new DataSet(name, SHAPES[name].groups);
    assert.ok(series > 90_000 && series < 110_000, `${series}`);
    const { groups } = DataSet.ofSeries(name, series);
    assert.ok(Math.abs(groups - SHAPES[name].groups) <= SHAPES[name].kinds.length, `${groups}`);
  });
}

test("the series of a data set are those of all its bodies", () => {
  const data = new DataSet("mixed", 13);
  let lines = 0;
  for (let group = 0; group < data.groups; group++) lines += countSamples(data.body(group, 0));
  assert.equal(data.series, lines);
});

test("a small job is a push of about 1,150 bytes", () => {
  const { bodies } = new DataSet("small-jobs", 1);
  const mean = bodies.reduce((sum, { length }) => sum + length, 0) / bodies.length;
  assert.ok(Math.abs(mean - 1150) < 25, `${mean}`);
});

function seriesOf(body: Buffer): string[] {
  return body
    .toString()
    .split("\n")
    .map((line) => (line.startsWith("#") ? line : line.slice(0, line.lastIndexOf(" "))));
}
