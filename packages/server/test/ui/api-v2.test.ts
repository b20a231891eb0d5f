import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { encodeDelimited, MemoryJournal, MemoryStore, type MetricFamily } from "@waystation/core";
import type { DeleteResult, GroupDetail, GroupList, GroupSummary, Status } from "../../src/api-v2/schema.ts";
import { startTestServer } from "../support/server.ts";
import { ApiClient, until } from "./api-client.ts";

const server = await startTestServer({ "web.enable-admin-api": true, "push.enable-utf8-names": true });
const api = new ApiClient(server);

const push = async (path: string, body: string, headers = {}): Promise<number> =>
  (await server.request(`PUT /metrics/${path}`, { body, headers })).status;
const jobs = ({ groups }: GroupList): (string | undefined)[] => groups.map(({ labels }) => labels["job"]);
const list = (query = ""): Promise<GroupList> => api.get<GroupList>(`/groups?${query}`);
const idOf = async (job: string): Promise<string> => (await list(`job=${encodeURIComponent(job)}`)).groups[0]!.id;

beforeEach(async () => {
  await server.request("PUT /api/v1/admin/wipe");
});

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

test("one group is given in full: every type, native histograms, exemplars, units", async () => {
  const labels = [{ name: "x", value: "1" }];
  const families: MetricFamily[] = [
    {
      name: "c_total",
      type: "counter",
      help: "C.",
      metrics: [
        {
          labels,
          value: 3,
          exemplar: {
            labels: [{ name: "trace", value: "t1" }],
            value: 2,
            timestamp: { seconds: 5n, nanos: 500_000_000 },
          },
        },
      ],
    },
    {
      name: "g_seconds",
      type: "gauge",
      unit: "seconds",
      metrics: [
        { labels: [], value: Number.NaN },
        { labels, value: Number.NEGATIVE_INFINITY },
      ],
    },
    {
      name: "s",
      type: "summary",
      metrics: [{ labels: [], summary: { count: 2n ** 60n, sum: 1.5, quantiles: [{ quantile: 0.5, value: 1 }] } }],
    },
    {
      name: "h",
      type: "histogram",
      metrics: [
        {
          labels: [],
          histogram: {
            float: false,
            count: 4,
            sum: 2,
            buckets: [
              { upperBound: 1, cumulativeCount: 3 },
              { upperBound: Number.POSITIVE_INFINITY, cumulativeCount: 4 },
            ],
          },
        },
      ],
    },
    {
      name: "n",
      type: "histogram",
      metrics: [
        {
          labels: [],
          histogram: {
            float: false,
            count: 6,
            sum: 10,
            buckets: [],
            native: {
              schema: 0,
              zeroThreshold: 0.001,
              zeroCount: 1,
              negativeSpans: [],
              negativeBuckets: [],
              positiveSpans: [{ offset: 0, length: 2 }],
              positiveBuckets: [2, 1],
              exemplars: [],
            },
          },
        },
      ],
    },
  ];
  const sent = await server.request("PUT /metrics/job/all", {
    body: Buffer.concat(families.map(encodeDelimited)),
    headers: {
      "Content-Type": "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
    },
  });
  assert.equal(sent.status, 200, sent.text);
  const detail = await api.get<GroupDetail>(`/groups/${await idOf("all")}`);
  const { families: listed } = detail;
  assert.deepEqual(
    listed.map(({ name, type, help, unit }) => [name, type, help, unit]),
    [
      ["c_total", "counter", "C.", null],
      ["g_seconds", "gauge", null, "seconds"],
      ["h", "histogram", null, null],
      ["n", "histogram", null, null],
      ["s", "summary", null, null],
    ],
  );
  const metrics = (name: string) => listed.find((family) => family.name === name)!.metrics;
  assert.deepEqual(metrics("c_total"), [
    {
      labels: { instance: "", job: "all", x: "1" },
      value: "3",
      exemplars: [{ labels: { trace: "t1" }, value: "2", time: 5.5 }],
    },
  ]);
  assert.deepEqual(
    metrics("g_seconds").map(({ value }) => value),
    ["NaN", "-Inf"],
  );
  assert.deepEqual(metrics("s")[0]!.summary, {
    count: "1152921504606846976",
    sum: "1.5",
    quantiles: [{ quantile: "0.5", value: "1" }],
  });
  assert.deepEqual(metrics("h")[0]!.histogram, {
    count: "4",
    sum: "2",
    buckets: [
      { le: "1", count: "3" },
      { le: "+Inf", count: "4" },
    ],
    native: null,
  });
  assert.deepEqual(metrics("n")[0]!.histogram!.native, [
    { lower: "-0.001", upper: "0.001", lowerInclusive: true, upperInclusive: true, count: "1" },
    { lower: "0.5", upper: "1", lowerInclusive: false, upperInclusive: true, count: "2" },
    { lower: "1", upper: "2", lowerInclusive: false, upperInclusive: true, count: "3" },
  ]);
});

