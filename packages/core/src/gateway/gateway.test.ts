import assert from "node:assert/strict";
import { test } from "node:test";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import { Cluster, gate, push, pushedText, rejects, until, valueIn } from "../../test/gateway-kit.ts";
import { keyOf } from "../../test/state-kit.ts";
import { encodeDelimited } from "../exposition/protobuf-encoder.ts";
import { MemoryJournal, MemoryStore } from "../journal/memory-journal.ts";
import { fromByteString } from "../model/byte-string.ts";
import { FaultyJournal } from "../testing/faulty-journal.ts";
import { Gateway } from "./gateway.ts";

const HELP = "# HELP m M.\n# TYPE m gauge\n";

test("what is pushed is exposed: plain, compressed, and as protobuf was given", async (t) => {
  const { gateway } = await new Cluster(t).open();
  await push(gateway, "a", `${HELP}m{x="1"} 1\nm 2\n`);
  const family = { name: "p", type: "counter", metrics: [{ labels: [], value: 3 }] } as const;
  await gateway.push({
    key: keyOf({ job: "a" }),
    mode: "merge",
    body: encodeDelimited(structuredClone(family) as never),
    contentType: "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
  });
  const text = await pushedText(gateway);
  assert.equal(
    text,
    `${HELP}m{instance="",job="a"} 2\nm{instance="",job="a",x="1"} 1\n# TYPE p counter\np{instance="",job="a"} 3\n`,
  );
  const plain = await gateway.expose();
  assert.equal(plain.contentType, "text/plain; version=0.0.4; charset=utf-8; escaping=underscores");
  assert.equal(plain.age, 0);
  for (const [encoding, decode] of [
    ["identity", (bytes: Buffer) => bytes],
    ["gzip", gunzipSync],
    ["zstd", zstdDecompressSync],
  ] as const) {
    const { chunks, length, contentEncoding } = await gateway.expose({ encoding });
    const body = Buffer.concat(chunks);
    assert.deepEqual([body.length, contentEncoding], [length, encoding]);
    assert.equal(decode(body).toString(), plain.text());
  }
});

test("a body that is no exposition changes nothing", async (t) => {
  const cluster = new Cluster(t);
  const { gateway } = await cluster.open();
  await push(gateway, "a", "m 1\n");
  const before = (await gateway.expose()).text();
  await rejects(push(gateway, "a", "m 1"), "PARSE");
  await rejects(push(gateway, "b", "\0"), "PARSE");
  await rejects(push(gateway, "b", 'm{"a.b"="1"} 1\n'), "PARSE");
  assert.equal((await gateway.expose()).text(), before);
  assert.equal(cluster.store.head.position, 1);
});

test("a refused push is seen by its group's failure time, and leaves what was there", async (t) => {
  const { gateway } = await new Cluster(t).open();
  await push(gateway, "a", "m 1\n");
  assert.deepEqual([gateway.group(keyOf({ job: "a" }))!.lastPushSuccessful], [true]);
  await rejects(push(gateway, "a", "m 2 5\n"), "INCONSISTENT");
  const group = gateway.group(keyOf({ job: "a" }))!;
  assert.equal(group.lastPushSuccessful, false);
  assert.ok(group.failureTime > group.pushTime);
  assert.equal(await valueIn(gateway, "m", "a"), "1");
  await rejects(push(gateway, "new", "m 2 5\n"), "INCONSISTENT");
  const created = gateway.group(keyOf({ job: "new" }))!;
  assert.deepEqual([created.pushTime, created.heads], [0, []]);
});

test("groups are deleted one by one, as they were seen, and all at once", async (t) => {
  const { gateway } = await new Cluster(t).open();
  for (const job of ["a", "b", "c"]) await push(gateway, job, "m 1\nn 2\n");
  await gateway.delete(keyOf({ job: "a" }));
  await gateway.delete(keyOf({ job: "a" }));
  assert.equal(gateway.group(keyOf({ job: "a" })), undefined);

  const seen = gateway.group(keyOf({ job: "b" }))!;
  await push(gateway, "b", "m 3\n");
  assert.equal(await gateway.deleteSeen(seen), false);
  assert.equal(await valueIn(gateway, "m", "b"), "3");
  assert.equal(await gateway.deleteSeen(gateway.group(keyOf({ job: "b" }))!), true);
  assert.equal(await gateway.deleteSeen(seen), true);

  const before = gateway.group(keyOf({ job: "c" }))!;
  await gateway.deleteFamily(keyOf({ job: "c" }), "m");
  await gateway.deleteFamily(keyOf({ job: "c" }), "nothing");
  await gateway.deleteFamily(keyOf({ job: "nobody" }), "m");
  const after = gateway.group(keyOf({ job: "c" }))!;
  assert.deepEqual(
    after.heads.map(({ name }) => name),
    ["n"],
  );
  assert.deepEqual([after.pushTime, after.lastTouched], [before.pushTime, before.lastTouched]);

  await gateway.wipe();
  assert.deepEqual([[...gateway.groups()], gateway.health().groups], [[], 0]);
  assert.equal((await gateway.expose()).text(), "");
});

