import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { ORIGIN } from "../../journal/journal.ts";
import type { JournalCapabilities } from "./fixture.ts";
import { blob, bytesOf, type ContractCase, passed, type Replica, rejectsWith, sameEntries, together } from "./kit.ts";

const shared = (capabilities: JournalCapabilities): boolean => capabilities.shared;
const exclusive = (capabilities: JournalCapabilities): boolean => !capabilities.shared;

export const sharingCases: readonly ContractCase[] = [
  {
    name: "a second opener is refused with LOCKED, and the first is not disturbed",
    when: exclusive,
    async run(kit) {
      const first = await kit.open();
      await first.append("one");
      const error = await rejectsWith(kit.journal().open(), "LOCKED");
      assert(error.message.length > 20, "the message has to name what is locked and the remedy");
      await first.append("two");
      await rejectsWith(kit.journal().open(), "LOCKED");
      sameEntries((await first.journal.read(ORIGIN)).entries, first.entries);
    },
  },
  {
    name: "closing lets the next opener in",
    when: exclusive,
    async run(kit) {
      const first = await kit.open();
      const refused = kit.journal();
      await rejectsWith(refused.open(), "LOCKED");
      await first.append("one");
      await first.journal.close();
      const second = await kit.open();
      sameEntries(await second.catchUp(), first.entries);
    },
  },
  {
    name: "the death of the holder frees the lock",
    when: (capabilities) => exclusive(capabilities) && capabilities.crash,
    async run(kit) {
      const first = await kit.open();
      await first.append("one");
      await kit.crash(first.journal);
      const second = await kit.open();
      sameEntries(await second.catchUp(), first.entries);
    },
  },
  {
    name: "what one journal appends, the other reads",
    when: shared,
    async run(kit) {
      const [a, b] = [await kit.open(), await kit.open()];
      assert.deepEqual(await b.catchUp(), []);
      for (let i = 0; i < 5; i++) await a.append(`from a ${i}`);
      sameEntries(await b.catchUp(), a.entries);
      await b.append("from b");
      sameEntries(await a.catchUp(), b.entries.slice(5));
    },
  },
  {
    name: "the tail of an append holds what the other appended in between",
    when: shared,
    async run(kit) {
      const [a, b] = [await kit.open(), await kit.open()];
      await a.append("a1");
      await a.append("a2");
      const { at, tail } = await b.journal.append(Buffer.from("b3"), ORIGIN, {
        tag: "33",
        deadline: Date.now() + 60_000,
      });
      assert.deepEqual(at, { position: 3, tag: "33" });
      sameEntries(tail.entries, a.entries);
    },
  },
  {
    name: "journals that take turns at random agree on one history",
    when: shared,
    async run(kit) {
      const replicas = [await kit.open(), await kit.open(), await kit.open()];
      for (let i = 0; i < 80; i++) await replicas[randomInt(3)]!.append(blob(1 + randomInt(60)));
      await agree(replicas, 80);
    },
  },
  {
    name: "journals that append at the same time agree on one history, and nobody starves",
    when: shared,
    async run(kit) {
      const replicas = [await kit.open(), await kit.open(), await kit.open()];
      await together(
        ...replicas.map(async (replica) => {
          for (let i = 0; i < 40; i++) await replica.append(blob(1 + randomInt(60)));
        }),
      );
      await agree(replicas, 120);
    },
  },
  {
    name: "who opens later finds the snapshot of another and what follows",
    when: shared,
    async run(kit) {
      const a = await kit.open();
      await a.append("1");
      const at = a.at;
      await a.append("2");
      assert.equal(await a.compact(at, "one"), "published");
      const b = await kit.open();
      assert.deepEqual(b.snapshot?.at, at);
      assert.equal(b.snapshot.bytes.toString(), "one");
      sameEntries(await b.catchUp(), a.entries.slice(1));
    },
  },
  {
    name: "a slow journal cannot publish an older snapshot than another's",
    when: shared,
    async run(kit) {
      const [fast, slow] = [await kit.open(), await kit.open()];
      await fast.append("1");
      await slow.catchUp();
      await fast.append("2");
      assert.equal(await fast.compact(fast.at, "two"), "published");
      assert.equal(await slow.compact(slow.at, "one"), "older");
      const late = await kit.open();
      assert.equal(late.snapshot?.bytes.toString(), "two");
    },
  },
  {
    name: "open on an open journal finds the snapshot that another one has published",
    when: shared,
    async run(kit) {
      const [slow, fast] = [await kit.open(), await kit.open()];
      await fast.append("one");
      await fast.compact(fast.at, "by another");
      const found = await slow.journal.open();
      assert.deepEqual(found?.at, fast.at);
      assert.equal((await bytesOf(found)).toString(), "by another");
    },
  },
  {
    name: "a journal that was overtaken by another's snapshot opens again and misses nothing",
    when: shared,
    settings: { eagerTrim: true },
    async run(kit) {
      const [fast, slow] = [await kit.open(), await kit.open()];
      await fast.append("1");
      await slow.catchUp();
      for (let i = 2; i <= 6; i++) await fast.append(String(i));
      const at = { position: 5, tag: fast.entries[4]!.tag };
      assert.equal(await fast.compact(at, "five"), "published");
      await rejectsWith(slow.journal.read(slow.at), "TRUNCATED");
      await rejectsWith(slow.append("lost?"), "TRUNCATED");
      const again = await kit.reopen(slow);
      assert.deepEqual(again.snapshot?.at, at);
      sameEntries(await again.catchUp(), fast.entries.slice(5));
      await again.append("7");
      sameEntries(await fast.catchUp(), again.entries.slice(1));
    },
  },
  {
    name: "compactions by two journals at the same time leave one whole snapshot",
    when: shared,
    async run(kit) {
      const [a, b] = [await kit.open(), await kit.open()];
      for (let i = 0; i < 4; i++) await a.append(String(i));
      await b.catchUp();
      const [atA, atB] = [a.entries[1]!, a.entries[3]!].map(({ position, tag }) => ({ position, tag }));
      const [bytesA, bytesB] = [blob(1_500_000), blob(1_500_000)];
      const cut = (bytes: Buffer): Buffer[] => [bytes.subarray(0, 700_000), bytes.subarray(700_000)];
      let verdict: string | undefined;
      await together(
        a.compact(atA!, ...cut(bytesA)),
        b.compact(atB!, ...cut(bytesB)).then((answer) => {
          verdict = answer;
        }),
      );
      assert.equal(verdict, "published");
      const late = await kit.open();
      assert.deepEqual(late.snapshot?.at, atB);
      assert(late.snapshot?.bytes.equals(bytesB), "the snapshot is a mixture");
    },
  },
  {
    name: "closing or crashing one journal leaves the other working",
    when: shared,
    async run(kit) {
      const [a, b] = [await kit.open(), await kit.open()];
      await a.append("1");
      await a.journal.close();
      await b.append("2");
      if (kit.capabilities.crash) await kit.crash(b.journal);
      const c = await kit.open();
      sameEntries(await c.catchUp(), b.entries);
      await c.append("3");
    },
  },
  {
    name: "watch gives hints only until it is stopped",
    when: shared,
    async run(kit) {
      const [a, b] = [await kit.open(), await kit.open()];
      if (!b.journal.watch) return;
      let hints = 0;
      const stop = b.journal.watch(() => {
        hints++;
      });
      await a.append("1");
      stop();
      const before = hints;
      await a.append("2");
      await passed(50);
      assert.equal(hints, before, "a hint after it was stopped");
    },
  },
];

/** Each has to know the same `count` entries. */
async function agree(replicas: readonly Replica[], count: number): Promise<void> {
  for (const replica of replicas) await replica.catchUp();
  const [first, ...others] = replicas;
  assert.equal(first!.entries.length, count);
  for (const other of others) sameEntries(other.entries, first!.entries);
}
