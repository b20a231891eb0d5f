import assert from "node:assert/strict";
import { test } from "node:test";
import { formatMeasurements, Recorder } from "./measurements.ts";

test("values of one id make one row, compared round by round with another", () => {
  const recorder = new Recorder({ scenario: "push", title: "Push", settings: "" });
  for (const [ours, theirs] of [
    [40, 20],
    [30, 10],
    [10, 5],
  ]) {
    recorder.add({ id: "ours", label: "Ours", unit: "pushes/s", against: "theirs" }, ours!);
    recorder.add({ id: "theirs", label: "Theirs", unit: "pushes/s" }, theirs!);
  }
  recorder.skip("Redis, as it is not here");
  assert.deepEqual(formatMeasurements(recorder.measurements).split("\n"), [
    "|        | unit     | median (min–max) |   ratio | to     |",
    "| ------ | -------- | ---------------: | ------: | ------ |",
    "| Ours   | pushes/s |       30 (10–40) | 2 (2–3) | Theirs |",
    "| Theirs | pushes/s |        10 (5–20) |         |        |",
    "",
    "Skipped: Redis, as it is not here",
  ]);
});
