import assert from "node:assert/strict";
import { test } from "node:test";
import { ApiError } from "./api-error.ts";
import { compilePattern } from "./pattern.ts";

test("patterns match whole texts", () => {
  const table: readonly (readonly [string, string, boolean])[] = [
    ["db", "db", true],
    ["db", "db1", false],
    ["db|web", "web", true],
    ["db|web", "web1", false],
    ["a.c", "a\nc", true],
    ["", "", true],
    ["[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12}", "123e4567-e89b-12d3-a456-426614174000", true],
    ["\\d{1,3}(\\.\\d{1,3})*", "10.0.0.1", true],
    ["\\){2}", "))", true],
  ];
  for (const [pattern, text, expected] of table) {
    const matches = compilePattern(pattern);
    assert.equal(matches(text), expected, `${pattern} on ${JSON.stringify(text)}`);
    assert.equal(matches(text), expected, "the second time, remembered");
  }
});

test("patterns that would take long to compile or to match are refused", () => {
  const hostile = [
    "(a{50}){50}",
    "((a{9}){9}){9}",
    "(a?){1000}",
    "a{1000}",
    "a{60}b{60}",
    "(?:x{5}){5}",
    "\\\\(x){9}",
    "x".repeat(300),
    "a{0,101}",
    `${"[a-z]{1,9}".repeat(12)}`,
  ];
  for (const pattern of hostile) {
    assert.throws(
      () => compilePattern(pattern),
      (error) => error instanceof ApiError && error.code === "INVALID_SELECTOR",
      pattern,
    );
  }
});

test("patterns that make backtracking engines hang are matched in a bounded number of steps", () => {
  // A backtracking engine needs 2^50 steps and more for these; the test would not end.
  for (const pattern of ["(a+)+$", "(a|a)*b", "(a*)*b", "(.*)*x", "(a|aa)+$", "([a-z]+)*[0-9]"]) {
    assert.equal(compilePattern(pattern)(`${"a".repeat(500)}!`), false, pattern);
  }
});

test("a text that is too long for its pattern is refused instead of matched", () => {
  const matches = compilePattern(`${"[a-z]?".repeat(30)}x`);
  assert.equal(matches("x"), true);
  assert.throws(
    () => matches("a".repeat(50_000)),
    (error) => error instanceof ApiError && error.code === "TOO_COSTLY",
  );
});
