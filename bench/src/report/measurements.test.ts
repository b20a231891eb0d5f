import assert from "node:assert/strict";
import { test } from "node:test";
import { formatMeasurements, Recorder } from "./measurements.ts";

test("values of one id are compared round by round with those of another", () => {
  const recorder = new Recorder({ scenario: "push", title: "Push", settings: "" });
  for (const [ours, theirs] of [
    [40, 20],
    [30, 10],
    [10, 5],
  ]) {
    recorder.add({ id: "ours", what: "rate", who: "Ours", unit: "pushes/s", against: ["theirs", "missing"] }, ours!);
    recorder.add({ id: "theirs", what: "rate", who: "Theirs", unit: "pushes/s" }, theirs!);
    recorder.add({ id: "alone", what: "rate", who: "Third", unit: "pushes/s", against: ["missing"] }, 7);
  }
  recorder.skip("Redis, as it is not here");
  assert.deepEqual(formatMeasurements(recorder.measurements).split("\n"), [
    "|      | unit     |       | median (min–max) | beside | median (min–max) |   ratio |",
    "| ---- | -------- | ----- | ---------------: | ------ | ---------------: | ------: |",
    "| rate | pushes/s | Ours  |       30 (10–40) | Theirs |        10 (5–20) | 2 (2–3) |",
    "| rate | pushes/s | Third |                7 |        |                  |         |",
    "",
    "Skipped: Redis, as it is not here",
  ]);
});
