import assert from "node:assert/strict";
import { test } from "node:test";
import { Cluster, gate, listen, push, pushedText, rejects, until, valueIn } from "../../test/gateway-kit.ts";
import { WaystationError } from "../errors.ts";
import { type AppendOwn, type Cursor, type Journal, ORIGIN, type Snapshot, type Tail } from "../journal/journal.ts";
import { MemoryJournal, MemoryStore } from "../journal/memory-journal.ts";
import { encodeEntry, RULES_LEVEL } from "../record/entry.ts";
import { Publisher } from "./channels.ts";
import { Gateway } from "./gateway.ts";
import { Replica } from "./replica.ts";

/** Delays answers: what a call saw is then older than the moment at which its caller learns of it. */
function delaying(method: "read" | "append") {
  let held: Promise<void> | undefined;
  let calls = 0;
  return {
    /** Holds back the answers of calls made from now on, until the promise settles. */
    hold(promise: Promise<void> | undefined): void {
      held = promise;
    },
    get calls(): number {
      return calls;
    },
    wrap<Wrapped extends Journal>(journal: Wrapped): Wrapped {
      const call = journal[method].bind(journal) as (...args: unknown[]) => Promise<unknown>;
      const delayed = async (...args: unknown[]) => {
        calls++;
        const until = held;
        const answer = await call(...args);
        await until;
        return answer;
      };
      return Object.assign(journal, { [method]: delayed });
    },
  };
}

