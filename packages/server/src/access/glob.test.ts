import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { matchesGlob } from "./glob.ts";

test("a star stands for any characters, everything else for itself", () => {
  const accepted = ["a:a", "*:", "*:x", "a*:a", "a*:ab", "*b:ab", "a*b:ab", "a*b:axxb", "a*b*c:abbc", "**:x", ":"];
  const refused = ["a:b", "a:", ":a", "a*:ba", "*b:ba", "a*a:a", "ab*bc:abc", "a*b*c:acb", "a.c:abc", "a*x*:ab"];
  for (const spelled of accepted) assert.ok(matchesGlob(...(spelled.split(":") as [string, string])), spelled);
  for (const spelled of refused) assert.ok(!matchesGlob(...(spelled.split(":") as [string, string])), spelled);
});

test("it matches what the same regular expression matches", () => {
  const letters = fc.string({ unit: fc.constantFrom("a", "b", "*"), maxLength: 8 });
  fc.assert(
    fc.property(letters, fc.string({ unit: fc.constantFrom("a", "b"), maxLength: 10 }), (pattern, text) => {
      assert.equal(matchesGlob(pattern, text), new RegExp(`^${pattern.replaceAll(/\*+/g, ".*")}$`).test(text));
    }),
  );
});
