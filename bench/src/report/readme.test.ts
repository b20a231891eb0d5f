import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { replaceBetween } from "./readme.ts";

test("what is between the marks is replaced, as often as one likes", () => {
  const text = "before\n<!-- results: from a file -->\n\nold $1\n\n<!-- end of results -->\nafter\n";
  const once = replaceBetween(text, "results", "new $& text");
  assert.equal(once, "before\n<!-- results: from a file -->\n\nnew $& text\n\n<!-- end of results -->\nafter\n");
  assert.equal(replaceBetween(once, "results", "new $& text"), once);
  assert.throws(() => replaceBetween(text, "targets", ""), /marks of targets/);
});

test("the README has the marks", () => {
  const text = readFileSync(new URL("../../README.md", import.meta.url), "utf8");
  for (const name of ["targets", "results"]) assert.match(replaceBetween(text, name, "CONTENT"), /CONTENT/);
});
