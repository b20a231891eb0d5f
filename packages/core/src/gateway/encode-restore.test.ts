import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryJournal } from "../journal/memory-journal.ts";
import { groupingKey } from "../model/grouping-key.ts";
import type { StandingGroup } from "./encode-restore.ts";
import { Gateway, type GroupView } from "./gateway.ts";

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
    .map((group) => ({ ...group, families: group.families() }))
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
  await fresh.push({ key: first, body: "replaced 1\n" });

  for (const group of old.groups()) await fresh.restore(standing(group));

  assert.equal((await fresh.expose()).text(), (await old.expose()).text());
  assert.deepEqual(everything(fresh), everything(old));
});

test("what no push may store is not restored either", async (t) => {
  const gateway = await Gateway.open({ journal: new MemoryJournal() });
  t.after(() => gateway.close());
  const group: StandingGroup = {
    key: groupingKey({ job: "a" }),
    pushTime: 1,
    failureTime: 0,
    pushStamp: 1_000_000_000n,
    failureStamp: 0n,
    families: [{ time: 1n, family: { name: "", type: "gauge", metrics: [{ labels: [], value: 1 }] } }],
  };
  await assert.rejects(gateway.restore(group), { code: "INCONSISTENT" });
  assert.equal([...gateway.groups()].length, 0);
});