test("a group is shown as it is at one moment", async (t) => {
  const { gateway } = await new Cluster(t).open();
  await push(gateway, "a", `${HELP}m{x="1"} 1\nm 2\n# TYPE h histogram\nh_bucket{le="1"} 1\nh_sum 1\nh_count 1\n`);
  const view = gateway.group(keyOf({ job: "a" }))!;
  await push(gateway, "a", "n 1\n");
  const lines = 'm{instance="",job="a"} 2\nm{instance="",job="a",x="1"} 1\n';
  assert.ok(Buffer.from(view.text()).toString().endsWith(`${HELP}${lines}`));
  assert.equal(view.countSeries(), 4 + 2);
  assert.deepEqual(
    view.heads.map(({ name, type, help }) => [name, type, help]),
    [
      ["h", "histogram", undefined],
      ["m", "gauge", "M."],
    ],
  );
  assert.deepEqual(
    view.families().map(({ family: { name, metrics } }) => [name, metrics.length]),
    [
      ["h", 1],
      ["m", 2],
      ["push_failure_time_seconds", 1],
      ["push_time_seconds", 1],
    ],
  );
  const [histogram, gauge] = view.pushedFamilies();
  assert.deepEqual([histogram!.series, gauge!.series, gauge!.bytes], [4, 2, lines.length]);
  assert.equal(view.bytes, histogram!.bytes + gauge!.bytes);
  // In the order in which they were pushed.
  assert.deepEqual(
    gauge!.decode().metrics.map(({ value }) => value),
    [1, 2],
  );
  assert.deepEqual(
    [...gateway.groups()].map(({ heads }) => heads.map(({ name }) => name)),
    [["n"]],
  );
});

test("a push can be checked without being made", async (t) => {
  const cluster = new Cluster(t);
  const { gateway } = await cluster.open();
  await push(gateway, "a", `${HELP}m 1\n`);
  const check = (job: string, body: string) => gateway.check({ key: keyOf({ job }), body })?.code;
  const before = (await gateway.expose()).text();
  assert.equal(check("b", `${HELP}m 2\n`), undefined);
  assert.equal(check("b", "m 2\n"), "INCONSISTENT");
  assert.equal(check("b", "m 2 3\n"), "INCONSISTENT");
  assert.throws(() => check("b", "m"), /unexpected end of input/);
  assert.equal((await gateway.expose()).text(), before);
  assert.equal(cluster.store.head.position, 1);
});

test("paths are parsed by the gateway's own rules for names, and remembered", async (t) => {
  const cluster = new Cluster(t);
  const { gateway } = await cluster.open();
  const { gateway: utf8 } = await cluster.open({ utf8Names: true });
  const key = gateway.parseKey("job/a/x/1");
  assert.equal(gateway.parseKey("job/a/x/1"), key);
  assert.deepEqual(key, keyOf({ job: "a", x: "1" }));
  assert.throws(() => gateway.parseKey("job/a/b.c/1"), /improper label name/);
  assert.deepEqual(utf8.parseKey("job/a/b.c/1"), keyOf({ job: "a", "b.c": "1" }));
  await utf8.push({ key: keyOf({ job: "u" }), body: '{"a.b"} 1\n' });
  assert.match(await pushedText(gateway), /^a_b\{instance="",job="u"\} 1$/m);
});

test("times of pushes ascend, on the journal's clock", async (t) => {
  let now = 1_700_000_000_000;
  const { gateway } = await new Cluster(t, {}, { now: () => now }).open();
  const time = () => gateway.group(keyOf({ job: "a" }))!.lastTouched;
  const times: bigint[] = [];
  for (const step of [0, 0, 5, -3_000, 0]) {
    now += step;
    await gateway.refresh();
    await push(gateway, "a", "m 1\n");
    times.push(time());
  }
  for (const [i, touched] of times.entries()) assert.ok(i === 0 || touched >= times[i - 1]!, `${times}`);
  assert.ok(Math.abs(Number(times[0]! / 1_000_000n) - 1_700_000_000_000) < 1_000);
});

test("health says what a gateway is up to", async (t) => {
  const cluster = new Cluster(t);
  const { gateway, journal } = await cluster.open();
  await push(gateway, "a", "m 1\n");
  const { ready, reason, journal: name, shared, survives, position, groups, behind } = gateway.health();
  assert.deepEqual(
    { ready, reason, name, shared, survives, position, groups, behind },
    {
      ready: true,
      reason: undefined,
      name: "memory",
      shared: true,
      survives: "nothing",
      position: 1,
      groups: 1,
      behind: 0,
    },
  );
  const { closed, open } = gate();
  journal.failNext("append", { kind: "hold", until: closed });
  const pushed = push(gateway, "b", "m 1\n");
  await until(() => journal.calls.append === 2);
  const closing = gateway.close();
  assert.equal(gateway.health().reason, "shutting down");
  open();
  await Promise.all([pushed, closing]);
});

