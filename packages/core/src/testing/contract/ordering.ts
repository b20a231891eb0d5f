import assert from "node:assert/strict";
import { type Entry, MAX_TAIL_BYTES, ORIGIN } from "../../journal/journal.ts";
import { blob, type ContractCase, checkTail, inAMinute, randomTag, sameEntries, together } from "./kit.ts";

const MIB = 1024 * 1024;

export const orderingCases: readonly ContractCase[] = [
  {
    name: "an empty journal has no snapshot, no entries and head 0",
    async run(kit) {
      const journal = kit.journal();
      assert.equal(await journal.open(), undefined);
      const tail = await journal.read(ORIGIN);
      assert.deepEqual(tail.entries, []);
      assert.equal(tail.head, 0);
    },
  },
  {
    name: "positions are 1, 2, 3, … and answers carry the given tags",
    async run(kit) {
      const replica = await kit.open();
      for (let position = 1; position <= 20; position++) {
        const tag = randomTag();
        const { at } = await replica.journal.append(blob(position), replica.at, { tag, deadline: inAMinute() });
        assert.deepEqual(at, { position, tag });
        await replica.catchUp();
      }
    },
  },
  {
    name: "read gives all entries back in order, with their tags and bytes",
    async run(kit) {
      const replica = await kit.open();
      for (let i = 0; i < 30; i++) await replica.append(blob(1 + i * 37));
      const tail = await replica.journal.read(ORIGIN);
      checkTail(tail, ORIGIN);
      sameEntries(tail.entries, replica.entries);
      assert.equal(tail.head, 30);
    },
  },
  {
    name: "read from each position gives exactly what follows it",
    async run(kit) {
      const replica = await kit.open();
      for (let i = 0; i < 12; i++) await replica.append(blob(10));
      for (const [i, since] of [ORIGIN, ...replica.entries].entries()) {
        const { position, tag } = since;
        const tail = await replica.journal.read({ position, tag });
        sameEntries(tail.entries, replica.entries.slice(i));
      }
    },
  },
  {
    name: "the smallest and the largest tag are kept as they are",
    async run(kit) {
      const replica = await kit.open();
      for (const tag of ["0", "1", "4294967295", "4294967296", String(2 ** 48 - 1)]) await replica.append("x", { tag });
      const { entries } = await replica.journal.read(ORIGIN);
      sameEntries(entries, replica.entries);
      const again = await kit.reopen(replica);
      sameEntries(await again.catchUp(), replica.entries);
    },
  },
  {
    name: "bytes are kept as they are: all values, no text, no bytes at all, 1 MiB and more",
    async run(kit) {
      const replica = await kit.open();
      const all = Buffer.from(Array.from({ length: 256 }, (_, i) => i));
      const invalidUtf8 = Buffer.from("c328a0a1f09f98ff0000feff", "hex");
      for (const data of [
        all,
        invalidUtf8,
        Buffer.alloc(0),
        Buffer.alloc(600),
        Buffer.from("\r\n\0\n"),
        blob(MIB + 1),
      ]) {
        await replica.append(data);
      }
      const { entries } = await replica.journal.read(ORIGIN);
      sameEntries(entries, replica.entries);
      const again = await kit.reopen(replica);
      sameEntries(await again.catchUp(), replica.entries);
    },
  },
  {
    name: "bytes that were handed in may be reused once append has settled",
    async run(kit) {
      const replica = await kit.open();
      const arena = Buffer.alloc(4096, 1);
      const view = arena.subarray(100, 200); // a view into something larger, as a gateway's reused record arena gives
      const { at } = await replica.journal.append(view, ORIGIN, { tag: "5", deadline: inAMinute() });
      arena.fill(2);
      const { entries } = await replica.journal.read(ORIGIN);
      sameEntries(entries, [{ ...at, data: Buffer.alloc(100, 1) }]);
    },
  },
  {
    name: "bytes that were handed out belong to the caller",
    async run(kit) {
      const replica = await kit.open();
      const entry = await replica.append(Buffer.alloc(100, 1));
      const first = await replica.journal.read(ORIGIN);
      first.entries[0]!.data.fill(2);
      const second = await replica.journal.read(ORIGIN);
      sameEntries(second.entries, [entry]);
    },
  },
  {
    name: "the own entry is not sent back",
    async run(kit) {
      const replica = await kit.open();
      for (let i = 0; i < 5; i++) {
        const { at, tail } = await replica.journal.append(blob(9), replica.at, { tag: "9", deadline: inAMinute() });
        assert.deepEqual(tail.entries, []);
        await replica.catchUp();
        assert.deepEqual(replica.at, at);
      }
    },
  },
  {
    name: "the tail of an append holds everything since the cursor, own earlier entries too",
    async run(kit) {
      const replica = await kit.open();
      for (let i = 0; i < 6; i++) await replica.append(blob(50));
      const { position, tag } = replica.entries[1]!;
      const since = { position, tag };
      const { at, tail } = await replica.journal.append(blob(50), since, { tag: "3", deadline: inAMinute() });
      assert.equal(at.position, 7);
      checkTail(tail, since);
      sameEntries(tail.entries, replica.entries.slice(2));
    },
  },
  {
    name: "more than a tail holds comes in parts, in order",
    async run(kit) {
      const replica = await kit.open();
      for (let i = 0; i < 9; i++) await replica.append(blob(MIB));
      const first = await replica.journal.read(ORIGIN);
      checkTail(first, ORIGIN);
      assert(first.entries.length > 0 && first.entries.length < 9, "9 MiB must not come in one tail");
      assert.equal(first.head, 9);
      const again = await kit.reopen(replica);
      sameEntries(await again.catchUp(), replica.entries);
    },
  },
  {
    name: "the tail of an append may be partial; reading on closes the gap",
    async run(kit) {
      const replica = await kit.open();
      for (let i = 0; i < 9; i++) await replica.append(blob(MIB));
      const { at, tail } = await replica.journal.append(blob(10), ORIGIN, { tag: "11", deadline: inAMinute() });
      assert.equal(at.position, 10);
      checkTail(tail, ORIGIN);
      assert(tail.entries.length < 9, "9 MiB must not come in one tail");
      const [own] = await replica.catchUp();
      assert.equal(own?.tag, "11");
    },
  },
  {
    name: "an entry larger than a tail comes nevertheless",
    async run(kit) {
      const replica = await kit.open();
      await replica.append("before");
      await replica.append(blob(MAX_TAIL_BYTES + MIB));
      await replica.append("after");
      const again = await kit.reopen(replica);
      sameEntries(await again.catchUp(), replica.entries);
    },
  },
  {
    name: "hundreds of small entries come back complete",
    async run(kit) {
      const replica = await kit.open();
      for (let i = 0; i < 700; i++) await replica.append(String(i));
      const again = await kit.reopen(replica);
      sameEntries(await again.catchUp(), replica.entries);
    },
  },
  {
    name: "appends at the same time get different, dense positions",
    async run(kit) {
      const replica = await kit.open();
      const tags = Array.from({ length: 25 }, randomTag);
      const answers = await Promise.all(
        tags.map((tag) => replica.journal.append(Buffer.from(tag), ORIGIN, { tag, deadline: inAMinute() })),
      );
      const expected: Entry[] = answers
        .map(({ at }) => ({ ...at, data: Buffer.from(at.tag) }))
        .sort((a, b) => a.position - b.position);
      assert.deepEqual(
        expected.map((entry) => entry.position),
        Array.from({ length: 25 }, (_, i) => i + 1),
      );
      sameEntries(await replica.catchUp(), expected);
    },
  },
  {
    name: "reads while appending see a growing prefix without gaps",
    async run(kit) {
      const writer = await kit.open();
      let writing = true;
      const write = async (): Promise<void> => {
        try {
          for (let i = 0; i < 100; i++) await writer.append(blob(20));
        } finally {
          writing = false;
        }
      };
      const read = async (): Promise<void> => {
        let seen: readonly Entry[] = [];
        while (writing) {
          const tail = await writer.journal.read(ORIGIN);
          checkTail(tail, ORIGIN);
          assert(tail.entries.length >= seen.length, "an entry that was readable has vanished");
          sameEntries(tail.entries.slice(0, seen.length), seen);
          seen = tail.entries;
          await new Promise((resolve) => setImmediate(resolve));
        }
      };
      await together(write(), read());
    },
  },
];
