import assert from "node:assert/strict";
import { type Cursor, ORIGIN } from "../../journal/journal.ts";
import {
  blob,
  bytesOf,
  type ContractCase,
  chunksOf,
  type Kit,
  passed,
  type Replica,
  rejectsWith,
  sameEntries,
  together,
  writesNothing,
} from "./kit.ts";

const MIB = 1024 * 1024;

function cursorOf({ position, tag }: Cursor): Cursor {
  return { position, tag };
}

/** Entries 1 to `count`. */
async function filled(kit: Kit, count: number): Promise<Replica> {
  const replica = await kit.open();
  for (let i = 1; i <= count; i++) await replica.append(`entry ${i}`);
  return replica;
}

/** Who opens the journal now has to find this snapshot, and the entries after it. */
async function finds(kit: Kit, replica: Replica, at: Cursor, snapshot: Uint8Array | string): Promise<Replica> {
  const expected = replica.entries.filter((entry) => entry.position > at.position);
  const again = await kit.reopen(replica);
  assert.deepEqual(again.snapshot?.at, cursorOf(at));
  assert(again.snapshot.bytes.equals(Buffer.from(snapshot)), "the bytes of the snapshot have changed");
  sameEntries(await again.catchUp(), expected);
  return again;
}

/** Nothing was published: who opens the journal now reads all from the start. */
async function findsNone(kit: Kit, replica: Replica): Promise<void> {
  const again = await kit.reopen(replica);
  assert.equal(again.snapshot, undefined);
  sameEntries(await again.catchUp(), replica.entries);
}

/** The same bytes, cut in different ways. */
const CUTS: Readonly<Record<string, (bytes: Buffer) => Buffer[]>> = {
  "in one chunk": (bytes) => [bytes],
  "in pieces of 100,003 bytes": (bytes) => pieces(bytes, () => 100_003),
  "in pieces of all sizes, with empty ones": (bytes) => {
    let step = 0;
    return pieces(bytes, () => [0, 1, 700_000, 2, 65_536, 262_144, 262_145, 3][step++ % 8]!);
  },
};

function pieces(bytes: Buffer, size: () => number): Buffer[] {
  const result: Buffer[] = [];
  for (let offset = 0; offset < bytes.length; ) {
    const end = offset + size();
    result.push(bytes.subarray(offset, end));
    offset = end;
  }
  return result;
}

function* cuts(): Iterable<ContractCase> {
  for (const [description, cut] of Object.entries(CUTS)) {
    yield {
      name: `a snapshot of several MiB, handed over ${description}, is found byte for byte`,
      async run(kit) {
        const replica = await filled(kit, 1);
        const bytes = blob(5 * MIB + 321);
        const handedIn = Buffer.from(bytes);
        assert.equal(await replica.compact(replica.at, ...cut(handedIn)), "published");
        handedIn.fill(0); // once compact has settled, the chunks are the caller's again
        await finds(kit, replica, replica.at, bytes);
      },
    };
  }
}

