import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { journalContract } from "../../src/testing/index.ts";
import { BROKEN_JOURNALS } from "./broken-journals.ts";
import type { BrokenJournal } from "./spoil.ts";

type Defect = keyof typeof BROKEN_JOURNALS;

/** The case that each defect is there for. Most fail others too. */
const CAUGHT_BY: Readonly<Record<Defect, readonly string[]>> = {
  "drops an entry that it acknowledged": ["read gives all entries back in order, with their tags and bytes"],
  "swaps neighbours": ["read gives all entries back in order, with their tags and bytes"],
  "writes twice": ["positions are 1, 2, 3, … and answers carry the given tags"],
  "starts at position 2": ["an empty journal has no snapshot, no entries and head 0"],
  "leaves gaps in positions": ["positions are 1, 2, 3, … and answers carry the given tags"],
  "gives appends at the same time one position": [
    "appends at the same time get different, dense positions",
    "journals that append at the same time agree on one history, and nobody starves",
  ],
  "loses the newest entry in a crash": ["a crash loses no acknowledged entry, and positions go on"],
  "loses everything in a crash": [
    "a crash loses no acknowledged entry, and positions go on",
    "a crash loses no published snapshot",
    "a crash during a compaction leaves the snapshot before it and every entry",
  ],
  "takes bytes for text": ["bytes are kept as they are: all values, no text, no bytes at all, 1 MiB and more"],
  "keeps the caller's buffer": ["bytes that were handed in may be reused once append has settled"],
  "hands out what it goes on using": ["bytes that were handed out belong to the caller"],
  "answers with another tag": ["positions are 1, 2, 3, … and answers carry the given tags"],
  "keeps a tag as a 32-bit number": ["the smallest and the largest tag are kept as they are"],
  "ignores the tag of a cursor": [
    "read from a cursor with another tag at the head rejects with REWOUND",
    "read from a cursor with another tag at the start rejects with REWOUND",
    "append after a cursor with the tag of a neighbour rejects with REWOUND and writes nothing",
    "the tag at a snapshot's place is still checked when the entries before it are gone",
  ],
  "takes a cursor beyond the head for the head": [
    "read from a cursor beyond the head rejects with REWOUND",
    "append after a cursor far beyond the head rejects with REWOUND and writes nothing",
    "an empty journal knows no cursor but the origin",
    "cursors are still checked after reopening",
  ],
  "writes although the cursor is refused": [
    "append after a cursor with another tag in the middle rejects with REWOUND and writes nothing",
    "a cursor that was compacted away rejects with TRUNCATED, and append writes nothing",
  ],
  "ignores the deadline": ["an append after its deadline rejects with LATE and writes nothing"],
  "checks the deadline where it sends, not where it writes": ["an append in doubt is not written after its deadline"],
  "has a clock that stands still": ["the journal's clock moves on"],
  "says UNAVAILABLE when an answer was lost": [
    "under faults, what is acknowledged is there and what is refused is not",
  ],
  "sends again when an answer was lost": ["under faults, what is acknowledged is there and what is refused is not"],
  "sends the own entry back": ["the own entry is not sent back"],
  "leaves entries out of the tail of an append": [
    "the tail of an append holds everything since the cursor, own earlier entries too",
    "the tail of an append holds what the other appended in between",
  ],
  "gives short tails and claims that they reach the head": ["hundreds of small entries come back complete"],
  "gives empty tails below the head": ["an entry larger than a tail comes nevertheless"],
  "gives everything in one tail": [
    "more than a tail holds comes in parts, in order",
    "the tail of an append may be partial; reading on closes the gap",
  ],
  "cannot give an entry larger than a tail": ["an entry larger than a tail comes nevertheless"],
  "shows an entry and takes it back": ["read from each position gives exactly what follows it"],
  "does not see what others append": ["what one journal appends, the other reads"],
  "serves a truncated reader from what is left": [
    "a cursor that was compacted away rejects with TRUNCATED, and append writes nothing",
    "a journal that was overtaken by another's snapshot opens again and misses nothing",
  ],
  "says REWOUND for TRUNCATED": ["a cursor that was compacted away rejects with TRUNCATED, and append writes nothing"],
  "keeps nothing for slow readers": ["a reader slightly behind a new snapshot can go on"],
  "says published without publishing": [
    "a published snapshot is found, and entries after it follow",
    "after a snapshot of everything, positions go on where they were",
    "a newer snapshot replaces an older one",
    "who opens later finds the snapshot of another and what follows",
  ],
  "publishes an older snapshot": [
    "an older snapshot, or one at the same place, is refused and changes nothing",
    "an older snapshot is refused after reopening too",
    "a slow journal cannot publish an older snapshot than another's",
  ],
  "publishes a snapshot of another history": ["a snapshot of another history is refused and changes nothing"],
  "looks whether a snapshot is newer only before it writes": [
    "a snapshot overtaken by a newer one while it is written is refused",
  ],
  "publishes half a snapshot when the iterable throws": [
    "if the iterable throws, nothing is published and its error is passed on",
    "if the iterable throws, the present snapshot stays, and the next compaction works",
    "a crash during a compaction leaves the snapshot before it and every entry",
  ],
  "hides the error of the iterable": ["if the iterable throws, nothing is published and its error is passed on"],
  "keeps the caller's chunks": ["a snapshot of several MiB, handed over in one chunk, is found byte for byte"],
  "keeps 256 KiB of each chunk": [
    "a snapshot of several MiB, handed over in pieces of all sizes, with empty ones, is found byte for byte",
    "compactions by two journals at the same time leave one whole snapshot",
  ],
  "takes an empty snapshot for none": ["an empty snapshot is a snapshot"],
  "replaces a snapshot under its reader": [
    "a snapshot that is superseded before it was read is read whole, or refused",
  ],
  "stops appends during a compaction": [
    "appends and reads go on during a compaction",
    "appends that overlap with the publication are kept",
  ],
  "counts what was appended during a compaction into the snapshot": ["appends and reads go on during a compaction"],
  "does not reject after close": [
    "append after close rejects with CLOSED",
    "read after close rejects with CLOSED",
    "compact after close rejects with CLOSED",
    "close while opening waits and lets go",
  ],
  "can be used without open": [
    "append before open rejects with CLOSED",
    "read before open rejects with CLOSED",
    "compact before open rejects with CLOSED",
  ],
  "takes calls while it is closing": [
    "append while closing rejects with CLOSED",
    "read while closing rejects with CLOSED",
    "compact while closing rejects with CLOSED",
  ],
  "closes under an append": ["close waits for an append under way"],
  "closes under a compaction": ["close waits for a compaction under way"],
  "cannot be closed twice": ["closing twice is fine, one after the other, at once, and without open"],
  "opens again on the same object, and begins anew": ["open after close rejects with CLOSED"],
  "breaks when it is opened a second time": [
    "open on an open journal finds the newest snapshot anew, and disturbs nothing",
  ],
  "remembers the snapshot that it was opened with": [
    "open on an open journal finds the newest snapshot anew, and disturbs nothing",
    "open on an open journal finds the snapshot that another one has published",
  ],
  "opens in spite of an aborted signal": ["open with an aborted signal rejects and holds nothing"],
  "rejects from health when it is not open": ["health after close resolves and is not ok"],
  "is always healthy, and of the same size": [
    "health before open resolves and is not ok",
    "health of an open journal is ok, and its sizes follow appends and snapshots",
  ],
  "throws from watch when it is not open": ["watch after close does nothing and can be stopped"],
  "goes on with hints after they were stopped": ["watch gives hints only until it is stopped"],
  "lies about being shared": ["describes itself"],
  "lets a second opener in": ["a second opener is refused with LOCKED, and the first is not disturbed"],
  "keeps its lock when closed": ["closing lets the next opener in"],
  "says UNAVAILABLE when it is locked": ["a second opener is refused with LOCKED, and the first is not disturbed"],
};

