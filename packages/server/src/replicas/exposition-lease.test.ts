import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, type TestContext, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { type Journal, MemoryJournal, WaystationError } from "@waystation/core";
import { SqliteJournal } from "@waystation/storage-sqlite";
import { testLogger } from "../../test/support/server.ts";
import { ExpositionLease } from "./exposition-lease.ts";

/** Two replicas' journals on one file. */
async function openTwo(t: TestContext): Promise<[Journal, Journal]> {
  const folder = mkdtempSync(join(tmpdir(), "lease-"));
  const path = join(folder, "waystation.db");
  const journals: [Journal, Journal] = [new SqliteJournal({ path }), new SqliteJournal({ path })];
  t.after(async () => {
    await Promise.all(journals.map((journal) => journal.close()));
    rmSync(folder, { recursive: true });
  });
  for (const journal of journals) await journal.open();
  return journals;
}

function leaseOn(journal: Journal): ExpositionLease {
  return new ExpositionLease(journal, testLogger().logger);
}

/** Answers for a lease as told, and waits before it answers. */
class SlowLease extends MemoryJournal {
  answer: () => Promise<boolean> = async () => true;

  lease(): Promise<boolean> {
    return this.answer();
  }
}

suite("the lease of the exposition", { concurrency: true }, () => {
  test("one of two has it, until it lets go; then the other has it at once", async (t) => {
    const journals = await openTwo(t);
    const [first, second] = [leaseOn(journals[0]), leaseOn(journals[1])];
    assert.equal(first.isHeld, false);
    assert.equal(await first.confirm(1000), true);
    assert.equal(await second.confirm(1000), false);
    assert.equal(await first.confirm(1000), true);
    assert.equal(first.isHeld, true);
    await first.release();
    assert.equal(first.isHeld, false);
    assert.equal(await second.confirm(1000), true);
    // Let go is let go for good.
    assert.equal(await first.confirm(1000), false);
  });

  test("whoever is started asks by itself, and goes on having it", async (t) => {
    const lease = leaseOn((await openTwo(t))[0]);
    lease.start();
    for (let tries = 0; tries < 100 && !lease.isHeld; tries++) await sleep(20);
    const until = performance.now() + 2000;
    for (; performance.now() < until; await sleep(50)) assert.equal(lease.isHeld, true);
    await lease.release();
  });

  test("a journal without leases has one user, who always has it", async () => {
    const lease = leaseOn(new MemoryJournal());
    lease.start();
    assert.equal(lease.isHeld, true);
    assert.equal(await lease.confirm(1), true);
    await lease.release();
    assert.equal(lease.isHeld, true);
  });

  test("while the journal is out of reach the lease goes on to its end, and no further", async () => {
    const journal = new SlowLease();
    const lease = leaseOn(journal);
    assert.equal(await lease.confirm(1000), true);
    journal.answer = () => Promise.reject(new WaystationError("UNAVAILABLE", "out of reach"));
    const began = performance.now();
    assert.equal(await lease.confirm(1000), true);
    journal.answer = () => new Promise(() => {});
    assert.equal(await lease.confirm(20), true);
    for (let tries = 0; tries < 400 && lease.isHeld; tries++) await sleep(50);
    assert.ok(performance.now() - began > 4000, "given up too early");
    assert.equal(await lease.confirm(20), false);
  });

  test("the time of a lease counts from when it was asked for, not from when the answer came", async () => {
    const journal = new SlowLease();
    journal.answer = async () => {
      await sleep(5000);
      return true;
    };
    const lease = leaseOn(journal);
    assert.equal(await lease.confirm(10_000), false);
  });
});
