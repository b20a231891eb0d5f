import assert from "node:assert/strict";
import { test } from "node:test";
import { bucketBars } from "../../ui/src/group/buckets.ts";
import { readFilters, writeFilters } from "../../ui/src/groups/filters.ts";
import {
  explainValue,
  formatAge,
  formatBytes,
  formatCompact,
  formatDuration,
  formatSample,
} from "../../ui/src/lib/format.ts";
import { formatSpan, parseSpan } from "../../ui/src/lib/thresholds.ts";

/** The parts of the interface that need no browser: how numbers become words. */

function checkTable<Given>(format: (given: Given) => unknown, table: readonly (readonly [Given, unknown])[]): void {
  for (const [given, expected] of table) assert.equal(format(given), expected, String(given));
}

test("ages are told in one unit, in the larger one from two of it on", () => {
  checkTable(formatAge, [
    [0, "0 s"],
    [59.9, "59 s"],
    [60, "1 min"],
    [7_199, "119 min"],
    [7_200, "2 h"],
    [172_799, "47 h"],
    [172_800, "2 d"],
    [90 * 86_400, "90 d"],
  ]);
});

test("durations of any size are told with at most two units", () => {
  checkTable(formatDuration, [
    [0, "0 s"],
    [0.00035, "350 µs"],
    [0.0215, "21.5 ms"],
    [1.5, "1.5 s"],
    [90, "1 min 30 s"],
    [3_600, "1 h"],
    [7_530, "2 h 5 min"],
    [-90, "-1 min 30 s"],
  ]);
});

test("sizes and numbers are rounded to what is read at a glance", () => {
  checkTable(formatBytes, [
    [0, "0 B"],
    [1_023, "1020 B"],
    [1_024, "1 KiB"],
    [1.5 * 2 ** 30, "1.5 GiB"],
    [2 ** 60, "1050000 TiB"],
  ]);
  checkTable(formatCompact, [
    [0, "0"],
    [0.0123, "0.012"],
    [999, "999"],
    [12_345, "12.3K"],
  ]);
});

test("sample values are shown in full, without exponents where that is possible", () => {
  checkTable(formatSample, [
    ["1.79515799e+09", "1795157990"],
    ["1e-05", "0.00001"],
    ["1e+21", "1e+21"],
    ["NaN", "NaN"],
    ["+Inf", "+Inf"],
    ["-0", "0"],
  ]);
});

test("values are explained by the unit that their name tells", () => {
  const now = 1_800_000_000;
  const table: readonly (readonly [string, string, string | undefined])[] = [
    ["last_success_timestamp_seconds", "1799999400", "10 min ago"],
    ["next_run_time_seconds", "1800000060", "in 1 min"],
    ["push_time_seconds", "0", undefined],
    ["run_duration_seconds", "341.2", "5 min 41 s"],
    ["read_bytes_total", "4.2e9", "3.91 GiB"],
    ["size_bytes", "12", undefined],
    ["rows", "1234567", "1.2M"],
    ["rows", "12", undefined],
    ["rows", "NaN", undefined],
    ["used_ratio", "123456", undefined],
  ];
  for (const [name, value, expected] of table)
    assert.equal(explainValue(name, value, now), expected, `${name} ${value}`);
});

test("spans are read and written alike", () => {
  for (const text of ["30s", "5m", "2h", "26h", "3d"]) assert.equal(formatSpan(parseSpan(text)!), text);
  checkTable(parseSpan, [
    ["90 min", 5_400],
    [" 1.5h ", 5_400],
    ["0s", undefined],
    ["-1h", undefined],
    ["soon", undefined],
    ["", undefined],
  ]);
});

test("filters come back from the address as they were, and defaults leave no trace in it", () => {
  const filters = { search: "a b&c=d", failed: true, olderThan: "1d", sort: "series", order: "desc" } as const;
  assert.deepEqual(readFilters(new URLSearchParams(writeFilters(filters))), filters);
  assert.equal(writeFilters(readFilters(new URLSearchParams())), "");
});

test("classic buckets are drawn each with its own count, in order, up to infinity", () => {
  const bars = bucketBars({
    count: "10",
    sum: "1",
    buckets: [
      { le: "5", count: "7" },
      { le: "1", count: "4" },
    ],
    native: null,
  });
  assert.deepEqual(
    bars.map(({ bound, range, value }) => [bound, range, value]),
    [
      ["1", "up to 1", 4],
      ["5", "1 to 5", 3],
      ["+Inf", "over 5", 3],
    ],
  );
});

test("native buckets take the place of classic ones, and what falls is drawn as nothing", () => {
  const bucket = { lower: "0.5", upper: "1", lowerInclusive: false, upperInclusive: true, count: "3" };
  const both = bucketBars({ count: "3", sum: "1", buckets: [{ le: "1", count: "3" }], native: [bucket] });
  assert.deepEqual(both, [{ bound: "1", range: "0.5 to 1", value: 3 }]);
  const falling = bucketBars({
    count: "1",
    sum: "1",
    buckets: [
      { le: "1", count: "4" },
      { le: "+Inf", count: "1" },
    ],
    native: [],
  });
  assert.deepEqual(
    falling.map(({ value }) => value),
    [4, 0],
  );
});
