import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isWaystationError } from "../src/errors.ts";
import { Gateway } from "../src/gateway/gateway.ts";
import { MemoryJournal, MemoryStore } from "../src/journal/memory-journal.ts";
import { decodeEntry } from "../src/record/entry.ts";
import { FaultyJournal } from "../src/testing/faulty-journal.ts";
import { push, until } from "./gateway-kit.ts";
import { keyOf } from "./state-kit.ts";

/**
 * Several gateways on one journal whose calls fail in every way there is; what they answered is then compared with what the journal
 * was given.
 */
interface Step {
  readonly do: "push" | "delete" | "lose" | "late" | "refuse" | "cut off" | "heal" | "compact" | "expose" | "pass";
  readonly who: number;
  readonly job: number;
  /** Is the answer waited for, for a while? */
  readonly wait: boolean;
}

const step = (weight: number, what: Step["do"]) => ({
  weight,
  arbitrary: fc.record<Step>({ do: fc.constant(what), who: fc.nat(2), job: fc.nat(3), wait: fc.boolean() }),
});

const steps = fc.array(
  fc.oneof(
    step(12, "push"),
    step(1, "delete"),
    step(2, "lose"),
    step(2, "late"),
    step(1, "refuse"),
    step(1, "cut off"),
    step(3, "heal"),
    step(1, "compact"),
    step(2, "expose"),
    step(2, "pass"),
  ),
  { maxLength: 30, size: "max" },
);

/** Remembers what was ever appended, also what a snapshot has replaced. */
class RememberingStore extends MemoryStore {
  readonly appended: Uint8Array[] = [];

  override append(...parameters: Parameters<MemoryStore["append"]>): ReturnType<MemoryStore["append"]> {
    const answer = super.append(...parameters);
    this.appended.push(parameters[1]);
    return answer;
  }

  /** The values that were pushed, in the order in which they were stored. */
  get pushed(): number[] {
    return this.appended
      .flatMap((data) => decodeEntry(data).records)
      .flatMap((record) => (record.kind === "replace" ? [record.block.body] : []))
      .map((body) => Number(/ (\d+)\n$/.exec(Buffer.from(body).toString("latin1"))![1]));
  }
}

type Outcome = "stored" | "in doubt" | "not stored";

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Goes through the steps, then lets everything come to rest. Returns what each push was answered. */
async function go(sequence: readonly Step[], journals: readonly FaultyJournal[], gateways: readonly Gateway[]) {
  const outcomes = new Map<number, Outcome>();
  const pending: Promise<unknown>[] = [];
  const gates: (() => void)[] = [];
  for (const [id, { do: what, who, job, wait }] of sequence.entries()) {
    const gateway = gateways[who]!;
    const journal = journals[who]!;
    switch (what) {
      case "push": {
        const answered = push(gateway, `job ${job}`, `m ${id}\n`).then(
          () => outcomes.set(id, "stored"),
          (error: unknown) => {
            assert.ok(isWaystationError(error), String(error));
            outcomes.set(id, error.code === "IN_DOUBT" ? "in doubt" : "not stored");
          },
        );
        pending.push(answered);
        if (wait) await Promise.race([answered, pause(20)]);
        break;
      }
      case "delete":
        pending.push(gateway.delete(keyOf({ job: `job ${job}` })).catch(() => undefined));
        break;
      case "lose":
        journal.failNext("append", { kind: "lose-reply" });
        break;
      case "late": {
        const { promise, resolve } = Promise.withResolvers<void>();
        gates.push(resolve);
        journal.failNext("append", { kind: "late", until: promise });
        break;
      }
      case "refuse":
        journal.failNext("append", { kind: "reject", code: "UNAVAILABLE" });
        journal.failNext("open", { kind: "reject", code: "UNAVAILABLE" });
        break;
      case "cut off":
        journal.failAlways("read", { kind: "reject", code: "UNAVAILABLE" });
        journal.failAlways("append", { kind: "reject", code: "IN_DOUBT" });
        break;
      case "heal":
        journal.heal();
        gates.shift()?.();
        break;
      case "compact":
        await gateway.compact();
        break;
      case "expose":
        await gateway.expose({ freshnessTimeout: 10 });
        break;
      case "pass":
        await pause(5);
    }
  }
  for (const journal of journals) journal.heal();
  for (const open of gates) open();
  await Promise.all(pending);
  await Promise.all(journals.map((journal) => journal.lateCallsDone()));
  for (const gateway of gateways) await until(() => gateway.health().ready);
  return outcomes;
}

async function checkHistory(sequence: readonly Step[], trimLagBytes: number): Promise<void> {
  const store = new RememberingStore({ trimLagBytes });
  const journals = [0, 1, 2].map(() => new FaultyJournal(new MemoryJournal(store)));
  const gateways = await Promise.all(journals.map((journal) => Gateway.open({ journal, timeout: 250 })));
  try {
    const outcomes = await go(sequence, journals, gateways);
    const texts = await Promise.all(gateways.map(async (gateway) => (await gateway.expose()).text()));
    for (const text of texts) assert.equal(text, texts[0], "gateways differ in what they expose");
    const { pushed } = store;
    for (const [id, outcome] of outcomes) {
      const times = pushed.filter((value) => value === id).length;
      assert.ok(times <= 1, `push ${id} is stored ${times} times`);
      if (outcome === "stored") assert.equal(times, 1, `push ${id} was acknowledged, and is lost`);
      if (outcome === "not stored") assert.equal(times, 0, `push ${id} was refused as certainly not stored, and is`);
    }
    const fresh = await Gateway.open({ journal: new MemoryJournal(store) });
    gateways.push(fresh);
    assert.equal((await fresh.expose()).text(), texts[0], "a new gateway finds another state");
  } finally {
    await Promise.all(gateways.map((gateway) => gateway.close()));
  }
}

const numRuns = Number(process.env["WAYSTATION_RUNS"] ?? (process.env["WAYSTATION_SOAK"] === "1" ? 1_000 : 25));

test("whatever fails: what was acknowledged is stored once, what was refused is not, and all gateways agree", async () => {
  await fc.assert(fc.asyncProperty(steps, fc.constantFrom(0, 1_000_000), checkHistory), { numRuns });
});