/** Runs the suite on a broken journal. Returns the names of all cases, and of those that failed. */
async function runSuite({ shared, fixture }: BrokenJournal): Promise<{ all: string[]; failed: string[] }> {
  const cases = new Map<string, () => Promise<void>>();
  journalContract({
    test: (name, body) => cases.set(name.replace("broken: ", ""), body),
    name: "broken",
    capabilities: { shared, trimLag: true, crash: true, disturb: true },
    create: async (settings) => fixture({ shared, ...settings }),
  });
  const failed: string[] = [];
  for (const [name, run] of cases) await run().catch(() => failed.push(name));
  return { all: [...cases.keys()], failed };
}

const all = new Set<string>();
const fallible = new Set<string>();

describe("the contract suite catches a journal that", { concurrency: 8 }, () => {
  for (const [defect, broken] of Object.entries(BROKEN_JOURNALS)) {
    test(defect, async () => {
      const result = await runSuite(broken);
      for (const name of result.all) all.add(name);
      for (const name of result.failed) fallible.add(name);
      for (const name of CAUGHT_BY[defect as Defect]) {
        assert(result.failed.includes(name), `"${name}" does not notice; ${result.failed.length} others do`);
      }
    });
  }
});

test("every case of the contract suite can fail", () => {
  assert.deepEqual(
    [...all].filter((name) => !fallible.has(name)),
    [],
  );
  assert(all.size > 80);
});
