/** What clients see while the journal, the clock or the event loop misbehaves. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { MemoryJournal, MemoryStore } from "@waystation/core";
import { FaultyJournal } from "@waystation/core/testing";
import { startTestServer } from "./support/server.ts";

const sampleOf = (page: string, series: string): number | undefined => {
  const line = page.split("\n").find((candidate) => candidate.startsWith(`${series} `));
  return line === undefined ? undefined : Number(line.slice(series.length + 1));
};
const A = 'a{instance="",job="a"}';

test("what a journal refuses gets 503 and is not there, what it takes is, and scrapes go on all the while", async () => {
  const journal = new FaultyJournal(new MemoryJournal());
  const server = await startTestServer({}, journal);
  const push = (value: number) => server.request("PUT /metrics/job/a", { body: `a ${value}\n` });
  const scraped = async () => sampleOf((await server.request("GET /metrics")).text, A);
  assert.equal((await push(1)).status, 200);
  for (const code of ["FULL", "UNAVAILABLE", "LATE"] as const) {
    journal.failNext("append", { kind: "reject", code });
    const refused = await push(2);
    assert.equal(refused.status, 503, code);
    assert.equal(refused.headers["retry-after"], "2");
    assert.match(refused.text, /not stored/);
    assert.equal(await scraped(), 1);
  }
  journal.failAlways("append", { kind: "reject", code: "FULL" });
  for (let i = 0; i < 20; i++) assert.equal((await push(3)).status, 503);
  assert.equal(await scraped(), 1);
  journal.heal();
  assert.equal((await push(4)).status, 200);
  assert.equal(await scraped(), 4);
  const page = (await server.request("GET /metrics")).text;
  assert.equal(sampleOf(page, 'pushgateway_journal_append_failures_total{reason="FULL"}'), 21);
});

test("a push whose answer was lost is found to be stored, and acknowledged once it is", async () => {
  const journal = new FaultyJournal(new MemoryJournal(new MemoryStore()));
  const server = await startTestServer({}, journal);
  journal.failNext("append", { kind: "lose-reply" });
  assert.equal((await server.request("PUT /metrics/job/a", { body: "a 1\n" })).status, 200);
  assert.equal(sampleOf((await server.request("GET /metrics")).text, A), 1);
});

test("when the journal's clock jumps, pushes are soon taken, and the times of a group do not run backwards", async () => {
  let now = Date.now();
  const store = new MemoryStore({ now: () => now });
  const server = await startTestServer({}, new MemoryJournal(store));
  let last = 0;
  for (const jump of [0, 3_600_000, -7_200_000, 365 * 86_400_000, -400 * 86_400_000, 1, -1, 86_400_000]) {
    now += jump;
    // Those under way when it jumps ahead are too late by it, and are not stored.
    let status = 503;
    for (let i = 0; status === 503 && i < 60; i++) {
      if (i > 0) await sleep(50);
      ({ status } = await server.request("PUT /metrics/job/a", { body: `a ${jump}\n` }));
    }
    assert.equal(status, 200, `after ${jump} ms`);
    const page = (await server.request("GET /metrics")).text;
    assert.equal(sampleOf(page, A), jump);
    const time = sampleOf(page, 'push_time_seconds{instance="",job="a"}')!;
    assert.ok(time >= last, `${time} after ${last}`);
    last = time;
  }
  assert.equal((await server.request("DELETE /metrics/job/a")).status, 202);
  assert.equal((await server.request("GET /api/v2/groups")).status, 200);
});

test("a stall of the event loop can be seen in a metric", async () => {
  const server = await startTestServer();
  const lag = async (): Promise<number> =>
    sampleOf((await server.request("GET /metrics")).text, "nodejs_eventloop_lag_max_seconds") ?? Number.NaN;
  await lag();
  await sleep(50);
  const until = performance.now() + 400;
  while (performance.now() < until) {
    // Nothing else runs.
  }
  await sleep(50);
  const seen = await lag();
  assert.ok(seen > 0.3, `a stall of 400 ms is shown as ${seen} s`);
});
