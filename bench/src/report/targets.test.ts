import assert from "node:assert/strict";
import { test } from "node:test";
import { formatTargets } from "./targets.ts";

function rowOf(table: string, text: string): string[] {
  const row = table.split("\n").find((line) => line.startsWith(`| ${text} `));
  return (row ?? "").split("|").map((cell) => cell.trim());
}

const push = (id: string, values: number[]) => ({ id, what: "", who: "", unit: "pushes/s", values });

test("a target that the median meets is met", () => {
  const table = formatTargets([push("push.waystation.1", [20, 30, 10]), push("push.go-unchecked.1", [10, 10, 10])]);
  assert.deepEqual(rowOf(table, "Push, 1 group, to Go unchecked").slice(2, 5), ["≥ 1.8 ×", "2 (1–3) ×", "yes"]);
});

test("one that it does not meet is not", () => {
  const table = formatTargets([
    { id: "busy.1000000.p99.waystation", what: "", who: "", unit: "ms", values: [14, 15.5, 16] },
    push("durable.sqlite", [9]),
    push("durable.go-unchecked", [10]),
  ]);
  const [, , target, measured, met] = rowOf(table, "Push p99 at 1,000/s during scrapes of 1,000,000 series");
  assert.deepEqual([target, measured, met], ["≤ 15 ms", "15.5 (14–16) ms", "**no**"]);
  assert.equal(rowOf(table, "Durable push, SQLite, to Go unchecked")[4], "**no**");
});

test("without the Go Pushgateway there is nothing to be said about ratios to it", () => {
  const table = formatTargets([push("push.waystation.1", [20])]);
  assert.deepEqual(rowOf(table, "Push, 1 group, to Go unchecked").slice(3, 5), ["–", ""]);
});
