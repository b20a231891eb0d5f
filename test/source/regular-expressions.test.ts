/**
 * JavaScript's regular expressions go back and forth, and one that does so without a bound, on a text that a client sends, stops the
 * gateway. So every one in the sources is analysed (by recheck, partly by search), whether clients reach it or not.
 */
import assert from "node:assert/strict";
import { globSync, readFileSync } from "node:fs";
import { stripTypeScriptTypes } from "node:module";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { parse, tokTypes } from "acorn";
import { checkSync } from "recheck";

process.env["RECHECK_SYNC_BACKEND"] = "pure";

/** Not linear, and why that does no harm. */
const EXCUSED: ReadonlyMap<string, string> = new Map([
  [
    "packages/server/src/config/settings.ts: ([?&][^=&]*(?:password|secret|token)[^=&]*=)[^&#]*",
    "reads --storage, once, which whoever starts the gateway writes",
  ],
]);

/** Where expressions are put together at run time, which the analysis cannot see. */
const MADE_AT_RUN_TIME: ReadonlyMap<string, string> = new Map([
  ["packages/server/src/create-app.ts", "escaped text, and at most one repetition at the end"],
]);

const root = fileURLToPath(new URL("../..", import.meta.url));
const files = globSync("packages/*/src/**/*.ts", { cwd: root })
  .filter((file) => !file.endsWith(".test.ts") && !file.includes("/testing/"))
  .toSorted();

interface Expression {
  readonly source: string;
  readonly flags: string;
}

function expressionsIn(code: string): { literals: Expression[]; made: boolean } {
  const literals: Expression[] = [];
  let made = false;
  parse(code, {
    ecmaVersion: "latest",
    sourceType: "module",
    onToken: ({ type, start, end }) => {
      const text = code.slice(start, end);
      if (type === tokTypes.name && text === "RegExp") made = true;
      if (type !== tokTypes.regexp) return;
      const last = text.lastIndexOf("/");
      literals.push({ source: text.slice(1, last), flags: text.slice(last + 1) });
    },
  });
  return { literals, made };
}

test("no regular expression takes more than linear time", { timeout: 240_000 }, (t) => {
  let count = 0;
  const excused: string[] = [];
  const made: string[] = [];
  const wrong: string[] = [];
  for (const file of files) {
    const found = expressionsIn(stripTypeScriptTypes(readFileSync(`${root}/${file}`, "utf8")));
    if (found.made) made.push(file);
    for (const { source, flags } of found.literals) {
      count++;
      const result = checkSync(source, flags, { timeout: 60_000 });
      if (result.status === "safe") continue;
      const name = `${file}: ${source}`;
      if (EXCUSED.has(name)) excused.push(name);
      else wrong.push(`${name} (${result.status === "vulnerable" ? result.complexity.summary : result.error.kind})`);
    }
  }
  assert.deepEqual(wrong, []);
  assert.deepEqual(excused, [...EXCUSED.keys()], "none is excused in vain");
  assert.deepEqual(made, [...MADE_AT_RUN_TIME.keys()]);
  assert.ok(count > 50, `only ${count} were found`);
  t.diagnostic(`${count} expressions in ${files.length} files`);
});

test("the analysis finds those that are not linear", () => {
  for (const { source, flags } of expressionsIn("x = [/^(a+)+$/, /\\s+$/, /\\d+(ms|s)/g, /^a*b?a*$/y]").literals) {
    assert.equal(checkSync(source, flags).status, "vulnerable", source);
  }
});
