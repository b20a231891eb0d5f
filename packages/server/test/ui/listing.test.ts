import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import type { GroupDetail, GroupList } from "../../src/api-v2/schema.ts";
import { startTestServer } from "../support/server.ts";
import { ApiClient } from "./api-client.ts";

const server = await startTestServer({ "web.enable-admin-api": true, "push.enable-utf8-names": true });
const api = new ApiClient(server);
const { push, list } = api;
const jobs = ({ groups }: GroupList): (string | undefined)[] => groups.map(({ labels }) => labels["job"]);

beforeEach(api.wipe);

test("groups are listed with their labels, sizes and times", async () => {
  assert.deepEqual((await list()).groups, []);
  const before = Date.now() / 1000;
  await push("job/backup/instance/db1", '# TYPE a_total counter\na_total{x="1"} 3\na_total{x="2"} 4\nb 1\n');
  const { groups, total, matched, offset, next } = await list();
  const { pushTime, id, bytes, ...rest } = groups[0]!;
  assert.deepEqual(rest, {
    labels: { instance: "db1", job: "backup" },
    path: "job/backup/instance/db1",
    families: 2,
    series: 3,
    failureTime: null,
    failed: false,
    failure: null,
  });
  assert.ok(pushTime! >= before - 0.01 && pushTime! <= Date.now() / 1000 + 0.01);
  assert.equal(
    bytes,
    'a_total{instance="db1",job="backup",x="1"} 3\n'.length * 2 + 'b{instance="db1",job="backup"} 1\n'.length,
  );
  assert.match(id, /^[\w-]+$/);
  assert.deepEqual([total, matched, offset, next], [1, 1, 0, null]);
});

test("names and values of every kind survive, and the path pushes to the same group", async () => {
  const paths = [
    "job@base64/L3Zhci9saWI/instance/",
    "job/%C3%BC/__proto__%20x/y",
    "job/a%20b%3Fc%23d/U__with_20_space/%22",
    `job/b/path@base64/${Buffer.from("..").toString("base64url")}`,
    "job/constructor/toString/valueOf",
    `job@base64/${Buffer.from('<script>alert(1)</script>"').toString("base64url")}`,
  ];
  let pushed = 0;
  for (const path of paths) if ((await push(path, "m 1\n")) === 200) pushed++;
  assert.equal(pushed, 5, "names that begin with __ are refused");
  const { groups } = await list();
  assert.deepEqual(
    groups.map(({ labels }) => JSON.stringify(labels)).toSorted(),
    [
      '{"job":"a b?c#d","with space":"\\""}',
      '{"instance":"","job":"/var/lib"}',
      '{"job":"<script>alert(1)</script>\\""}',
      '{"job":"b","path":".."}',
      '{"job":"constructor","toString":"valueOf"}',
    ].toSorted(),
  );
  for (const { path } of groups) assert.equal(await push(path, "m 2\n"), 200, path);
  assert.equal((await list()).total, groups.length);
  for (const { id } of groups) {
    const { families } = await api.get<GroupDetail>(`/groups/${id}`);
    assert.equal(families[0]!.metrics[0]!.value, "2");
  }
});

test("searching finds words in labels and metric names, in any case and order", async () => {
  await push("job/backup/instance/db1", "backup_size_bytes 1\n");
  await push("job/backup/instance/db2", "backup_duration_seconds 1\n");
  await push("job/Import", "rows 1\n");
  const found = async (search: string): Promise<number> =>
    (await list(new URLSearchParams({ search }).toString())).matched;
  const table: Readonly<Record<string, number>> = {
    backup: 2,
    BACKUP: 2,
    "instance=db1": 1,
    "backup size": 1,
    "size backup": 1,
    "db duration": 1,
    import: 1,
    "job=import rows": 1,
    nothing: 0,
    "  ": 3,
    "backup rows": 0,
  };
  for (const [search, expected] of Object.entries(table)) assert.equal(await found(search), expected, search);
});

