import assert from "node:assert/strict";
import { type Cursor, ORIGIN } from "../../journal/journal.ts";
import { type ContractCase, type Kit, passed, type Replica, rejectsWith, sameEntries, writesNothing } from "./kit.ts";

/** Cursors that are not in the history of a journal with entries 1 to 5 (tags 101 to 105). */
const FOREIGN: Readonly<Record<string, Cursor>> = {
  "with another tag at the head": { position: 5, tag: "205" },
  "with another tag in the middle": { position: 3, tag: "203" },
  "with the tag of a neighbour": { position: 3, tag: "104" },
  "with another tag at the start": { position: 0, tag: "1" },
  "beyond the head": { position: 6, tag: "105" },
  "far beyond the head": { position: 4_000_000_000, tag: "105" },
};

async function fiveEntries(kit: Kit): Promise<Replica> {
  const replica = await kit.open();
  for (let i = 1; i <= 5; i++) await replica.append(`entry ${i}`, { tag: String(100 + i) });
  return replica;
}

function* foreignCursors(): Iterable<ContractCase> {
  for (const [description, cursor] of Object.entries(FOREIGN)) {
    yield {
      name: `read from a cursor ${description} rejects with REWOUND`,
      async run(kit) {
        const { journal } = await fiveEntries(kit);
        await rejectsWith(journal.read(cursor), "REWOUND");
      },
    };
    yield {
      name: `append after a cursor ${description} rejects with REWOUND and writes nothing`,
      async run(kit) {
        const replica = await fiveEntries(kit);
        await writesNothing(replica, () => rejectsWith(replica.append("x", { since: cursor }), "REWOUND"));
        await replica.append("the next one is fine");
      },
    };
  }
}

export const cursorCases: readonly ContractCase[] = [
  ...foreignCursors(),
  {
    name: "an empty journal knows no cursor but the origin",
    async run(kit) {
      const replica = await kit.open();
      await rejectsWith(replica.journal.read({ position: 1, tag: "1" }), "REWOUND");
      await rejectsWith(replica.append("x", { since: { position: 1, tag: "1" } }), "REWOUND");
      const entry = await replica.append("first");
      assert.equal(entry.position, 1);
    },
  },
  {
    name: "cursors are still checked after reopening",
    async run(kit) {
      const { journal } = await kit.reopen(await fiveEntries(kit));
      for (const cursor of Object.values(FOREIGN)) await rejectsWith(journal.read(cursor), "REWOUND");
      const tail = await journal.read({ position: 3, tag: "103" });
      assert.equal(tail.entries.length, 2);
    },
  },
  {
    name: "an append after its deadline rejects with LATE and writes nothing",
    async run(kit) {
      const replica = await kit.open();
      await replica.append("in time");
      const { time } = await replica.journal.read(ORIGIN);
      await writesNothing(replica, async () => {
        await rejectsWith(replica.append("late", { deadline: time - 1000 }), "LATE");
        await rejectsWith(replica.append("very late", { deadline: 0 }), "LATE");
      });
      await replica.append("in time again", { deadline: time + 3_600_000 });
      const again = await kit.reopen(replica);
      sameEntries(await again.catchUp(), replica.entries);
    },
  },
  {
    name: "the journal's clock moves on",
    async run(kit) {
      const { journal } = await kit.open();
      const before = await journal.read(ORIGIN);
      await passed(25);
      const after = await journal.read(ORIGIN);
      assert(after.time > before.time, `${after.time} after ${before.time}`);
    },
  },
];
