import assert from "node:assert/strict";
import { blob, type ContractCase, sameEntries, together } from "./kit.ts";

const MIB = 1024 * 1024;

export const durabilityCases: readonly ContractCase[] = [
  {
    name: "closing and reopening keeps every entry, and positions go on",
    async run(kit) {
      let replica = await kit.open();
      for (let round = 1; round <= 4; round++) {
        for (let i = 0; i < 5; i++) await replica.append(blob(round * 100 + i));
        const { entries } = replica;
        replica = await kit.reopen(replica);
        sameEntries(await replica.catchUp(), entries);
        assert.equal(replica.at.position, round * 5);
      }
    },
  },
  {
    name: "a crash loses no acknowledged entry, and positions go on",
    when: (capabilities) => capabilities.crash,
    async run(kit) {
      let replica = await kit.open();
      for (let round = 1; round <= 4; round++) {
        for (let i = 0; i < 5; i++) await replica.append(blob(round * 1000 + i));
        await kit.crash(replica.journal);
        const { entries } = replica;
        replica = await kit.open();
        sameEntries(await replica.catchUp(), entries);
      }
    },
  },
  {
    name: "a crash loses no published snapshot",
    when: (capabilities) => capabilities.crash,
    async run(kit) {
      const replica = await kit.open();
      for (let i = 0; i < 5; i++) await replica.append(blob(100));
      const at = replica.at;
      const bytes = blob(MIB);
      assert.equal(await replica.compact(at, bytes), "published");
      await replica.append("after");
      await kit.crash(replica.journal);
      const again = await kit.open();
      assert.deepEqual(again.snapshot?.at, at);
      assert(again.snapshot.bytes.equals(bytes));
      sameEntries(await again.catchUp(), replica.entries.slice(5));
    },
  },
  {
    name: "a crash during a compaction leaves the snapshot before it and every entry",
    when: (capabilities) => capabilities.crash,
    async run(kit) {
      const replica = await kit.open();
      await replica.append("1");
      const at = replica.at;
      assert.equal(await replica.compact(at, "one"), "published");
      await replica.append("2");
      const { promise: started, resolve: start } = Promise.withResolvers<void>();
      const { promise: gate, reject: abort } = Promise.withResolvers<void>();
      const unfinished = async function* (): AsyncIterable<Uint8Array> {
        yield blob(MIB);
        start();
        await gate;
      };
      const compacting = assert.rejects(replica.journal.compact(replica.at, unfinished()), /the process is gone/);
      const crashAndReopen = async (): Promise<void> => {
        try {
          await Promise.race([started, compacting]);
          await replica.append("3");
          await kit.crash(replica.journal);
          const again = await kit.open();
          assert.deepEqual(again.snapshot?.at, at);
          assert.equal(again.snapshot.bytes.toString(), "one");
          sameEntries(await again.catchUp(), replica.entries.slice(1));
          assert.equal(await again.compact(again.at, "three"), "published");
        } finally {
          abort(new Error("the process is gone"));
        }
      };
      await together(crashAndReopen(), compacting);
    },
  },
];
