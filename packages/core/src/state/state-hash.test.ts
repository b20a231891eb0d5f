import assert from "node:assert/strict";
import { test } from "node:test";
import { deleteRecord, keyOf, pushRecord, throughBytes, wipeRecord } from "../../test/state-kit.ts";
import type { Metric } from "../model/metric-family.ts";
import { encodePush } from "../push/encode-push.ts";
import type { GatewayRecord } from "../record/record.ts";
import { State } from "./state.ts";

const [a, b] = [{ job: "a" }, { job: "b" }];

function hashAfter(...records: GatewayRecord[]): string {
  const state = new State();
  for (const record of records) state.apply(record);
  return state.hash.join();
}

function pushed(...metrics: Metric[]): GatewayRecord {
  const push = { key: keyOf(a), mode: "replace", time: 1n, unchecked: false } as const;
  return throughBytes(encodePush([{ name: "m", type: "counter", metrics }], push));
}

test("whatever differs in what is stored differs in the hash", () => {
  const exemplar = (value: number) => ({ labels: [], value: 1, exemplar: { labels: [], value } });
  const [x, y] = [
    { name: "x", value: "1" },
    { name: "x", value: "2" },
  ];
  const failed: GatewayRecord = { kind: "failed", key: keyOf(a).id, time: 9_000_000_000n, reason: "because" };
  const records: GatewayRecord[][] = [
    [],
    [pushRecord(a, "")],
    [pushRecord(b, "")],
    [pushRecord(a, ""), pushRecord(b, "")],
    [pushRecord(a, "m 1\n")],
    [pushRecord(a, "m 2\n")],
    [pushRecord(a, "m 0\n")],
    [pushRecord(a, "m -0\n")],
    [pushRecord(a, "n 1\n")],
    [pushRecord(a, "# HELP m M.\nm 1\n")],
    [pushRecord(a, "# TYPE m gauge\nm 1\n")],
    [pushRecord(a, "m 1\n", { time: 1_000_000n })],
    [pushRecord(a, "m 1\n", { time: 5_000_000_000n })],
    [pushRecord(a, "m 1\n"), failed],
    [pushed({ labels: [x], value: 1 }, { labels: [y], value: 2 })],
    [pushed({ labels: [y], value: 2 }, { labels: [x], value: 1 })],
    [pushed({ labels: [], value: 1 })],
    [pushed(exemplar(1))],
    [pushed(exemplar(2))],
  ];
  const hashes = records.map((history) => hashAfter(...history));
  for (const [i, hash] of hashes.entries()) {
    assert.equal(hashes.indexOf(hash), i, `histories ${hashes.indexOf(hash)} and ${i} have the same hash`);
  }
});

test("the hash does not depend on how a state came about", () => {
  const [m, n] = ["m 1\n", "# HELP n N.\nn -0\n"];
  const expected = hashAfter(pushRecord(a, m + n), pushRecord(b, m));
  for (const history of [
    [pushRecord(b, m), pushRecord(a, m + n)],
    [pushRecord(a, m + n), pushRecord(a, m + n), pushRecord(b, m)],
    [pushRecord(a, n), pushRecord(a, m, { mode: "merge" }), pushRecord(b, m)],
    [pushRecord(a, "x 1\n"), pushRecord(b, n), pushRecord(a, m + n), pushRecord(b, m)],
    [pushRecord({ job: "c" }, m), pushRecord(a, m + n), pushRecord(b, m), deleteRecord({ job: "c" })],
    [pushRecord({ job: "c" }, m), wipeRecord(), pushRecord(a, m + n), pushRecord(b, m)],
  ] as const) {
    assert.equal(hashAfter(...history), expected);
  }
  assert.equal(hashAfter(pushRecord(a, m), deleteRecord(a)), hashAfter());
});

test("the hash is the one that this level of the rules has always had", () => {
  // Of journals that exist: another one would make their snapshots unreadable, and replicas of two releases disagree.
  const records = [
    pushRecord(a, 'm 1\nn{x="y"} 2.5\n', { time: 5n }),
    pushRecord(b, "m 1\n", { time: 7_000_000_000n }),
  ];
  assert.equal(hashAfter(...records), "3661943253,3749261867");
});
