import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { Gateway } from "../gateway/gateway.ts";
import type { GroupView } from "../gateway/group-view.ts";
import { MemoryJournal } from "../journal/memory-journal.ts";
import { groupingKey } from "../model/grouping-key.ts";
import type { MetricFamily } from "../model/metric-family.ts";
import type { StandingGroup } from "./encode-restore.ts";

function standing(group: GroupView): StandingGroup {
  const { key, pushTime, failureTime } = group;
  const families = group.families();
  const stampOf = (name: string): bigint => families.find(({ family }) => family.name === name)!.time;
  return {
    key,
    pushTime,
    failureTime,
    pushStamp: stampOf("push_time_seconds"),
    failureStamp: stampOf("push_failure_time_seconds"),
    families,
  };
}

const everything = (gateway: Gateway): unknown[] =>
  [...gateway.groups()]
    .map((group) => ({ ...standing(group), lastPushSuccessful: group.lastPushSuccessful }))
    .sort((a, b) => (a.key.id < b.key.id ? -1 : 1));

test("restored groups are exposed and listed as they stood, with all their times", async (t) => {
  const old = await Gateway.open({ journal: new MemoryJournal() });
  const fresh = await Gateway.open({ journal: new MemoryJournal() });
  t.after(() => Promise.all([old.close(), fresh.close()]));
  const first = groupingKey({ job: "a", zone: "ü" });
  await old.push({ key: first, body: 'm{x="2"} -0\nm{x="1"} NaN\n# HELP h Help.\n# TYPE h histogram\nh_count 3\n' });
  await old.push({ key: first, mode: "merge", body: "# TYPE n counter\nn 1\n" });
  await assert.rejects(old.push({ key: first, body: "m 1 1\n" }), { code: "INCONSISTENT" });
  await assert.rejects(old.push({ key: groupingKey({ job: "failed" }), body: "m 1 1\n" }), { code: "INCONSISTENT" });
  await old.push({ key: groupingKey({ job: "empty" }), body: "" });

  for (const group of old.groups()) {
    const metrics = group.key.id === first.id ? 4 : 0;
    assert.deepEqual(await fresh.restore(standing(group)), { restored: true, metrics, leftOut: [] });
  }

  assert.equal((await fresh.expose()).text(), (await old.expose()).text());
  assert.deepEqual(everything(fresh), everything(old));
});

const SECOND = 1_000_000_000n;

function groupAt(seconds: bigint, labels: Record<string, string>, ...families: MetricFamily[]): StandingGroup {
  return {
    key: groupingKey(labels),
    pushTime: Number(seconds),
    failureTime: 0,
    pushStamp: seconds * SECOND,
    failureStamp: 0n,
    families: families.map((family) => ({ time: seconds * SECOND, family })),
  };
}

const gauge = (name: string, value: number): MetricFamily => ({
  name,
  type: "gauge",
  metrics: [{ labels: [], value }],
});

async function openGateway(t: TestContext): Promise<Gateway> {
  const gateway = await Gateway.open({ journal: new MemoryJournal() });
  t.after(() => gateway.close());
  return gateway;
}

/** The sample lines, except those of time metrics. */
async function samples(gateway: Gateway): Promise<string[]> {
  const text = (await gateway.expose()).text();
  return text.split("\n").filter((line) => line !== "" && !line.startsWith("#") && !line.startsWith("push_"));
}

test("a group may be restored again, but never over what was pushed to it later", async (t) => {
  const gateway = await openGateway(t);
  const key = { job: "a" };
  const restore = (seconds: bigint, value: number) => gateway.restore(groupAt(seconds, key, gauge("m", value)));
  assert.equal((await restore(100n, 1)).restored, true);
  assert.equal((await restore(100n, 2)).restored, true);
  assert.equal((await restore(99n, 3)).restored, false);
  assert.deepEqual(await samples(gateway), ['m{instance="",job="a"} 2']);
  await gateway.push({ key: groupingKey(key), body: "m 4\n" });
  assert.equal((await restore(101n, 5)).restored, false);
  assert.deepEqual(await samples(gateway), ['m{instance="",job="a"} 4']);
});

