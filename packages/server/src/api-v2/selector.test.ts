import assert from "node:assert/strict";
import { test } from "node:test";
import { groupingKey } from "@waystation/core";
import { ApiError } from "./api-error.ts";
import { parseSelector } from "./selector.ts";

const { labels } = groupingKey(
  { job: "backup", instance: "db1.example.net:9100", "with space": 'ü "x"', path: "/a\\b\nc" },
  { utf8Names: true },
);

const MATCHING = [
  'job="backup"',
  '{job="backup"}',
  ' { job = "backup" , instance =~ "db.*" , } ',
  "job='backup'",
  "job=`backup`",
  'job!="other",job!=""',
  'job=~"backup|front",instance!~"web.*"',
  'instance=~"db1[.]example[.]net:[0-9]{4}"',
  'job=~"(?i)BACKUP"',
  'path=~"/a.*c"', // the dot takes line feeds, as in Prometheus
  'path="/a\\\\b\\nc"',
  '"with space"="\\u00fc \\"x\\""',
  '"with space"=\'ü "x"\'',
  'job="\\x62ackup"',
  'job="backup",zone=""', // a label that is not there is empty
  'job="backup",zone!="eu"',
];

const OTHERS = [
  'job="Backup"',
  'job=~"back"',
  'instance=~"web.*"',
  'job=~".+",job!="backup"',
  'zone="eu"',
  'job!~"b.*",path!=""',
];

const INVALID: readonly (readonly [string, RegExp])[] = [
  ["", /at least one matcher|no matcher/],
  ["{}", /no matcher|at least one/],
  ['zone=""', /at least one matcher must not match the empty text/],
  ['job=~".*"', /at least one matcher/],
  ['job!="x"', /at least one matcher/],
  ["job", /=, !=, =~ or !~ is expected at character 4, where it ends/],
  ['job=="x"', /a value in quotes is expected at character 5/],
  ["job=x", /a value in quotes/],
  ['job="x', /a value in quotes/],
  ['job="x" instance="y"', /a comma or the end is expected at character 9/],
  ['{job="x"', /a closing brace/],
  ['job="x"}', /a comma or the end/],
  ['9job="x"', /a label name/],
  ['job="\\q"', /the escape \\q has no meaning/],
  ['job=~"("', /cannot match by the pattern/],
  ['job=~"(?=x)"', /cannot match by the pattern/], // RE2 has no look-ahead
  ['job=~"a\\\\1"', /cannot match by the pattern/], // nor back references
  [`job="${"x".repeat(5_000)}"`, /longer than 4000/],
  [Array.from({ length: 30 }, (_, i) => `l${i}="x"`).join(), /more than 20 matchers/],
];

test("matchers select as in PromQL", () => {
  for (const selector of MATCHING) assert.equal(parseSelector(selector)(labels), true, selector);
  const wide = groupingKey({ job: "backup", instance: "db1", path: "x" }).labels;
  for (const selector of OTHERS) assert.equal(parseSelector(selector)(wide), false, selector);
});

test("what is no selector is refused with the place and the reason", () => {
  for (const [selector, reason] of INVALID) {
    assert.throws(
      () => parseSelector(selector),
      (error) => error instanceof ApiError && error.code === "INVALID_SELECTOR" && reason.test(error.message),
      selector,
    );
  }
});
