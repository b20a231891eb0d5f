import assert from "node:assert/strict";
import { DURABILITIES, type Journal, ORIGIN } from "../../journal/journal.ts";
import { bytesOf, type ContractCase, chunksOf, inAMinute, rejectsWith, sameEntries, together } from "./kit.ts";

const CALLS: Readonly<Record<string, (journal: Journal) => Promise<unknown>>> = {
  append: (journal) => journal.append(Buffer.from("x"), ORIGIN, { tag: "1", deadline: inAMinute() }),
  read: (journal) => journal.read(ORIGIN),
  compact: (journal) => journal.compact(ORIGIN, chunksOf(["x"])),
};

/** Brings a fresh journal into a state in which it is not open, makes a call there, and finishes. */
const CLOSED_STATES: Readonly<Record<string, (journal: Journal, call: () => Promise<void>) => Promise<void>>> = {
  "before open": async (_journal, call) => call(),
  "while closing": async (journal, call) => {
    await journal.open();
    const closing = journal.close();
    await call();
    await closing;
  },
  "after close": async (journal, call) => {
    await journal.open();
    await journal.close();
    await call();
  },
};

function* matrix(): Iterable<ContractCase> {
  for (const [state, within] of Object.entries(CLOSED_STATES)) {
    for (const [method, call] of Object.entries(CALLS)) {
      yield {
        name: `${method} ${state} rejects with CLOSED`,
        async run(kit) {
          const journal = kit.journal();
          await within(journal, async () => {
            await rejectsWith(call(journal), "CLOSED");
          });
        },
      };
    }
    yield {
      name: `health ${state} resolves and is not ok`,
      async run(kit) {
        const journal = kit.journal();
        await within(journal, async () => {
          const health = await journal.health();
          assert.equal(health.ok, false);
        });
      },
    };
    yield {
      name: `watch ${state} does nothing and can be stopped`,
      async run(kit) {
        const journal = kit.journal();
        await within(journal, async () => {
          const stop = journal.watch?.(() => {});
          stop?.();
          stop?.();
        });
      },
    };
  }
}

export const lifecycleCases: readonly ContractCase[] = [
  ...matrix(),
  {
    name: "describes itself",
    async run(kit) {
      const { journal } = await kit.open();
      assert.match(journal.name, /^[a-z][a-z0-9-]*$/);
      assert.equal(journal.shared, kit.capabilities.shared, "`shared` is not what the fixture declares");
      assert(DURABILITIES.includes(journal.survives), `survives: ${journal.survives}`);
    },
  },
  {
    name: "health of an open journal is ok, and its sizes follow appends and snapshots",
    async run(kit) {
      const replica = await kit.open();
      const empty = await replica.journal.health();
      assert.equal(empty.ok, true);
      await replica.append(Buffer.alloc(10_000, 7));
      const grown = await replica.journal.health();
      assert.equal(grown.ok, true);
      if (grown.journalBytes === undefined) return;
      assert(grown.journalBytes > (empty.journalBytes ?? 0), "journalBytes has to grow with an append");
      await replica.compact(replica.at, Buffer.alloc(5_000, 7));
      const compacted = await replica.journal.health();
      assert(compacted.journalBytes! < grown.journalBytes, "journalBytes has to count from the newest snapshot");
      assert((compacted.snapshotBytes ?? 0) > (grown.snapshotBytes ?? 0), "snapshotBytes has to follow a snapshot");
    },
  },
  {
    name: "open after close rejects with CLOSED",
    async run(kit) {
      const journal = kit.journal();
      await journal.open();
      await journal.close();
      await rejectsWith(journal.open(), "CLOSED");
    },
  },
  {
    name: "open on an open journal finds the newest snapshot anew, and disturbs nothing",
    async run(kit) {
      const replica = await kit.open();
      await replica.append("one");
      assert.equal(await replica.journal.open(), undefined);
      for (const text of ["first", "second"]) {
        await replica.append(text);
        await replica.compact(replica.at, text);
        const { at } = replica;
        const next = await replica.append("after");
        const found = await replica.journal.open();
        assert.deepEqual(found?.at, at);
        assert.equal((await bytesOf(found)).toString(), text);
        const { entries } = await replica.journal.read(at);
        sameEntries(entries, [next]);
      }
    },
  },
  {
    name: "open with an aborted signal rejects and holds nothing",
    async run(kit) {
      const reason = new Error("stop");
      await assert.rejects(kit.journal().open(AbortSignal.abort(reason)), reason);
      await kit.open();
    },
  },
  {
    name: "closing twice is fine, one after the other, at once, and without open",
    async run(kit) {
      const journal = kit.journal();
      await journal.open();
      await Promise.all([journal.close(), journal.close()]);
      await journal.close();
      const unopened = kit.journal();
      await unopened.close();
      await rejectsWith(unopened.open(), "CLOSED");
    },
  },
  {
    name: "close while opening waits and lets go",
    async run(kit) {
      const journal = kit.journal();
      const opening = journal.open().catch(() => undefined);
      await journal.close();
      await opening;
      await rejectsWith(journal.read(ORIGIN), "CLOSED");
      await kit.open();
    },
  },
  {
    name: "close waits for an append under way",
    async run(kit) {
      const journal = kit.journal();
      await journal.open();
      let settled = false;
      const appending = journal
        .append(Buffer.from("under way"), ORIGIN, { tag: "77", deadline: inAMinute() })
        .finally(() => {
          settled = true;
        });
      const closing = journal.close().then(async () => {
        await new Promise((resolve) => setImmediate(resolve)); // promises that settle together may be seen in any order
        assert(settled, "closed while an append was under way");
      });
      await together(appending, closing);
      const { at } = await appending;
      const again = await kit.open();
      const entries = await again.catchUp();
      sameEntries(entries, [{ ...at, data: Buffer.from("under way") }]);
    },
  },
  {
    name: "close waits for a compaction under way",
    async run(kit) {
      const replica = await kit.open();
      const { position, tag } = await replica.append("entry");
      const { promise: gate, resolve: release } = Promise.withResolvers<void>();
      const snapshot = async function* (): AsyncIterable<Uint8Array> {
        yield Buffer.from("first ");
        await gate;
        yield Buffer.from("second");
      };
      const compacting = replica.journal.compact({ position, tag }, snapshot());
      const closing = replica.journal.close();
      release();
      assert.equal(await compacting, "published");
      await closing;
      const again = await kit.open();
      assert.equal(again.snapshot?.bytes.toString(), "first second");
    },
  },
];