test("a group to which no push has succeeded yet is replaced", async (t) => {
  const gateway = await openGateway(t);
  const key = groupingKey({ job: "a" });
  await assert.rejects(gateway.push({ key, body: "m 1 1\n" }), { code: "INCONSISTENT" });
  assert.equal((await gateway.restore(groupAt(100n, { job: "a" }, gauge("m", 1)))).restored, true);
  assert.deepEqual(await samples(gateway), ['m{instance="",job="a"} 1']);
});

test("what no push may store is left out, and only that", async (t) => {
  const gateway = await openGateway(t);
  const label = (name: string, value: string) => [{ name, value }];
  const mixed: MetricFamily = {
    name: "mixed",
    type: "gauge",
    metrics: [
      { labels: label("x", "1"), value: 1 },
      { labels: label("x", "\xff"), value: 2 },
      { labels: label("__x", ""), value: 3 },
      { labels: label("x", "1"), value: 4 },
      { labels: label("x", "2"), mistyped: true },
      { labels: label("x", "3"), value: 5 },
    ],
  };
  const { restored, metrics, leftOut } = await gateway.restore(
    groupAt(1n, { job: "a" }, gauge("", 1), gauge("\xff", 1), gauge("m", 1), mixed, {
      ...gauge("n", 0),
      metrics: [{ labels: [], mistyped: true }],
    }),
  );
  assert.equal(restored, true);
  assert.equal(metrics, 3);
  assert.deepEqual(leftOut, [
    '"" is not a metric name',
    '"\ufffd" is not a metric name',
    'metric "mixed" has a label "x" whose value is not valid UTF-8',
    'metric "mixed" has a label named "__x", which is reserved',
    'metric mixed{instance="",job="a",x="2"} has no gauge value, although its family is declared as gauge',
    'metric mixed{instance="",job="a",x="1"} is pushed twice',
    'metric n{instance="",job="a"} has no gauge value, although its family is declared as gauge',
  ]);
  assert.deepEqual(await samples(gateway), [
    'm{instance="",job="a"} 1',
    'mixed{instance="",job="a",x="1"} 1',
    'mixed{instance="",job="a",x="3"} 5',
  ]);
});

test("what contradicts another group is kept, but not exposed", async (t) => {
  const gateway = await openGateway(t);
  await gateway.restore(groupAt(1n, { job: "a" }, gauge("m", 1)));
  await gateway.restore(groupAt(2n, { job: "a", instance: "" }, gauge("m", 2), gauge("n", 2)));
  await gateway.restore(groupAt(3n, { job: "b" }, { ...gauge("n", 3), type: "counter" }));
  const text = (await gateway.expose()).text();
  assert.deepEqual(await samples(gateway), ['m{instance="",job="a"} 1', 'n{instance="",job="b"} 3']);
  // The first two groups would have the same time metrics.
  assert.equal(text.match(/^push_time_seconds\{/gm)?.length, 2);
  assert.match(text, /^push_time_seconds\{instance="",job="a"\} 1$/m);

  await gateway.delete(groupingKey({ job: "a" }));
  assert.match((await gateway.expose()).text(), /^push_time_seconds\{instance="",job="a"\} 2$/m);
  assert.deepEqual(await samples(gateway), ['m{instance="",job="a"} 2', 'n{instance="",job="b"} 3']);
});

test("of two families of one name in a group the first is restored", async (t) => {
  const gateway = await Gateway.open({ journal: new MemoryJournal() });
  t.after(() => gateway.close());
  const family = (value: number): MetricFamily => ({ name: "m", type: "gauge", metrics: [{ labels: [], value }] });
  const outcome = await gateway.restore(groupAt(1n, { job: "a" }, family(1), family(2)));
  assert.deepEqual(outcome, { restored: true, metrics: 1, leftOut: ['metric family "m" is there twice'] });
  assert.deepEqual((await gateway.expose()).text().match(/^m{.*$/gm), ['m{instance="",job="a"} 1']);
});
