import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fromByteString, type MetricFamily, parseText } from "@waystation/core";
import { type LintRule, lintFamily } from "./lint.ts";

const parse = (text: string): MetricFamily[] => parseText(Buffer.from(text), { utf8Names: false });

const lint = (text: string): string[] =>
  parse(text)
    .flatMap((family) => lintFamily(family).map(({ rule }) => `${fromByteString(family.name)} ${rule}`))
    .toSorted();

/** Expositions, and what promtool says of them, by our names of its rules. */
const TABLE: readonly (readonly [string, ...string[]])[] = [
  ["# HELP good_total G.\n# TYPE good_total counter\ngood_total 1\n"],
  ["# HELP x_seconds X.\n# TYPE x_seconds gauge\nx_seconds 1\n"],
  ["a 1\n", "a help-missing"],
  ["# HELP a \na 1\n", "a help-missing"],
  ["# HELP requests R.\n# TYPE requests counter\nrequests 1\n", "requests total-suffix"],
  ["# HELP x_total X.\n# TYPE x_total gauge\nx_total 1\n", "x_total total-suffix"],
  ["# HELP x_total X.\nx_total 1\n"],
  ["# HELP x_milliseconds X.\nx_milliseconds 1\n", "x_milliseconds base-unit"],
  ["# HELP x_kibibytes X.\nx_kibibytes 1\n", "x_kibibytes base-unit"],
  ["# HELP x_days_total X.\n# TYPE x_days_total counter\nx_days_total 1\n", "x_days_total base-unit"],
  ["# HELP x_ms X.\nx_ms 1\n", "x_ms abbreviated-unit"],
  ["# HELP x_mb_free X.\nx_mb_free 1\n", "x_mb_free abbreviated-unit"],
  ["# HELP ms_x X.\nms_x 1\n"],
  ["# HELP x:y X.\nx:y 1\n", "x:y colon"],
  ["# HELP xY X.\nxY 1\n", "xY camel-case"],
  ['# HELP x X.\nx{aB="1"} 1\n', "x camel-case"],
  ["# HELP x_gauge X.\n# TYPE x_gauge gauge\nx_gauge 1\n", "x_gauge type-in-name"],
  ["# HELP x_gauge_y X.\n# TYPE x_gauge_y gauge\nx_gauge_y 1\n", "x_gauge_y type-in-name"],
  ["# HELP x_gauge X.\nx_gauge 1\n"],
  ["# HELP x_count X.\n# TYPE x_count gauge\nx_count 1\n", "x_count reserved-suffix"],
  ["# HELP x_sum X.\n# TYPE x_sum gauge\nx_sum 1\n", "x_sum reserved-suffix"],
  ["# HELP x_bucket X.\n# TYPE x_bucket gauge\nx_bucket 1\n", "x_bucket reserved-suffix"],
  ["# HELP x_bucket X.\n# TYPE x_bucket summary\nx_bucket_count 1\n", "x_bucket reserved-suffix"],
  ["# HELP x_sum X.\nx_sum 1\n"],
  ['# HELP x X.\n# TYPE x gauge\nx{le="1"} 1\n', "x reserved-label"],
  ['# HELP x X.\n# TYPE x gauge\nx{quantile="1"} 1\n', "x reserved-label"],
  ['# HELP h H.\n# TYPE h histogram\nh_bucket{le="1"} 1\nh_sum 1\nh_count 1\n'],
  ['# HELP s S.\n# TYPE s summary\ns{quantile="1"} 1\ns_sum 1\ns_count 1\n'],
  ['# HELP x X.\nx{le="1",quantile="2"} 1\n'],
];

test("expositions are held against the naming conventions", () => {
  for (const [text, ...expected] of TABLE) assert.deepEqual(lint(text), expected, text);
});

const RULES: readonly (readonly [RegExp, LintRule])[] = [
  [/no help/, "help-missing"],
  [/use base unit/, "base-unit"],
  [/abbreviated units/, "abbreviated-unit"],
  [/"_total" suffix/, "total-suffix"],
  [/suffix/, "reserved-suffix"],
  [/" label$/, "reserved-label"],
  [/include type/, "type-in-name"],
  [/contain ':'/, "colon"],
  [/camelCase/, "camel-case"],
];

/** Distinct findings of promtool, as `name rule`. */
function promtoolFindings(promtool: string, text: string): string[] {
  const { stderr, status } = spawnSync(promtool, ["check", "metrics"], { input: text, encoding: "utf8" });
  assert.ok(status === 0 || status === 3, stderr);
  const findings = stderr
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => {
      const name = line.slice(0, line.indexOf(" "));
      const rule = RULES.find(([pattern]) => pattern.test(line.slice(name.length)))?.[1];
      assert.ok(rule, `a finding of promtool that is not known here: ${line}`);
      return `${name} ${rule}`;
    });
  return [...new Set(findings)].toSorted();
}

const promtool = join(dirname(process.env["PEER_PUSHGATEWAY"] ?? ""), "promtool");

test("promtool finds the same", { skip: !existsSync(promtool) && "no promtool here: see scripts/peers" }, () => {
  for (const [text] of TABLE) {
    assert.deepEqual([...new Set(lint(text))], promtoolFindings(promtool, text), text);
  }
});