test("an exposition waits for a read that began after it, not for one that was under way", async (t) => {
  const cluster = new Cluster(t);
  const reads = delaying("read");
  const { gateway: reader } = await cluster.open({}, reads.wrap);
  const { gateway: writer } = await cluster.open();
  const { closed, open } = gate();
  reads.hold(closed);
  const before = reads.calls;
  const early = reader.expose();
  await until(() => reads.calls > before);
  // The read has seen the journal as it is before the push; its answer is on the way.
  await push(writer, "a", "m 1\n");
  const late = valueIn(reader, "m", "a");
  open();
  assert.doesNotMatch((await early).text(), /^m\{/m);
  assert.equal(await late, "1");
});

test("expositions that come together share one read", async (t) => {
  const cluster = new Cluster(t);
  const { gateway, journal } = await cluster.open();
  const before = journal.calls.read;
  await Promise.all(Array.from({ length: 40 }, () => gateway.expose()));
  assert.ok(journal.calls.read - before <= 2, `${journal.calls.read - before} reads`);
});

test("while a journal hangs, expositions show the last known state after a while", async (t) => {
  const cluster = new Cluster(t);
  const { gateway, journal } = await cluster.open();
  const { gateway: other } = await cluster.open();
  await push(gateway, "a", "m 1\n");
  const { closed, open } = gate();
  journal.failAlways("read", { kind: "hold", until: closed });
  await push(other, "a", "m 2\n");
  assert.equal(await valueIn(gateway, "m", "a", { freshnessTimeout: 30 }), "1");
  assert.equal(await valueIn(gateway, "m", "a", { freshnessTimeout: 30 }), "1");
  journal.heal();
  open();
  assert.equal(await valueIn(gateway, "m", "a"), "2");
});

test("while a journal is out of reach, expositions show the last known state at once", async (t) => {
  const cluster = new Cluster(t);
  const { gateway, journal } = await cluster.open();
  const { gateway: other } = await cluster.open();
  await push(gateway, "a", "m 1\n");
  journal.failAlways("read", { kind: "reject", code: "UNAVAILABLE" });
  await push(other, "a", "m 2\n");
  assert.equal(await valueIn(gateway, "m", "a", { freshnessTimeout: 60_000 }), "1");
  await rejects(gateway.refresh(), "UNAVAILABLE");
  journal.heal();
  assert.equal(await valueIn(gateway, "m", "a"), "2");
});

test("an exposition of the program's own families asks no journal", async (t) => {
  const cluster = new Cluster(t);
  const { gateway, journal } = await cluster.open();
  const before = journal.calls.read;
  const self = [{ name: "go_info", type: "gauge", metrics: [{ labels: [], value: 1 }] }] as const;
  const { chunks } = await gateway.expose({ collect: "self", self: structuredClone(self) as never });
  assert.equal(Buffer.concat(chunks).toString(), "# TYPE go_info gauge\ngo_info 1\n");
  assert.equal(journal.calls.read, before);
});

test("an own entry that a read brings before the append's answer is applied once, with its verdict", async (t) => {
  const cluster = new Cluster(t);
  const appends = delaying("append");
  const { gateway } = await cluster.open({}, appends.wrap);
  const { gateway: other } = await cluster.open();
  const { closed, open } = gate();
  await push(gateway, "a", "# TYPE m gauge\nm 1\n");
  appends.hold(closed);
  const verdicts = Promise.allSettled([push(gateway, "b", "# TYPE m counter\nm 2\n"), push(gateway, "c", "n 3\n")]);
  await until(() => cluster.store.head.position === 2);
  assert.equal(await valueIn(gateway, "n", "c"), "3");
  await push(other, "c", "n 4\n");
  open();
  const [b, c] = await verdicts;
  assert.equal(b!.status === "rejected" && b!.reason.code, "INCONSISTENT");
  assert.equal(c!.status, "fulfilled");
  assert.equal(await valueIn(gateway, "n", "c"), "4");
  assert.equal((await gateway.expose()).text(), (await other.expose()).text());
});

test("a replica that was away catches up over many tails", async (t) => {
  const cluster = new Cluster(t);
  const { gateway, journal } = await cluster.open();
  const { gateway: other } = await cluster.open();
  journal.failAlways("read", { kind: "reject", code: "UNAVAILABLE" });
  for (let i = 0; i < 10; i++) await push(other, `${i}`, `m{x="${"v".repeat(900_000)}"} ${i}\n`);
  journal.heal();
  assert.equal(await pushedText(gateway), await pushedText(other));
});

test("a journal that says there is more, but does not give it, is not asked for ever", async (t) => {
  const cluster = new Cluster(t);
  const { gateway, journal } = await cluster.open();
  const read = journal.read.bind(journal);
  journal.read = async (since) => ({ ...(await read(since)), head: since.position + 1 });
  await rejects(gateway.refresh(), "CORRUPT");
});

/** Leads to one of several journals, each with a history of its own, as after a disaster and its repair. */
class Redirected implements Journal {
  readonly name = "memory";
  readonly shared = true;
  readonly survives = "nothing";
  readonly #journals: MemoryJournal[];

  constructor(...stores: MemoryStore[]) {
    this.#journals = stores.map((store) => new MemoryJournal(store));
  }

  /** Leads to the next one. */
  async next(): Promise<void> {
    const old = this.#journals.shift();
    await this.#journals[0]!.open();
    await old!.close();
  }

  open(signal?: AbortSignal): Promise<Snapshot | undefined> {
    return this.#journals[0]!.open(signal);
  }

  append(data: Uint8Array, since: Cursor, own: AppendOwn) {
    return this.#journals[0]!.append(data, since, own);
  }

  read(since: Cursor): Promise<Tail> {
    return this.#journals[0]!.read(since);
  }

  compact(at: Cursor, snapshot: AsyncIterable<Uint8Array>) {
    return this.#journals[0]!.compact(at, snapshot);
  }

  health() {
    return this.#journals[0]!.health();
  }

  close(): Promise<void> {
    return this.#journals[0]!.close();
  }
}

for (const how of ["push", "exposition"] as const) {
  test(`a history that has become another one is loaded anew by the next ${how}`, async (t) => {
    const [lost, found] = [new MemoryStore(), new MemoryStore()];
    const other = await Gateway.open({ journal: new MemoryJournal(found) });
    t.after(() => other.close());
    for (let i = 0; i < 3; i++) await push(other, "b", `m ${i}\n`);
    const journal = new Redirected(lost, found);
    const gateway = await Gateway.open({ journal });
    t.after(() => gateway.close());
    const reloads = listen(t, "waystation:reload", gateway);
    await push(gateway, "a", "m 1\n");
    await journal.next();
    if (how === "push") await push(gateway, "c", "m 3\n");
    assert.equal(await valueIn(gateway, "m", "b"), "2");
    assert.equal(await valueIn(gateway, "m", "a"), undefined);
    assert.equal((await gateway.expose()).text(), (await other.expose()).text());
    assert.equal(reloads.length, 1);
    assert.equal((reloads[0]!.reason as { code?: string }).code, "REWOUND");
  });
}

test("an append that was answered from a history that was left meanwhile is in doubt, and changes nothing", async (t) => {
  const [lost, found] = [new MemoryStore(), new MemoryStore()];
  const [there, here] = await Promise.all(
    [lost, found].map((store) => Gateway.open({ journal: new MemoryJournal(store) })),
  );
  t.after(() => Promise.all([there!.close(), here!.close()]));
  await push(here!, "here", "m 1\n");
  const journal = new Redirected(lost, found);
  const appends = delaying("append");
  const gateway = await Gateway.open({ journal: appends.wrap(journal) });
  t.after(() => gateway.close());
  await push(gateway, "a", "m 1\n");
  // An append whose answer, with an entry of somebody else before it, is on its way when the history changes.
  const { closed, open } = gate();
  appends.hold(closed);
  await push(there!, "there", "m 1\n");
  const pushed = push(gateway, "b", "m 2\n");
  await until(() => lost.head.position === 3);
  await journal.next();
  assert.equal(await valueIn(gateway, "m", "here"), "1");
  open();
  await rejects(pushed, "IN_DOUBT");
  assert.equal((await gateway.expose()).text(), (await here!.expose()).text());
  assert.equal(gateway.health().position, 1);
});

test("a replica that was overtaken by a snapshot loads it at the next exposition", async (t) => {
  const cluster = new Cluster(t, {}, { trimLagBytes: 0 });
  const { gateway: slow, journal } = await cluster.open();
  const { gateway: fast } = await cluster.open();
  journal.failAlways("read", { kind: "reject", code: "UNAVAILABLE" });
  for (let i = 0; i < 3; i++) await push(fast, String(i), `m ${i}\n`);
  await fast.compact();
  await push(fast, "3", "m 3\n");
  journal.heal();
  const opened = journal.calls.open;
  assert.equal((await slow.expose()).text(), (await fast.expose()).text());
  assert.equal(journal.calls.open, opened + 1);
  assert.equal(slow.health().position, 4);
});

test("what a state is loaded from is not published as applied", async (t) => {
  const cluster = new Cluster(t, {}, { trimLagBytes: 0 });
  const applied = listen(t, "waystation:applied");
  const { gateway: fast } = await cluster.open();
  for (let i = 0; i < 3; i++) await push(fast, String(i), `m ${i}\n`);
  assert.equal(applied.length, 3);
  const { gateway: late, journal } = await cluster.open();
  assert.equal(applied.length, 3);
  journal.failAlways("read", { kind: "reject", code: "UNAVAILABLE" });
  await push(fast, "3", "m 3\n");
  await fast.compact();
  await push(fast, "4", "m 4\n");
  journal.heal();
  await late.refresh();
  assert.equal(late.health().position, 5);
  await push(fast, "5", "m 5\n");
  await late.refresh();
  assert.deepEqual(
    applied.filter(({ gateway }) => gateway === late).map(({ position }) => position),
    [6],
  );
});

test("a snapshot that is replaced while it is read is asked for again", async (t) => {
  const cluster = new Cluster(t);
  const { gateway } = await cluster.open();
  await push(gateway, "a", "m 1\n");
  await gateway.compact();
  let replaced = 0;
  const { gateway: late } = await cluster.open({}, (journal) => {
    const open = journal.open.bind(journal);
    journal.open = async (signal) => {
      const snapshot = await open(signal);
      if (replaced++ > 0) return snapshot;
      return { at: snapshot!.at, chunks: failing() };
    };
    return journal;
  });
  assert.equal(replaced, 2);
  assert.equal(await valueIn(late, "m", "a"), "1");
});

// biome-ignore lint/correctness/useYield: it fails at the first chunk
async function* failing(): AsyncIterable<Uint8Array> {
  throw new WaystationError("TRUNCATED", "the snapshot was replaced");
}

test("an exposition sees no moment between two states while one is loaded anew", async (t) => {
  const cluster = new Cluster(t, {}, { trimLagBytes: 0 });
  const { gateway: slow, journal } = await cluster.open();
  const { gateway: fast } = await cluster.open();
  await push(slow, "a", "m 1\n");
  journal.failAlways("read", { kind: "reject", code: "UNAVAILABLE" });
  for (let i = 0; i < 3; i++) await push(fast, "b", `m ${i}\n`);
  await fast.compact();
  journal.heal();
  const { closed, open } = gate();
  journal.failNext("open", { kind: "hold", until: closed });
  const refreshing = slow.refresh();
  await until(() => journal.calls.open === 2);
  assert.equal(await valueIn(slow, "m", "a", { freshnessTimeout: 20 }), "1");
  assert.equal(await valueIn(slow, "m", "b", { freshnessTimeout: 20 }), undefined);
  open();
  await refreshing;
  assert.equal(await valueIn(slow, "m", "b"), "2");
});

test("a replica whose state differs from the writer's is told about", async (t) => {
  const cluster = new Cluster(t);
  const { gateway } = await cluster.open();
  const divergences = listen(t, "waystation:divergence", gateway);
  await push(gateway, "a", "m 1\n");
  await push(gateway, "a", "m 2\n");
  await gateway.expose();
  assert.deepEqual(divergences, []);
  const journal = new MemoryJournal(cluster.store);
  await journal.open();
  const entry = encodeEntry([], { level: RULES_LEVEL, base: { position: 1, hash: [1, 2] } });
  await journal.append(entry, cluster.store.head, { tag: "5", deadline: Number.MAX_SAFE_INTEGER });
  await journal.close();
  await gateway.expose();
  assert.deepEqual(divergences, [{ position: 1, gateway }]);
  assert.equal(gateway.health().ready, true);
});

test("what is in the journal cannot be opened if it is damaged, and nothing stays open", async () => {
  const store = new MemoryStore({ shared: false });
  const journal = new MemoryJournal(store);
  await journal.open();
  const entry = encodeEntry([], { level: RULES_LEVEL, base: { position: 0, hash: [0, 0] } });
  entry[10]! ^= 4;
  await journal.append(entry, store.head, { tag: "5", deadline: Number.MAX_SAFE_INTEGER });
  await journal.close();
  await rejects(Gateway.open({ journal: new MemoryJournal(store) }), "CORRUPT");
  await rejects(Gateway.open({ journal: new MemoryJournal(store) }), "CORRUPT");
  // The second one was not refused with LOCKED: the first had let go.
});

const own = { tag: "99", deadline: Number.MAX_SAFE_INTEGER };
const rewound = new WaystationError("REWOUND", "another history");

test("a read that was answered from a history that was left meanwhile changes nothing", async (t) => {
  const [lost, found] = [new MemoryStore(), new MemoryStore()];
  for (const [store, jobs] of [
    [lost, ["a", "b"]],
    [found, ["c"]],
  ] as const) {
    const gateway = await Gateway.open({ journal: new MemoryJournal(store) });
    for (const job of jobs) await push(gateway, job, "m 1\n");
    await gateway.close();
  }
  const journal = new Redirected(lost, found);
  t.after(() => journal.close());
  const reads = delaying("read");
  const replica = new Replica(reads.wrap(journal), new Publisher({}));
  await journal.open();
  const [first] = lost.tail(ORIGIN).entries;
  replica.applyEntry(first!, first!.data);
  const { closed, open } = gate();
  reads.hold(closed);
  const before = reads.calls;
  const stale = replica.catchUp();
  await until(() => reads.calls > before);
  reads.hold(undefined);
  await journal.next();
  await replica.reload(rewound);
  const { hash } = replica.state;
  open();
  await stale;
  assert.deepEqual(replica.cursor, { position: found.head.position, tag: found.head.tag });
  assert.deepEqual(replica.state.hash, hash);
  assert.equal(replica.state.groupCount, 1);
});

test("a state that is loaded does not lag behind what was applied meanwhile", async (t) => {
  const store = new MemoryStore();
  const journal = new MemoryJournal(store);
  t.after(() => journal.close());
  const reads = delaying("read");
  const replica = new Replica(reads.wrap(journal), new Publisher({}));
  await replica.load();
  const { closed, open } = gate();
  reads.hold(closed);
  const before = reads.calls;
  const reloading = replica.reload(rewound);
  await until(() => reads.calls > before);
  reads.hold(undefined);
  const data = encodeEntry([], { level: RULES_LEVEL, base: { position: 0, hash: [0, 0] } });
  const { at } = await journal.append(data, ORIGIN, own);
  replica.applyEntry(at, data);
  open();
  await reloading;
  assert.deepEqual(replica.cursor, at);
});

test("a state is loaded at an end also while appends go on all the time", async (t) => {
  const store = new MemoryStore();
  const journal = new MemoryJournal(store);
  t.after(() => journal.close());
  const read = journal.read.bind(journal);
  const replica = new Replica(journal, new Publisher({}));
  await replica.load();
  const data = encodeEntry([], { level: RULES_LEVEL, base: { position: 0, hash: [0, 0] } });
  let reads = 0;
  journal.read = async (since) => {
    if (reads++ < 20) replica.applyEntry((await journal.append(data, replica.cursor, own)).at, data);
    return read(since);
  };
  await replica.reload(rewound);
  assert.ok(reads < 5, `${reads} reads`);
  assert.equal(replica.cursor.position, store.head.position);
});
