import assert from "node:assert/strict";
import { suite, type TestContext, test } from "node:test";
import { gate, listen, push, pushedText, rejects, until, valueIn } from "../../test/gateway-kit.ts";
import { LossyJournal, LossyStore } from "../../test/lossy-journal.ts";
import { WaystationError } from "../errors.ts";
import type { Cursor } from "../journal/journal.ts";
import { encodeEntry, RULES_LEVEL } from "../record/entry.ts";
import { Publisher } from "./channels.ts";
import { Gateway, type GatewayOptions } from "./gateway.ts";
import { Replica } from "./replica.ts";

async function open(t: TestContext, store: LossyStore, options: Partial<GatewayOptions> = {}) {
  const journal = new LossyJournal(store);
  const gateway = await Gateway.open({ journal, ...options });
  t.after(() => gateway.close());
  return { journal, gateway };
}

/** Pushes values 1 to `count` as a metric of that name. */
async function pushMany(gateway: Gateway, count: number, name = "m"): Promise<void> {
  for (let value = 1; value <= count; value++) await push(gateway, name, `${name} ${value}\n`);
}

suite("a journal that went back in its history", { concurrency: true }, () => {
  for (const [what, kept] of [
    ["its end", 6],
    ["everything", 0],
  ] as const) {
    test(`that lost ${what} gets it back, with the same places and tags, and nothing is loaded anew`, async (t) => {
      const store = new LossyStore();
      const { gateway } = await open(t, store);
      const rewound = listen(t, "waystation:rewound", gateway);
      const reloads = listen(t, "waystation:reload", gateway);
      await pushMany(gateway, 10);
      const before = [...store.entries];
      store.lose(kept);
      await push(gateway, "later", "m 11\n");
      assert.deepEqual(store.entries.slice(0, 10), before);
      assert.equal(store.entries.length, 11);
      assert.equal(await valueIn(gateway, "m", "m"), "10");
      assert.deepEqual(rewound, [{ outcome: "restored", position: 10, gateway }]);
      assert.deepEqual(reloads, []);
      const { gateway: fresh } = await open(t, store);
      assert.equal(await pushedText(fresh), await pushedText(gateway));
    });
  }

  test("is put right by a scrape, or by nothing but following it", async (t) => {
    const store = new LossyStore();
    const { gateway } = await open(t, store);
    const rewound = listen(t, "waystation:rewound", gateway);
    await pushMany(gateway, 3);
    store.lose(0);
    const { age } = await gateway.expose();
    assert.ok(age > 0, "what others may still hold is not known to be there yet");
    await until(() => rewound.length === 1);
    assert.equal(store.head.position, 3);
    store.lose(1);
    await until(() => rewound.length === 2);
    assert.equal(store.head.position, 3);
    await until(async () => (await gateway.expose()).age === 0);
  });

  test("gets back from each gateway what only that one has seen, before anybody appends in its place", async (t) => {
    const store = new LossyStore();
    const { gateway: behind } = await open(t, store);
    const { gateway: ahead } = await open(t, store);
    await pushMany(ahead, 4);
    await behind.refresh();
    await push(ahead, "m", "m 5\n");
    store.lose(2);
    // It puts back all but the last entry, and then leaves time to the other one.
    await push(behind, "own", "m 6\n");
    assert.equal(await valueIn(behind, "m", "m"), "5");
    assert.equal(await valueIn(ahead, "m", "m"), "5");
    assert.equal(await pushedText(ahead), await pushedText(behind));
    assert.equal(store.head.position, 6);
  });

  test("gets back what a gateway had stored before, and is told about only while it puts back the rest", async (t) => {
    const store = new LossyStore();
    const { journal, gateway } = await open(t, store);
    const { journal: othersJournal, gateway: other } = await open(t, store);
    await pushMany(gateway, 2);
    await other.refresh();
    const read = othersJournal.read.bind(othersJournal);
    othersJournal.read = () => Promise.reject(new WaystationError("UNAVAILABLE", "it stays behind"));
    await push(gateway, "m", "m 3\n");
    const { closed, open: answer } = gate();
    t.after(answer);
    const append = journal.append.bind(journal);
    journal.append = async (...args) => {
      const stored = await append(...args);
      journal.append = append;
      await closed;
      return stored;
    };
    const pushed = push(gateway, "m", "m 4\n");
    await until(() => store.head.position === 4);
    const rewound = { here: listen(t, "waystation:rewound", gateway), there: listen(t, "waystation:rewound", other) };
    store.lose(0);
    othersJournal.read = read;
    const late = push(other, "other", "m 5\n");
    await until(() => rewound.there.length === 1);
    const following = gateway.refresh();
    await until(() => rewound.here.length === 1);
    assert.equal(store.head.position, 3);
    answer();
    await Promise.all([pushed, late, following]);
    assert.equal(await valueIn(gateway, "m", "m"), "4");
    assert.equal(await pushedText(other), await pushedText(gateway));
  });

  test("is offered what belongs together, also if the state is loaded anew meanwhile", async () => {
    const store = new LossyStore();
    const journal = new LossyJournal(store);
    const append = (tag: string) => {
      const base = { position: store.head.position, hash: [0, 0] as const };
      return journal.append(encodeEntry([], { level: RULES_LEVEL, base }), store.head, { tag, deadline: Infinity });
    };
    const replica = new Replica(journal, new Publisher({}));
    await replica.load();
    await append("1");
    await replica.catchUp();
    store.lose(0);
    const offered: { last: Cursor | undefined; snapshotAt: number }[] = [];
    journal.onRestore = async ({ entries, snapshot }) => {
      const { value: header } = await snapshot()[Symbol.asyncIterator]().next();
      offered.push({
        last: entries.at(-1),
        snapshotAt: JSON.parse(String(Buffer.from(header).subarray(4, -4))).position,
      });
    };
    const recovering = replica.recover(new WaystationError("REWOUND", "another history"));
    await until(() => store.head.position === 1);
    await append("2");
    await Promise.all([recovering, replica.reload(new Error("for whatever reason"))]);
    assert.deepEqual(
      offered.map(({ last, snapshotAt }) => [last?.position, snapshotAt]),
      [
        [1, 1],
        [2, 2],
      ],
    );
  });

  test("further than entries are kept is put right by a snapshot", async (t) => {
    const store = new LossyStore();
    const { gateway } = await open(t, store);
    // Larger than what is kept: only the newest are.
    for (let i = 0; i < 20; i++) await push(gateway, `job ${i}`, `m{x="${"v".repeat(1_000_000)}"} ${i}\n`);
    store.lose(1);
    await push(gateway, "later", "m 1\n");
    assert.ok(store.floor.position > 1 && store.snapshot !== undefined);
    const { gateway: fresh } = await open(t, store);
    assert.equal(await pushedText(fresh), await pushedText(gateway));
  });

  test("and was appended to by somebody else is followed; what is lost is told, with its bytes", async (t) => {
    const store = new LossyStore();
    const { gateway } = await open(t, store);
    const rewound = listen(t, "waystation:rewound", gateway);
    const lost = listen(t, "waystation:lost", gateway);
    const reloads = listen(t, "waystation:reload", gateway);
    await pushMany(gateway, 8);
    const gone = store.entries.slice(5);
    store.lose(5);
    const { gateway: other } = await open(t, store);
    await push(other, "other", "m 100\n");
    await push(gateway, "later", "m 200\n");
    assert.equal(await pushedText(gateway), await pushedText(other));
    assert.equal(await valueIn(gateway, "m", "m"), "5");
    assert.deepEqual(
      rewound.map(({ outcome, position }) => [outcome, position]),
      [["diverged", 8]],
    );
    assert.equal(reloads.length, 1);
    const [{ from, to, bytes, entries }] = lost as [(typeof lost)[number]];
    assert.deepEqual([from, to], [6, 8]);
    assert.equal(
      bytes,
      gone.reduce((sum, { data }) => sum + data.length, 0),
    );
    assert.deepEqual(
      entries.map(({ position, tag, data }) => ({ position, tag, data: Buffer.from(data).toString("hex") })),
      gone.map(({ position, tag, data }) => ({ position, tag, data: Buffer.from(data).toString("hex") })),
    );
    assert.deepEqual(
      entries.map(({ records }) => records.map(({ kind, key }) => [kind, key])),
      [1, 2, 3].map(() => [["replace", "job\xffm"]]),
    );
  });

  test("that cannot be put right yet keeps everybody waiting, and nothing is given up", async (t) => {
    const store = new LossyStore();
    const { journal, gateway } = await open(t, store, { timeout: 300 });
    const rewound = listen(t, "waystation:rewound", gateway);
    await pushMany(gateway, 3);
    store.lose(0);
    journal.onRestore = () => Promise.reject(new WaystationError("UNAVAILABLE", "not now"));
    await rejects(push(gateway, "m", "m 4\n"), "UNAVAILABLE");
    assert.equal(await valueIn(gateway, "m", "m"), "3");
    assert.equal(rewound[0]!.outcome, "failed");
    journal.onRestore = async () => {};
    await until(() => store.head.position === 3);
    await until(async () => (await gateway.expose()).age === 0);
    await push(gateway, "m", "m 5\n");
    assert.equal(store.head.position, 4);
  });

  test("an append in doubt that somebody else may put back is not said to be refused", async (t) => {
    const store = new LossyStore();
    const { journal, gateway } = await open(t, store, { timeout: 200 });
    const { gateway: other } = await open(t, store);
    await pushMany(gateway, 2);
    // Stored, and seen by another; then lost by the journal, before the writer has found out.
    const append = journal.append.bind(journal);
    journal.append = async (...args) => {
      await append(...args);
      await other.refresh();
      store.lose(1);
      throw new WaystationError("IN_DOUBT", "the answer was lost");
    };
    await rejects(push(gateway, "m", "m 3\n"), "IN_DOUBT");
    await until(async () => (await valueIn(other, "m", "m")) === "3");
    await until(() => store.head.position === 3);
  });
});

test("a replica that finds itself different from another one loads its state anew, but not again and again", async (t) => {
  const store = new LossyStore();
  const { journal, gateway } = await open(t, store);
  const reloads = listen(t, "waystation:reload", gateway);
  const divergences = listen(t, "waystation:divergence", gateway);
  await pushMany(gateway, 2);
  for (const tag of ["11", "12", "13"]) {
    const { position } = store.head;
    const entry = encodeEntry([], { level: RULES_LEVEL, base: { position, hash: [1, 2] } });
    await journal.append(entry, store.head, { tag, deadline: Number.POSITIVE_INFINITY });
    await gateway.refresh();
  }
  assert.deepEqual(
    divergences.map(({ position }) => position),
    [2, 3, 4],
  );
  assert.deepEqual(
    reloads.map(({ reason }) => reason.message),
    ["the state at position 2 is not that of another replica"],
  );
  assert.equal(await valueIn(gateway, "m", "m"), "2");
});
