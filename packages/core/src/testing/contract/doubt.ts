import assert from "node:assert/strict";
import { isWaystationError } from "../../errors.ts";
import { type Entry, ORIGIN } from "../../journal/journal.ts";
import { blob, type ContractCase, inAMinute, passed, type Replica, randomTag, sameEntries } from "./kit.ts";

const CERTAINLY_NOT_WRITTEN = ["UNAVAILABLE", "FULL", "LATE", "TRUNCATED", "REWOUND", "CLOSED"] as const;

type Outcome = "acknowledged" | "not written" | "in doubt";

interface Attempt {
  readonly tag: string;
  readonly outcome: Outcome;
}

/** Appends through a storage that misbehaves. Whatever happens, the answer has to be true afterwards. */
async function attempt(replica: Replica, deadline: number): Promise<Attempt> {
  const tag = randomTag();
  try {
    await replica.journal.append(Buffer.from(tag), replica.at, { tag, deadline });
    return { tag, outcome: "acknowledged" };
  } catch (error) {
    return { tag, outcome: isWaystationError(error, ...CERTAINLY_NOT_WRITTEN) ? "not written" : "in doubt" };
  }
}

async function attempts(replica: Replica, count: number, deadline: number): Promise<Attempt[]> {
  const made: Attempt[] = [];
  for (let i = 0; i < count; i++) made.push(await attempt(replica, deadline));
  return made;
}

export const doubtCases: readonly ContractCase[] = [
  {
    name: "under faults, what is acknowledged is there and what is refused is not",
    when: (capabilities) => capabilities.disturb,
    async run(kit) {
      const replica = await kit.open();
      await replica.append("before");
      const restore = await kit.disturb(replica.journal);
      const made = await attempts(replica, 8, inAMinute());
      await restore();
      const fresh = await kit.reopen(replica);
      await fresh.catchUp();
      const stored = fresh.entries.map((entry) => entry.tag);
      for (const { tag, outcome } of made) {
        const copies = stored.filter((other) => other === tag).length;
        if (outcome === "acknowledged") assert.equal(copies, 1, "an acknowledged entry has to be there, once");
        if (outcome === "not written") assert.equal(copies, 0, "an entry was written although it was refused");
        assert(copies <= 1, "an entry was written twice");
      }
      await fresh.append(blob(10));
    },
  },
  {
    name: "an append in doubt is not written after its deadline",
    when: (capabilities) => capabilities.disturb,
    async run(kit) {
      const replica = await kit.open();
      await replica.append("before");
      const observer = kit.capabilities.shared ? await kit.open() : undefined;
      const { time } = await replica.journal.read(ORIGIN);
      const deadline = time + 200;
      const restore = await kit.disturb(replica.journal);
      await attempts(replica, 4, deadline);
      await passed(250);
      // From here on, what is not there never will be, whatever is still on its way.
      const settled = observer && (await after(observer, deadline));
      await restore();
      const fresh = await kit.reopen(replica);
      const first = await after(fresh, deadline);
      if (settled) sameEntries(first, settled);
      await passed(100);
      sameEntries(await after(fresh, deadline), first);
    },
  },
];

/** All entries, read at a time (on the journal's clock) after the deadline. */
async function after(replica: Replica, deadline: number): Promise<Entry[]> {
  const { time } = await replica.journal.read(replica.at);
  assert(time > deadline, `the journal's clock shows ${time}, not yet past ${deadline}`);
  await replica.catchUp();
  return [...replica.entries];
}