test("filters narrow the list, all together", async () => {
  await push("job/a/instance/x", "m_one 1\n");
  await push("job/a/instance/y", "m_two 1\n");
  await push("job/b", "m_one 1\n");
  await push("job/c", "# TYPE m_one counter\nm_one 1\n");
  const matched = async (query: string): Promise<string> =>
    (await list(query)).groups
      .map(({ path }) => path)
      .toSorted()
      .join(" ");
  assert.equal(await matched("job=a"), "job/a/instance/x job/a/instance/y");
  assert.equal(await matched("metric=m_one"), "job/a/instance/x job/b");
  assert.equal(await matched("metric=m_"), "");
  assert.equal(await matched("job=a&metric=m_one"), "job/a/instance/x");
  assert.equal(await matched("failed=true"), "job/c");
  assert.equal(await matched("failed=false&job=b"), "job/b");
  assert.equal(await matched(`selector=${encodeURIComponent('instance=~"x|z"')}`), "job/a/instance/x");
  assert.equal(await matched("olderThan=1h"), "job/c", "what was never pushed to with success is older than anything");
  assert.equal(await matched("olderThan=0"), "job/a/instance/x job/a/instance/y job/b job/c");
  const ids = (await list("job=a")).groups.map(({ id }) => `id=${id}`).join("&");
  assert.equal(await matched(ids), "job/a/instance/x job/a/instance/y");
  assert.equal(await matched(`${ids}&metric=m_two`), "job/a/instance/y");
  assert.equal(await matched("id=bm90aGluZw&id=!!"), "");
});

test("the list is sorted by what was asked for, either way", async () => {
  await push("job/c", "m 1\n");
  await push("job/a", 'm{x="1"} 1\nm{x="2"} 1\nm{x="3"} 1\n');
  await push("job/b", "m 1\nn 1\n");
  const table: Readonly<Record<string, string>> = {
    "": "a b c",
    "order=desc": "c b a",
    "sort=pushTime": "c a b",
    "sort=pushTime&order=desc": "b a c",
    "sort=series": "c b a",
    "sort=families&order=desc": "b c a",
    "sort=bytes&order=desc": "a b c",
  };
  for (const [query, expected] of Object.entries(table))
    assert.equal(jobs(await list(query)).join(" "), expected, query);
});

test("pages by cursor give everything once, whatever comes and goes in between; by offset, any part of it", async () => {
  for (let i = 0; i < 25; i++) await push(`job/page/n/${String(i).padStart(2, "0")}`, "m 1\n");
  for (const order of ["asc", "desc"]) {
    const seen: string[] = [];
    let cursor = "";
    do {
      const page: GroupList = await list(`limit=7&order=${order}${cursor === "" ? "" : `&cursor=${cursor}`}`);
      assert.equal(page.offset, seen.length);
      assert.equal(page.matched, 25);
      seen.push(...page.groups.map(({ labels }) => labels["n"]!));
      cursor = page.next ?? "";
    } while (cursor !== "");
    const expected = Array.from({ length: 25 }, (_, i) => String(i).padStart(2, "0"));
    assert.deepEqual(seen, order === "asc" ? expected : expected.toReversed());
  }
  const first = await list("limit=10");
  await server.request("DELETE /metrics/job/page/n/03");
  await server.request("DELETE /metrics/job/page/n/09");
  await push("job/page/n/045", "m 1\n");
  const second = await list(`limit=10&cursor=${first.next}`);
  assert.equal(second.groups[0]!.labels["n"], "10");
  assert.equal(second.offset, 9);
  assert.deepEqual(
    (await list("limit=3&offset=20")).groups.map(({ labels }) => labels["n"]),
    ["21", "22", "23"],
  );
  assert.deepEqual((await list("offset=1000")).groups, []);
});

test("parameters that mean nothing are refused", async () => {
  const table = [
    "serach=x",
    "limit=0",
    "limit=1001",
    "limit=ten",
    "offset=-1",
    "sort=name",
    "order=up",
    "failed=yes",
    "olderThan=soon",
    "olderThan=-1h",
    "cursor=bm9uc2Vuc2U",
    "cursor=W10&offset=3",
    `search=${"x".repeat(1_001)}`,
    `search=${"x+".repeat(11)}`,
    `cursor=${Buffer.from('["a","b"]').toString("base64url")}&sort=series`,
  ];
  for (const query of table) assert.equal(await api.failure(`GET /groups?${query}`), "400 INVALID_PARAMETER", query);
  assert.equal(await api.failure("GET /groups?selector=job"), "400 INVALID_SELECTOR");
});

test("hostile patterns are refused or cut short, and others are served meanwhile", async () => {
  for (let i = 0; i < 300; i++) await push(`job/${"a".repeat(900)}${i}`, "m 1\n");
  const hostile = [
    "(a{50}){50}",
    "(a+)+$",
    "((a?)*)*b",
    "[a-z]?".repeat(30),
    "(a|b|c|d|e)*(a|b|c|d|e)*x",
    "(.*)*(.*)*(.*)*x",
  ];
  for (const pattern of hostile) {
    const searching = api.call(`GET /groups?selector=${encodeURIComponent(`job=~${JSON.stringify(pattern)}`)}`);
    assert.equal((await server.request("GET /-/healthy")).status, 200);
    const { status } = await searching;
    assert.ok([200, 400, 422].includes(status), `${pattern}: ${status}`);
  }
});
