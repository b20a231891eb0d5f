import assert from "node:assert/strict";
import { test } from "node:test";
import { formatTable } from "./table.ts";

test("numbers are aligned to the right, words to the left", () => {
  const table = formatTable(
    ["", "unit", "value"],
    [
      ["push", "ms", "1.5"],
      ["slow push", "s", "1,000"],
    ],
    [1],
  );
  assert.deepEqual(table.split("\n"), [
    "|           | unit | value |",
    "| --------- | ---- | ----: |",
    "| push      | ms   |   1.5 |",
    "| slow push | s    | 1,000 |",
  ]);
});

test("a row may end early", () => {
  assert.equal(formatTable(["a", "b"], [["1"]]).split("\n")[2], "| 1   |     |");
});
