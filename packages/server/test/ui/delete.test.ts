import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import type { DeleteResult, GroupDetail, GroupList } from "../../src/api-v2/schema.ts";
import { startTestServer } from "../support/server.ts";
import { ApiClient } from "./api-client.ts";

const server = await startTestServer({ "web.enable-admin-api": true, "push.enable-utf8-names": true });
const api = new ApiClient(server);
const { push, list, idOf } = api;
const jobs = ({ groups }: GroupList): (string | undefined)[] => groups.map(({ labels }) => labels["job"]);

beforeEach(api.wipe);

test("a group is deleted, a family of it too; what is not there is not found", async () => {
  await push("job/a", "m 1\nn 2\n");
  await push("job/b", "m 1\n");
  const [a, b] = [await idOf("a"), await idOf("b")];
  const { pushTime } = (await list("job=a")).groups[0]!;
  assert.equal((await api.call(`DELETE /groups/${a}/families/m`)).status, 204);
  const { group, families } = await api.get<GroupDetail>(`/groups/${a}`);
  assert.deepEqual(
    families.map(({ name }) => name),
    ["n"],
  );
  assert.equal(group.pushTime, pushTime, "deleting is not pushing");
  assert.equal(await api.failure(`DELETE /groups/${a}/families/m`), "404 NOT_FOUND");
  assert.equal((await api.call(`DELETE /groups/${a}/families/n`)).status, 204);
  assert.equal((await list("job=a")).groups[0]!.families, 0);

  assert.equal((await api.call(`DELETE /groups/${b}`)).status, 204);
  for (const line of [`DELETE /groups/${b}`, `GET /groups/${b}`, `GET /groups/${b}/text`, "GET /groups/AAAA"]) {
    assert.equal(await api.failure(line), "404 NOT_FOUND", line);
  }
  assert.deepEqual(jobs(await list()), ["a"]);
});

test("families are deleted by names of every kind", async () => {
  await push("job/names", '{"a/b c%d"} 1\n{"ü.x"} 1\nplain 1\n');
  const id = await idOf("names");
  for (const name of ["a/b c%d", "ü.x", "plain"]) {
    assert.equal((await api.call(`DELETE /groups/${id}/families/${encodeURIComponent(name)}`)).status, 204, name);
  }
  assert.equal((await list()).groups[0]!.families, 0);
});

test("groups are counted and deleted by selector, age, failure, search and id", async () => {
  const fill = async (): Promise<void> => {
    await push("job/x/instance/i1", "m 1\n");
    await push("job/x/instance/i2", "m 1\n");
    await push("job/x/instance/j1", "n 1\n");
    await push("job/y", "m 1\n");
    await push("job/z", "m 1 1\n");
  };
  await fill();
  const table: readonly (readonly [object, number])[] = [
    [{ selector: 'job="x",instance=~"i.*"' }, 2],
    [{ selector: 'job=~".+"' }, 5],
    [{ selector: 'job="x"', metric: "n" }, 1],
    [{ search: "instance=i" }, 2],
    [{ job: "y" }, 1],
    [{ failed: true }, 1],
    [{ olderThan: "1h" }, 1],
    [{ olderThan: "0s", job: "x" }, 3],
    [{ ids: [await idOf("y"), await idOf("z"), "AAAA"] }, 2],
    [{ selector: 'job="nothing"' }, 0],
  ];
  for (const [request, count] of table) {
    const dry = await api.call<DeleteResult>("POST /groups/delete", { ...request, dryRun: true });
    assert.deepEqual([dry.json.matched, dry.json.deleted, dry.json.sample.length], [count, 0, count]);
    assert.equal((await list()).total, 5, "a dry run deletes nothing");
    assert.equal(await api.failure("POST /groups/delete", { ...request, expect: count + 1 }), "409 COUNT_CHANGED");
    const { json } = await api.call<DeleteResult>("POST /groups/delete", { ...request, expect: count });
    assert.deepEqual([json.matched, json.deleted], [count, count], JSON.stringify(request));
    assert.equal((await list()).total, 5 - count);
    await fill();
  }
});

test("many groups are deleted at once", async () => {
  const paths = Array.from({ length: 1_200 }, (_, i) => `job/many/n/${i}`);
  for (let i = 0; i < paths.length; i += 100)
    await Promise.all(paths.slice(i, i + 100).map((path) => push(path, "m 1\n")));
  const { json } = await api.call<DeleteResult>("POST /groups/delete", { job: "many", expect: 1_200 });
  assert.deepEqual([json.deleted, json.sample.length], [1_200, 20]);
  assert.equal((await list()).total, 0);
});

test("requests to delete that could mean more than was meant are refused", async () => {
  await push("job/keep", "m 1\n");
  const bodies: readonly unknown[] = [
    {},
    { dryRun: true },
    { failed: false },
    { search: "  " },
    { selectr: 'job="x"' },
    { selector: 5 },
    { ids: "all" },
    { ids: [1] },
    { expect: -1, job: "keep" },
    { job: "keep", dryRun: "false" },
    [],
    { __proto__: null, constructor: "x" },
  ];
  for (const body of bodies)
    assert.equal(await api.failure("POST /groups/delete", body), "400 INVALID_BODY", JSON.stringify(body));
  assert.equal(await api.failure("POST /groups/delete", { selector: "{}" }), "400 INVALID_SELECTOR");
  assert.equal(await api.failure("POST /groups/delete", { selector: 'job=~".*"' }), "400 INVALID_SELECTOR");
  assert.equal(await api.failure("POST /groups/delete", { olderThan: "x" }), "400 INVALID_PARAMETER");
  const plain = await server.request("POST /api/v2/groups/delete", {
    body: '{"job":"keep"}',
    headers: { "Content-Type": "text/plain" },
  });
  assert.equal(plain.status, 415, "a form of another site cannot send JSON");
  const broken = await server.request("POST /api/v2/groups/delete", {
    body: "{",
    headers: { "Content-Type": "application/json" },
  });
  assert.match(broken.text, /INVALID_BODY/);
  assert.equal((await list()).total, 1);
});

test("a group that is pushed to while a deletion is under way stays", async () => {
  await push("job/raced", "m 1\n");
  const seen = [...server.gateway.groups()][0]!;
  await push("job/raced", "m 2\n");
  assert.equal(await server.gateway.deleteSeen(seen), false);
  assert.equal((await list()).total, 1);
  assert.equal(await server.gateway.deleteSeen([...server.gateway.groups()][0]!), true);
  assert.equal((await list()).total, 0);
});