export const snapshotCases: readonly ContractCase[] = [
  ...cuts(),
  {
    name: "a published snapshot is found, and entries after it follow",
    async run(kit) {
      const replica = await filled(kit, 6);
      const at = replica.entries[3]!;
      assert.equal(await replica.compact(cursorOf(at), "state ", "after ", "four"), "published");
      await finds(kit, replica, at, "state after four");
    },
  },
  {
    name: "after a snapshot of everything, positions go on where they were",
    async run(kit) {
      const replica = await filled(kit, 3);
      const at = replica.at;
      assert.equal(await replica.compact(at, "all"), "published");
      const again = await finds(kit, replica, at, "all");
      const next = await again.append("four");
      assert.equal(next.position, 4);
      await finds(kit, again, at, "all");
    },
  },
  {
    name: "a newer snapshot replaces an older one",
    async run(kit) {
      const replica = await filled(kit, 4);
      assert.equal(await replica.compact(cursorOf(replica.entries[1]!), "two"), "published");
      assert.equal(await replica.compact(cursorOf(replica.entries[3]!), "four"), "published");
      await finds(kit, replica, replica.entries[3]!, "four");
    },
  },
  {
    name: "an empty snapshot is a snapshot",
    async run(kit) {
      const replica = await filled(kit, 2);
      assert.equal(await replica.compact(replica.at), "published");
      await finds(kit, replica, replica.at, "");
    },
  },
  {
    name: "an older snapshot, or one at the same place, is refused and changes nothing",
    async run(kit) {
      const replica = await filled(kit, 5);
      const at = cursorOf(replica.entries[3]!);
      assert.equal(await replica.compact(at, "four"), "published");
      assert.equal(await replica.compact(cursorOf(replica.entries[1]!), "two"), "older");
      assert.equal(await replica.compact(at, "four again"), "older");
      await finds(kit, replica, at, "four");
    },
  },
  {
    name: "an older snapshot is refused after reopening too",
    async run(kit) {
      const replica = await filled(kit, 5);
      const old = cursorOf(replica.entries[1]!);
      assert.equal(await replica.compact(cursorOf(replica.entries[3]!), "four"), "published");
      const again = await kit.reopen(replica);
      await again.catchUp();
      assert.equal(await again.compact(old, "two"), "older");
      await finds(kit, again, replica.entries[3]!, "four");
    },
  },
  {
    name: "a snapshot overtaken by a newer one while it is written is refused",
    async run(kit) {
      const replica = await filled(kit, 4);
      const { promise: gate, resolve: release } = Promise.withResolvers<void>();
      const slow = async function* (): AsyncIterable<Uint8Array> {
        yield Buffer.from("slow ");
        await gate;
        yield blob(MIB);
      };
      const older = replica.journal.compact(cursorOf(replica.entries[1]!), slow());
      const newer = replica.compact(cursorOf(replica.entries[2]!), "three");
      // A journal may write one snapshot after the other; then the older one comes first, and is not overtaken.
      const overtook = await Promise.race([
        newer.then(
          () => true,
          () => false,
        ),
        passed(100),
      ]);
      release();
      await together(older, newer);
      assert.equal(await newer, "published");
      assert.equal(await older, overtook ? "older" : "published");
      await finds(kit, replica, replica.entries[2]!, "three");
    },
  },
  {
    name: "a snapshot of another history is refused and changes nothing",
    async run(kit) {
      const replica = await filled(kit, 4);
      assert.equal(await replica.compact({ position: 2, tag: "1" }, "foreign"), "older");
      assert.equal(await replica.compact({ position: 4, tag: replica.entries[2]!.tag }, "foreign"), "older");
      assert.equal(await replica.compact({ position: 5, tag: "1" }, "beyond the head"), "older");
      await findsNone(kit, replica);
    },
  },
  {
    name: "if the iterable throws, nothing is published and its error is passed on",
    async run(kit) {
      const replica = await filled(kit, 3);
      const failure = new Error("the state could not be encoded");
      for (const before of [[], ["half a "], [blob(3 * MIB)]]) {
        const broken = async function* (): AsyncIterable<Uint8Array> {
          yield* chunksOf(before);
          throw failure;
        };
        await assert.rejects(replica.journal.compact(replica.at, broken()), (error) => error === failure);
      }
      await findsNone(kit, replica);
    },
  },
  {
    name: "if the iterable throws, the present snapshot stays, and the next compaction works",
    async run(kit) {
      const replica = await filled(kit, 4);
      const at = cursorOf(replica.entries[1]!);
      assert.equal(await replica.compact(at, "two"), "published");
      const broken = async function* (): AsyncIterable<Uint8Array> {
        yield blob(MIB);
        throw new Error("broken");
      };
      await assert.rejects(replica.journal.compact(replica.at, broken()), /broken/);
      const again = await finds(kit, replica, at, "two");
      assert.equal(await again.compact(again.at, "four"), "published");
      await finds(kit, again, again.at, "four");
    },
  },
  {
    name: "appends and reads go on during a compaction",
    async run(kit) {
      const replica = await filled(kit, 3);
      const at = replica.at;
      const snapshot = async function* (): AsyncIterable<Uint8Array> {
        for (let i = 0; i < 8; i++) {
          yield Buffer.from(`chunk ${i};`);
          await replica.append(`while writing chunk ${i}`);
          await replica.catchUp();
        }
      };
      assert.equal(await replica.journal.compact(at, snapshot()), "published");
      assert.equal(replica.at.position, 11);
      await finds(kit, replica, at, Array.from({ length: 8 }, (_, i) => `chunk ${i};`).join(""));
    },
  },
  {
    name: "appends that overlap with the publication are kept",
    async run(kit) {
      let replica = await filled(kit, 1);
      for (let round = 0; round < 5; round++) {
        const at = replica.at;
        const append = async (): Promise<void> => {
          for (let i = 0; i < 12; i++) await replica.append(blob(30));
        };
        const compact = async (): Promise<void> => {
          assert.equal(await replica.compact(at, `round ${round}`), "published");
        };
        await together(append(), compact());
        replica = await finds(kit, replica, at, `round ${round}`);
      }
    },
  },
  {
    name: "a snapshot that is superseded before it was read is read whole, or refused",
    async run(kit) {
      const replica = await filled(kit, 2);
      const old = blob(2 * MIB);
      assert.equal(await replica.compact(replica.at, ...pieces(old, () => 200_000)), "published");
      await replica.journal.close();
      const journal = kit.journal();
      const snapshot = await journal.open();
      assert(snapshot);
      const { at } = await journal.append(Buffer.from("3"), snapshot.at, { tag: "3", deadline: Date.now() + 60_000 });
      assert.equal(await journal.compact(at, chunksOf(["new"])), "published");
      const bytes = await bytesOf(snapshot).catch(() => undefined);
      if (bytes) assert(bytes.equals(old), "a snapshot has changed while it was being read");
    },
  },
  {
    name: "a cursor before the snapshot is served without gaps, or rejects with TRUNCATED and writes nothing",
    run: servedOrTruncated,
  },
  {
    name: "a reader slightly behind a new snapshot can go on",
    when: (capabilities) => capabilities.trimLag,
    async run(kit) {
      const replica = await filled(kit, 8);
      assert.equal(await replica.compact(replica.at, "eight"), "published");
      const tail = await replica.journal.read(cursorOf(replica.entries[3]!));
      sameEntries(tail.entries, replica.entries.slice(4));
      await replica.append("nine", { since: cursorOf(replica.entries[5]!) });
    },
  },
  {
    name: "a cursor that was compacted away rejects with TRUNCATED, and append writes nothing",
    settings: { eagerTrim: true },
    async run(kit) {
      const replica = await filled(kit, 8);
      const at = cursorOf(replica.entries[5]!);
      assert.equal(await replica.compact(at, "six"), "published");
      const behind = [ORIGIN, cursorOf(replica.entries[0]!), cursorOf(replica.entries[4]!)];
      for (const since of behind) {
        await rejectsWith(replica.journal.read(since), "TRUNCATED");
        await writesNothing(replica, () => rejectsWith(replica.append("lost?", { since }), "TRUNCATED"));
      }
      sameEntries((await replica.journal.read(at)).entries, replica.entries.slice(6));
      const again = await finds(kit, replica, at, "six");
      for (const since of behind) await rejectsWith(again.journal.read(since), "TRUNCATED");
    },
  },
  {
    name: "the tag at a snapshot's place is still checked when the entries before it are gone",
    settings: { eagerTrim: true },
    async run(kit) {
      const replica = await filled(kit, 4);
      const { position } = replica.at;
      assert.equal(await replica.compact(replica.at, "four"), "published");
      await rejectsWith(replica.journal.read({ position, tag: "1" }), "REWOUND");
      const again = await finds(kit, replica, replica.at, "four");
      await rejectsWith(again.journal.read({ position, tag: "1" }), "REWOUND");
      await rejectsWith(again.append("x", { since: { position, tag: "1" } }), "REWOUND");
      await again.append("five");
    },
  },
];

async function servedOrTruncated(kit: Kit): Promise<void> {
  const replica = await filled(kit, 8);
  assert.equal(await replica.compact(replica.at, "eight"), "published");
  for (const [i, entry] of [ORIGIN, ...replica.entries].entries()) {
    const since = cursorOf(entry);
    const tail = await replica.journal.read(since).catch(() => undefined);
    if (tail) {
      sameEntries(tail.entries, replica.entries.slice(i));
    } else {
      await rejectsWith(replica.journal.read(since), "TRUNCATED");
      await writesNothing(replica, () => rejectsWith(replica.append("lost?", { since }), "TRUNCATED"));
    }
  }
  const again = await kit.reopen(replica);
  assert.deepEqual(again.snapshot?.at, cursorOf(replica.at));
}