test("of large families a part is listed, and of very large ones none is decoded", async () => {
  const lines = (name: string, count: number): string =>
    Array.from({ length: count }, (_, i) => `${name}{i="${i}"} ${i}\n`).join("");
  await push("job/large", lines("large", 1_500) + lines("very_large", 20_001));
  const { families } = await api.get<GroupDetail>(`/groups/${await idOf("large")}`);
  assert.deepEqual(
    families.map(({ name, series, metrics, omitted }) => [name, series, metrics.length, omitted]),
    [
      ["large", 1_500, 1_000, 500],
      ["very_large", 20_001, 0, 20_001],
    ],
  );
});

test("the text of a group is what a scrape shows of it, but for its push times", async () => {
  await push(
    "job/text",
    '# HELP a A.\n# TYPE a counter\na{x="1"} 3\n# TYPE h histogram\nh_bucket{le="1"} 2\nh_sum 3\nh_count 5\n',
  );
  const { text, headers } = await server.request(`GET /api/v2/groups/${await idOf("text")}/text`);
  assert.equal(headers["content-type"], "text/plain; version=0.0.4; charset=utf-8");
  const scrape = (await server.request("GET /metrics?collect[]=pushed")).text;
  assert.equal(text, scrape.replace(/# HELP push_[\s\S]*/, ""));
});

test("what a group was pushed is remembered: time, client, size, outcome and reason", async () => {
  const body = "m 1\n";
  await push("job/log", body, { "User-Agent": "batch/1.0" });
  await push("job/log", body, { "X-Forwarded-For": "203.0.113.7, 10.0.0.1" });
  await push("job/log", "m 1 1\n");
  await push("job/log", "m one\n");
  const { pushes, group } = await api.get<GroupDetail>(`/groups/${await idOf("log")}`);
  assert.deepEqual(
    pushes.map(({ method, source, client, bytes, status, outcome }) => [
      method,
      source,
      client,
      bytes,
      status,
      outcome,
    ]),
    [
      ["PUT", "127.0.0.1", null, 6, 400, "refused"],
      ["PUT", "127.0.0.1", null, 6, 400, "refused"],
      ["PUT", "203.0.113.7 via 127.0.0.1", null, 4, 200, "stored"],
      ["PUT", "127.0.0.1", "batch/1.0", 4, 200, "stored"],
    ],
  );
  assert.match(pushes[0]!.message!, /line 1/);
  assert.equal(pushes[1]!.message, null, "the reason is kept of the newest one that failed");
  assert.ok(pushes.every(({ milliseconds }) => milliseconds! >= 0 && milliseconds! < 60_000));
  assert.equal(group.failed, true);
  assert.match(group.failure!, /line 1/);
  await push("job/log", body);
  const after = (await list("job=log")).groups[0] as GroupSummary;
  assert.deepEqual([after.failed, after.failure], [false, null]);
});

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

test("the status tells build, flags, storage, limits and use", async () => {
  await push("job/a", "m 1\n");
  await push("job/a", "m 1 1\n");
  const status = await api.get<Status>("/status");
  assert.deepEqual(
    [status.ready, status.reason, status.telemetryPath, status.externalUrl],
    [true, null, "metrics", null],
  );
  assert.equal(status.flags["storage"], "memory:");
  const { kind, shared, survives, lastSnapshot, othersSeen } = status.storage;
  assert.deepEqual(
    { kind, shared, survives, lastSnapshot, othersSeen },
    { kind: "memory", shared: false, survives: "nothing", lastSnapshot: null, othersSeen: null },
  );
  assert.ok(status.process.pushes >= 2 && status.process.refused >= 1 && status.process.residentBytes > 1e6);
  assert.ok(status.limits.some(({ flag, limit }) => flag === "push.max-body-bytes" && limit === 64 * 2 ** 20));
  await server.gateway.compact();
  const { storage } = await api.get<Status>("/status");
  assert.ok(storage.lastSnapshot!.time > status.startTime && storage.lastSnapshot!.milliseconds >= 0);
});

test("events tell what changed, together, and cost nothing when nobody listens", async () => {
  const changes: { groups: string[]; total: number; more: boolean }[] = [];
  let samples = 0;
  const stop = await api.events(server.port, (name, data) => {
    if (name === "sample") samples++;
    else changes.push(data as (typeof changes)[0]);
  });
  await until(() => samples > 0, "a first sample comes");
  await push("job/live", "m 1\n");
  const id = await idOf("live");
  await until(() => changes.some(({ groups }) => groups.includes(id)), "the push is told");
  assert.equal(changes.at(-1)!.total, 1);
  changes.length = 0;
  await Promise.all(Array.from({ length: 150 }, (_, i) => push(`job/live/n/${i}`, "m 1\n")));
  await until(() => changes.at(-1)?.total === 151, "all pushes are told");
  assert.ok(changes.length < 20, `${changes.length} events for 150 pushes`);
  assert.ok(changes.some(({ more }) => more) || changes.flatMap(({ groups }) => groups).length >= 150);
  changes.length = 0;
  await server.request("PUT /api/v1/admin/wipe");
  await until(() => changes.some(({ more, total }) => more && total === 0), "the wipe is told");
  stop();
});

test("what another replica was pushed is listed, told and remembered here, too", async () => {
  const store = new MemoryStore();
  const [here, there] = [
    await startTestServer({}, new MemoryJournal(store)),
    await startTestServer({}, new MemoryJournal(store)),
  ];
  const client = new ApiClient(here);
  const told = new Set<string>();
  const stop = await client.events(here.port, (name, data) => {
    if (name === "change") for (const id of (data as { groups: string[] }).groups) told.add(id);
  });
  await there.request("PUT /metrics/job/afar", { body: "m 1\n" });
  await there.request("POST /metrics/job/afar", { body: "m 1 1\n" });
  const { groups } = await client.get<GroupList>("/groups");
  const [group] = groups;
  assert.deepEqual([groups.length, group!.failed], [1, true], "a list is never older than its question");
  assert.match(group!.failure!, /must not have timestamps/);
  const { pushes } = await client.get<GroupDetail>(`/groups/${group!.id}`);
  assert.deepEqual(
    pushes.map(({ method, source, outcome, milliseconds }) => [method, source, outcome, milliseconds]),
    [
      ["PUSH", "another replica", "refused", null],
      ["PUT", "another replica", "stored", null],
    ],
  );
  await until(() => told.has(group!.id), "the push is told");
  const { storage } = await client.get<Status>("/status");
  assert.ok(storage.shared && storage.othersSeen! > 0 && storage.lastContact! > 0);
  stop();
});

test("unknown paths and methods are answered in JSON, and what is no part of the API as before", async () => {
  assert.equal(await api.failure("GET /nothing"), "404 NOT_FOUND");
  assert.equal(await api.failure("GET /"), "404 NOT_FOUND");
  assert.equal(await api.failure("PUT /groups"), "405 METHOD_NOT_ALLOWED");
  assert.equal(await api.failure("GET /check"), "405 METHOD_NOT_ALLOWED");
  const bare = await server.request("GET /api/v2");
  assert.deepEqual([bare.status, (JSON.parse(bare.text) as { error: object }).error instanceof Object], [404, true]);
  assert.equal((await server.request("GET /api/v3/groups")).text, "404 page not found\n");
  const yaml = await server.request("GET /api/v2/openapi.yaml");
  assert.match(yaml.text, /^openapi: 3\.1/);
});
