import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { after, before, describe, test } from "node:test";
import { CASES } from "./cases/index.ts";
import { describeMismatch } from "./describe.ts";
import { Gateways } from "./gateways.ts";
import { type Recording, readRecording } from "./recording.ts";
import { checkCase } from "./run-case.ts";
import { DIFFERENCES_FILE, RECORDING_FILE, WAYSTATION_COMMAND } from "./waystation.ts";

describe("Waystation answers as the Go Pushgateway did when it was recorded", () => {
  let gateways: Gateways;
  let recording: Recording;

  before(() => {
    gateways = new Gateways(WAYSTATION_COMMAND);
    recording = readRecording(RECORDING_FILE);
  });
  after(() => gateways[Symbol.asyncDispose]());

  for (const testCase of CASES) {
    test(testCase.name, async () => {
      const recorded = recording.cases[testCase.name];
      assert.equal(
        recorded?.length,
        testCase.steps.length,
        "not recorded in this form: pnpm conformance --peer '…' --record",
      );
      const mismatch = await checkCase(testCase, await gateways.with(testCase.flags), recorded);
      assert.ok(mismatch === undefined, mismatch && describeMismatch(mismatch));
    });
  }
});

test("each deliberate difference stands in docs/differences.md", () => {
  const headings = readFileSync(DIFFERENCES_FILE, "utf8")
    .split("\n")
    .filter((line) => line.startsWith("#"))
    .map((line) =>
      line
        .replace(/^#+ /, "")
        .toLowerCase()
        .replaceAll(/[^\w -]/g, "")
        .replaceAll(" ", "-"),
    );
  const reasons = new Set(CASES.flatMap(({ steps }) => steps).flatMap(({ differs }) => differs?.reason ?? []));
  assert.deepEqual(
    [...reasons].filter((reason) => !headings.includes(reason)),
    [],
  );
});