test("a shared journal that does not answer for long makes a gateway unready, until it does", async (t) => {
  const { gateway, journal } = await new Cluster(t).open();
  journal.failAlways("read", { kind: "reject", code: "UNAVAILABLE" });
  const now = Date.now.bind(Date);
  t.mock.method(Date, "now", () => now() + 11_000);
  assert.equal(gateway.health().ready, false);
  assert.match(gateway.health().reason!, /has not answered for 11 s/);
  const { age } = await gateway.expose();
  assert.ok(age >= 11_000);
  journal.heal();
  await gateway.refresh();
  assert.equal(gateway.health().ready, true);
});

test("a journal that takes no appends makes a gateway unready, with its reason, until it does or a push succeeds", async (t) => {
  const { gateway, journal } = await new Cluster(t).open();
  const health = () => {
    const { ready, reason } = gateway.health();
    return [ready, reason];
  };
  const fail = async (code: "FULL" | "UNAVAILABLE") => {
    journal.failNext("append", { kind: "reject", code });
    await rejects(push(gateway, "a", "m 1\n"), code);
  };
  journal.reportHealth({ ok: false, detail: "the disk is full" });
  await fail("FULL");
  await until(() => !gateway.health().ready);
  assert.deepEqual(health(), [false, "the disk is full"]);
  journal.reportHealth({ ok: false, detail: "the disk does not answer" });
  await until(() => gateway.health().reason === "the disk does not answer");
  journal.reportHealth(undefined);
  await until(() => gateway.health().ready);

  journal.reportHealth({ ok: false, detail: "the disk is full" });
  await until(async () => {
    await fail("UNAVAILABLE");
    return !gateway.health().ready;
  });
  await push(gateway, "a", "m 2\n");
  assert.deepEqual(health(), [true, undefined]);
});

test("a shared journal that is out of reach makes a gateway unready only after a while, not with the first push that fails", async (t) => {
  const { gateway, journal } = await new Cluster(t).open();
  const asked = t.mock.method(journal, "health");
  journal.failAlways("read", { kind: "reject", code: "UNAVAILABLE" });
  journal.failAlways("append", { kind: "reject", code: "UNAVAILABLE" });
  journal.reportHealth({ ok: false, detail: "it cannot be reached" });
  const now = Date.now.bind(Date);
  t.mock.method(Date, "now", () => now() + 4_000);
  await rejects(push(gateway, "a", "m 1\n"), "UNAVAILABLE");
  await asked.mock.calls[0]!.result;
  assert.equal(gateway.health().ready, true);
});

test("an append that failed while the journal is well says nothing of the next one", async (t) => {
  const { gateway, journal } = await new Cluster(t).open();
  const asked = t.mock.method(journal, "health");
  journal.failAlways("append", { kind: "reject", code: "UNAVAILABLE" });
  for (let i = 0; i < 5; i++) await rejects(push(gateway, "a", "m 1\n"), "UNAVAILABLE");
  assert.ok(asked.mock.callCount() < 5, "asked for each of them");
  await asked.mock.calls[0]!.result;
  assert.equal(gateway.health().ready, true);
});

test("a gateway on a journal of its own asks it for nothing to expose", async () => {
  const store = new MemoryStore({ shared: false });
  const gateway = await Gateway.open({ journal: new MemoryJournal(store) });
  await push(gateway, "ä", "m 1\n");
  assert.equal(fromByteString(gateway.group(keyOf({ job: "ä" }))!.labels[0]!.value), "ä");
  assert.match((await gateway.expose({ freshnessTimeout: 0 })).text(), /^m\{instance="",job="ä"\} 1$/m);
  await rejects(Gateway.open({ journal: new MemoryJournal(store) }), "LOCKED");
  await gateway.close();
  await rejects(push(gateway, "a", "m 1\n"), "CLOSED");
  const again = await Gateway.open({ journal: new MemoryJournal(store) });
  await again.close();
});

test("a gateway that cannot be opened says why, and leaves nothing running", async (t) => {
  const intervals = t.mock.method(globalThis, "setInterval");
  const journal = new FaultyJournal(new MemoryJournal());
  journal.failNext("open", { kind: "reject", code: "UNAVAILABLE" });
  t.mock.method(journal, "close", async () => Promise.reject(new Error("cannot be closed either")));
  await rejects(Gateway.open({ journal }), "UNAVAILABLE");
  assert.equal(intervals.mock.callCount(), 0);
});
