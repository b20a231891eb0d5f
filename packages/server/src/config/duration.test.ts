import assert from "node:assert/strict";
import { test } from "node:test";
import { formatByteSize, parseByteSize } from "./byte-size.ts";
import { formatDuration, parseDuration } from "./duration.ts";

test("durations are read in Go's syntax", () => {
  for (const [text, milliseconds] of [
    ["5m", 300_000],
    ["1h30m", 5_400_000],
    ["1.5h", 5_400_000],
    ["250ms", 250],
    ["0", 0],
    ["-1s", -1_000],
    [".5s", 500],
    ["1m0.5s", 60_500],
    ["2us", 0.002],
  ] as const) {
    assert.equal(parseDuration(text), milliseconds, text);
  }
  for (const text of ["", "5", "5 m", "m", "5d", "1h30", "1e3s", "."]) {
    assert.throws(() => parseDuration(text), { code: "CONFIG" }, text);
  }
});

test("durations are spelled as Go spells them", () => {
  for (const [milliseconds, text] of [
    [300_000, "5m0s"],
    [5_400_000, "1h30m0s"],
    [1_500, "1.5s"],
    [250, "250ms"],
    [0.002, "2µs"],
    [0, "0s"],
    [-1_000, "-1s"],
  ] as const) {
    assert.equal(formatDuration(milliseconds), text);
  }
});

test("sizes are whole and positive", () => {
  for (const [text, bytes] of [
    ["1", 1],
    ["64MiB", 67_108_864],
    ["1.5KiB", 1_536],
    ["2GiB", 2_147_483_648],
    ["7B", 7],
  ] as const) {
    assert.equal(parseByteSize(text), bytes, text);
    assert.equal(parseByteSize(formatByteSize(bytes)), bytes);
  }
  for (const text of ["", "0", "-1", "64MB", "64 MiB", "x", "1e400"])
    assert.throws(() => parseByteSize(text), { code: "CONFIG" }, text);
});
