import assert from "node:assert/strict";
import { test } from "node:test";
import type { CheckResult } from "../../src/api-v2/schema.ts";
import { startTestServer } from "../support/server.ts";
import { ApiClient } from "./api-client.ts";

const server = await startTestServer();
const api = new ApiClient(server);
const check = async (body: string, path?: string): Promise<CheckResult> => {
  const query = path === undefined ? "" : `?${new URLSearchParams({ path })}`;
  const { status, json } = await api.call<CheckResult>(`POST /check${query}`, body);
  assert.equal(status, 200);
  return json;
};

test("an exposition that would be stored is valid, and is not stored", async () => {
  const result = await check('# HELP a_total A.\n# TYPE a_total counter\na_total{x="1"} 1\na_total{x="2"} 1\n');
  assert.deepEqual(result, {
    valid: true,
    errors: [],
    warnings: [],
    families: [{ name: "a_total", type: "counter", help: "A.", metrics: 2 }],
    series: 2,
  });
  assert.equal([...server.gateway.groups()].length, 0);
});

test("all lines that cannot be read are found, with their places", async () => {
  const { valid, errors, warnings } = await check(
    "good 1\nbad line\nworse{ 1\nfooBar 1\n# TYPE late unknown_type\nno_value\n",
  );
  assert.equal(valid, false);
  assert.deepEqual(
    errors.map(({ line }) => line),
    [2, 3, 5, 6],
  );
  assert.ok(errors.every(({ message, column }) => !/line \d/.test(message) && column! > 0));
  assert.deepEqual(
    warnings.map(({ metric, rule, line }) => `${metric} ${rule} ${line}`),
    ["good help-missing 1", "fooBar help-missing 4", "fooBar camel-case 4"],
  );
});

test("no more than twenty errors are looked for, and a missing line feed is one", async () => {
  assert.equal((await check("x y z\n".repeat(100))).errors.length, 20);
  const { errors } = await check("a 1\nb 2");
  assert.deepEqual(
    errors.map(({ line }) => line),
    [2],
  );
});

test("what a push would be refused for is told, though every line can be read", async () => {
  await server.request("PUT /metrics/job/stored/instance/i", { body: "# TYPE m counter\nm 1\n" });
  const before = [...server.gateway.groups()][0]!.lastTouched;
  const table: readonly (readonly [string, string | undefined, RegExp])[] = [
    ["foo 1\nfoo 2\n", undefined, /pushed twice/],
    ["foo 1 123\n", undefined, /timestamps/],
    ["# TYPE m gauge\nm 1\n", undefined, /is counter in group/],
    ['# TYPE m counter\nm{instance="i"} 1\n', "job/stored", /job="stored"/],
    ["a_count 1\n# TYPE a summary\na 1\n", undefined, /a_count/],
  ];
  for (const [body, path, reason] of table) {
    const { valid, errors } = await check(body, path);
    assert.equal(valid, false, body);
    assert.match(errors[0]!.message, reason);
    assert.ok(!errors[0]!.message.startsWith("pushed metrics are invalid"));
  }
  // As a push to the group that holds it, the same is a change of type of its own.
  assert.equal((await check("# TYPE m gauge\nm 1\n", "job/stored/instance/i")).valid, true);
  const [group, ...others] = [...server.gateway.groups()];
  assert.deepEqual([group!.lastTouched, others.length], [before, 0], "nothing was stored, and no failure noted");
});

test("groups and bodies that no push could have are refused", async () => {
  assert.equal(await api.failure("POST /check?path=nothing", "a 1\n"), "400 GROUPING_KEY");
  assert.equal(await api.failure("POST /check?path=job/", "a 1\n"), "400 GROUPING_KEY");
  assert.equal(await api.failure("POST /check", "a 1\n".repeat(300_000)), "413 TOO_LARGE");
});

test("text from Windows is read as a push of it would be", async () => {
  const body = "\ufeff# HELP a A.\r\n# TYPE a gauge\r\na 1";
  assert.equal((await check(body)).valid, false);
  const lenient = await startTestServer({ "push.lenient-text": true });
  const { json } = await new ApiClient(lenient).call<CheckResult>("POST /check", body);
  assert.deepEqual([json.valid, json.errors, json.warnings, json.families[0]!.help], [true, [], [], "A."]);
  assert.equal((await lenient.request("PUT /metrics/job/a", { body })).status, 200);
});

test("an empty body is valid", async () => {
  assert.deepEqual(await check(""), { valid: true, errors: [], warnings: [], families: [], series: 0 });
});

test("a limit that the push would run into is one of its errors", async () => {
  const limited = new ApiClient(await startTestServer({ "storage.max-groups": 1, "push.max-families": 1 }));
  assert.equal((await limited.call<CheckResult>("POST /check", "a 1\n")).json.valid, true);
  const { json } = await limited.call<CheckResult>("POST /check", "a 1\nb 1\n");
  assert.deepEqual([json.valid, json.families.length], [false, 2]);
  assert.match(json.errors[0]!.message, /^the push has 2 metric families, of at most 1/);
});
