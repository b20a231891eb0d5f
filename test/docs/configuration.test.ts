import assert from "node:assert/strict";
import { test } from "node:test";
import { configurationPage } from "../../scripts/configuration-table.ts";

test("docs/configuration.md lists the flags as they are", () => {
  const { actual, expected } = configurationPage();
  assert.equal(actual, expected, "run: node scripts/configuration-table.ts");
});
