import assert from "node:assert/strict";
import { test } from "node:test";
import { Clock, Cluster, gate, listen, push, pushedText, rejects, until, valueIn } from "../../test/gateway-kit.ts";
import { keyOf } from "../../test/state-kit.ts";
import { MemoryJournal } from "../journal/memory-journal.ts";
import { encodeEntry, RULES_LEVEL } from "../record/entry.ts";
import { encodeRecord } from "../record/record.ts";
import { Publisher } from "./channels.ts";
import { Committer } from "./committer.ts";
import { Replica } from "./replica.ts";

test("pushes that arrive together are one append", async (t) => {
  const cluster = new Cluster(t);
  const { gateway, journal } = await cluster.open();
  const jobs = Array.from({ length: 50 }, (_, i) => String(i));
  await Promise.all(jobs.map((job) => push(gateway, job, `m ${job}\n`)));
  assert.equal(journal.calls.append, 1);
  assert.equal((await cluster.records()).length, 50);
  for (const job of jobs) assert.equal(await valueIn(gateway, "m", job), job);
});

test("a record that cannot be read back is refused alone", async (t) => {
  const cluster = new Cluster(t);
  const { journal } = await cluster.open();
  const publisher = new Publisher({});
  const replica = new Replica(journal, publisher);
  await replica.load();
  const committer = new Committer(journal, replica, publisher, {
    timeout: 5_000,
    maxWaiting: 10,
    maxWaitingBytes: 10_000,
    onStored: () => undefined,
    onFailed: () => undefined,
  });
  const readable = (job: string) => encodeRecord({ kind: "failed", key: keyOf({ job }).id, time: 1n, reason: "no" });
  const outcomes = await Promise.allSettled(
    [readable("a"), Buffer.from("nonsense"), readable("b")].map((record) => committer.commit(record)),
  );
  assert.deepEqual(
    outcomes.map((outcome) => (outcome.status === "rejected" ? outcome.reason.code : outcome.value?.code)),
    ["INCONSISTENT", "CORRUPT", "INCONSISTENT"],
  );
  assert.equal(replica.state.groupCount, 2);
  await committer.close();
});

test("one append is in flight at a time, and what arrives meanwhile is the next one", async (t) => {
  const cluster = new Cluster(t);
  const { gateway, journal } = await cluster.open();
  const { closed, open } = gate();
  journal.failNext("append", { kind: "hold", until: closed });
  const first = push(gateway, "a", "m 1\n");
  await until(() => journal.calls.append === 1);
  const others = [];
  for (let i = 0; i < 10; i++) {
    others.push(push(gateway, `b${i}`, "m 2\n"));
    await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal(journal.calls.append, 1);
  assert.equal(gateway.health().waiting, 10);
  assert.ok(gateway.health().waitingBytes > 10 * 16);
  assert.equal(await valueIn(gateway, "m", "a"), undefined);
  open();
  await Promise.all([first, ...others]);
  assert.equal(journal.calls.append, 2);
  const { waiting, waitingBytes, position } = gateway.health();
  assert.deepEqual({ waiting, waitingBytes, position }, { waiting: 0, waitingBytes: 0, position: 2 });
});

test("each push of a batch gets its own verdict, in the order in which they came", async (t) => {
  const cluster = new Cluster(t);
  const { gateway, journal } = await cluster.open();
  const verdicts = await Promise.allSettled([
    push(gateway, "a", "# TYPE m gauge\nm 1\n"),
    push(gateway, "b", "# TYPE m counter\nm 2\n"),
    push(gateway, "c", "n 3\n"),
    push(gateway, "d", "m 4 5\n"),
    gateway.delete(keyOf({ job: "a" })),
    push(gateway, "e", "# TYPE m counter\nm 5\n"),
  ]);
  assert.equal(journal.calls.append, 1);
  assert.deepEqual(
    verdicts.map((verdict) => (verdict.status === "rejected" ? verdict.reason.code : "stored")),
    ["stored", "INCONSISTENT", "stored", "INCONSISTENT", "stored", "stored"],
  );
  assert.equal(
    await pushedText(gateway),
    '# TYPE m counter\nm{instance="",job="e"} 5\n# TYPE n untyped\nn{instance="",job="c"} 3\n',
  );
  for (const [job, failed] of [
    ["b", true],
    ["c", false],
    ["d", true],
    ["e", false],
  ] as const) {
    assert.equal(gateway.group(keyOf({ job }))!.failureTime > 0, failed, job);
  }
});

test("entries are cut at a MiB; a larger push travels alone", async (t) => {
  const cluster = new Cluster(t);
  const { gateway } = await cluster.open();
  const body = (bytes: number) => `m{x="${"v".repeat(bytes)}"} 1\n`;
  const sizes = [400_000, 400_000, 400_000, 2_500_000, 10, 10, 700_000, 700_000];
  await Promise.all(sizes.map((bytes, i) => push(gateway, String(i), body(bytes))));
  const entries = await cluster.entries();
  assert.deepEqual(
    entries.map(({ data }) => Math.round(data.length / 100_000)),
    [8, 4, 25, 7, 7],
  );
});

test("what one gateway has acknowledged is in the next exposition of every other", async (t) => {
  const cluster = new Cluster(t);
  const gateways = [await cluster.open(), await cluster.open(), await cluster.open()].map(({ gateway }) => gateway);
  for (let i = 0; i < 30; i++) {
    await push(gateways[i % 3]!, "a", `m ${i}\n`);
    const texts = await Promise.all(
      gateways.map((gateway) => gateway.expose().then((exposition) => exposition.text())),
    );
    assert.match(texts[0]!, new RegExp(`^m\\{instance="",job="a"\\} ${i}$`, "m"));
    assert.deepEqual(texts, [texts[0], texts[0], texts[0]]);
  }
});

test("of two contradicting pushes through two gateways exactly one wins, and all agree which", async (t) => {
  const cluster = new Cluster(t);
  const gateways = [await cluster.open(), await cluster.open()].map(({ gateway }) => gateway);
  for (let round = 0; round < 25; round++) {
    const name = `m${round}`;
    const verdicts = await Promise.allSettled([
      push(gateways[0]!, "a", `# TYPE ${name} gauge\n${name} 1\n`, { mode: "merge" }),
      push(gateways[1]!, "b", `# TYPE ${name} counter\n${name} 1\n`, { mode: "merge" }),
    ]);
    assert.deepEqual(verdicts.map(({ status }) => status).toSorted(), ["fulfilled", "rejected"]);
    const winner = verdicts[0]!.status === "fulfilled" ? "gauge" : "counter";
    for (const gateway of gateways) assert.match(await pushedText(gateway), new RegExp(`# TYPE ${name} ${winner}\n`));
  }
});

for (const code of ["UNAVAILABLE", "FULL", "LATE"] as const) {
  test(`an append that is refused with ${code} stores nothing, and the next push works`, async (t) => {
    const cluster = new Cluster(t);
    const { gateway, journal } = await cluster.open();
    journal.failNext("append", { kind: "reject", code });
    await rejects(push(gateway, "a", "m 1\n"), code);
    assert.deepEqual(await cluster.entries(), []);
    assert.equal(gateway.group(keyOf({ job: "a" })), undefined);
    await push(gateway, "a", "m 2\n");
    assert.equal(await valueIn(gateway, "m", "a"), "2");
    assert.equal(journal.calls.append, 2);
  });
}

test("a push whose reply was lost is acknowledged once it is found in the journal, and not sent again", async (t) => {
  const cluster = new Cluster(t);
  const { gateway, journal } = await cluster.open();
  journal.failNext("append", { kind: "lose-reply" }, { kind: "lose-reply" });
  await push(gateway, "a", "# TYPE m gauge\nm 1\n");
  await rejects(push(gateway, "b", "# TYPE m counter\nm 1\n"), "INCONSISTENT");
  assert.equal(journal.calls.append, 2);
  assert.equal((await cluster.records()).length, 2);
  assert.equal(gateway.health().ready, true);
});

test("an unknown rejection of append counts as in doubt", async (t) => {
  const cluster = new Cluster(t);
  const { gateway, journal } = await cluster.open();
  journal.failNext("append", { kind: "lose-reply", code: "ENCODING" });
  await push(gateway, "a", "m 1\n");
  assert.equal(journal.calls.append, 1);
});

test("an append in doubt that is not there after its deadline was certainly not stored", async (t) => {
  const clock = new Clock();
  const cluster = new Cluster(t, { timeout: 60_000 }, { now: clock.read });
  const { gateway, journal } = await cluster.open();
  journal.failNext("append", { kind: "reject", code: "IN_DOUBT" });
  const pushed = push(gateway, "a", "m 1\n");
  await until(() => !gateway.health().ready);
  assert.match(gateway.health().reason!, /outcome of an append/);
  clock.now += 61_000;
  await rejects(pushed, "UNAVAILABLE");
  assert.equal(journal.calls.append, 1);
  assert.deepEqual(await cluster.entries(), []);
  await push(gateway, "a", "m 2\n");
  assert.equal(await valueIn(gateway, "m", "a"), "2");
});

test("an append that is executed late, but before its deadline, is acknowledged; nothing was sent meanwhile", async (t) => {
  const clock = new Clock();
  const cluster = new Cluster(t, { timeout: 60_000 }, { now: clock.read });
  const { gateway, journal } = await cluster.open();
  const { closed, open } = gate();
  journal.failNext("append", { kind: "late", until: closed });
  const first = push(gateway, "a", "m 1\n");
  await until(() => journal.calls.append === 1);
  const second = push(gateway, "a", "m 2\n");
  await until(() => journal.calls.read > 3);
  assert.equal(journal.calls.append, 1);
  open();
  await Promise.all([first, second]);
  assert.equal(journal.calls.append, 2);
  assert.equal(await valueIn(gateway, "m", "a"), "2");
  assert.equal((await cluster.records()).length, 2);
});

test("an append that gets through after its deadline is refused by the journal", async (t) => {
  const clock = new Clock();
  const cluster = new Cluster(t, { timeout: 60_000 }, { now: clock.read });
  const { gateway, journal } = await cluster.open();
  const { closed, open } = gate();
  journal.failNext("append", { kind: "late", until: closed });
  const pushed = push(gateway, "a", "m 1\n");
  await until(() => journal.calls.append === 1);
  clock.now += 61_000;
  await rejects(pushed, "UNAVAILABLE");
  await push(gateway, "a", "m 2\n");
  open();
  await journal.lateCallsDone();
  assert.equal(await valueIn(gateway, "m", "a"), "2");
  assert.equal((await cluster.records()).length, 1);
});

test("who waits too long is told that the outcome is unknown; it is still found out, and never sent again", async (t) => {
  const clock = new Clock();
  const cluster = new Cluster(t, { timeout: 150 }, { now: clock.read });
  const { gateway, journal } = await cluster.open();
  const { closed, open } = gate();
  journal.failNext("append", { kind: "late", until: closed });
  const first = push(gateway, "a", "m 1\n");
  await until(() => journal.calls.append === 1);
  const second = push(gateway, "a", "m 2\n");
  await rejects(first, "IN_DOUBT");
  await rejects(second, "UNAVAILABLE");
  assert.equal(journal.calls.append, 1);
  assert.equal(gateway.health().waitingBytes, 0);
  open();
  await until(() => gateway.health().ready);
  assert.equal(await valueIn(gateway, "m", "a"), "1");
  await push(gateway, "a", "m 3\n");
  assert.deepEqual([journal.calls.append, (await cluster.records()).length], [2, 2]);
});

test("a journal that cannot be read leaves an append in doubt until it can be", async (t) => {
  const clock = new Clock();
  const cluster = new Cluster(t, { timeout: 150 }, { now: clock.read });
  const { gateway, journal } = await cluster.open();
  journal.failNext("append", { kind: "lose-reply" });
  journal.failAlways("read", { kind: "reject", code: "UNAVAILABLE" });
  await rejects(push(gateway, "a", "m 1\n"), "IN_DOUBT");
  assert.equal(await valueIn(gateway, "m", "a"), undefined);
  journal.heal();
  await until(() => gateway.health().ready);
  assert.equal(await valueIn(gateway, "m", "a"), "1");
  assert.equal((await cluster.records()).length, 1);
});

test("a read that fails after an append does not make it count as refused", async (t) => {
  const cluster = new Cluster(t);
  const { gateway, journal } = await cluster.open();
  const other = await cluster.open();
  journal.failAlways("read", { kind: "reject", code: "UNAVAILABLE" });
  // More than one tail holds, so that the append's tail leaves a gap.
  for (let i = 0; i < 6; i++) await push(other.gateway, `b${i}`, `big{x="${"v".repeat(1_000_000)}"} 1\n`);
  assert.equal(gateway.health().position, 0);
  journal.heal();
  const reads = journal.calls.read;
  journal.failNext("read", { kind: "reject", code: "UNAVAILABLE" }, { kind: "reject", code: "TRUNCATED" });
  await push(gateway, "a", "m 1\n");
  assert.equal(journal.calls.append, 1);
  assert.ok(journal.calls.read >= reads + 2, "nothing had to be read");
  assert.equal(await valueIn(other.gateway, "m", "a"), "1");
  assert.equal((await gateway.expose()).text(), (await other.gateway.expose()).text());
});

test("an append whose tail leaves a gap is applied behind what fills it", async (t) => {
  const cluster = new Cluster(t);
  const { gateway, journal } = await cluster.open();
  const { gateway: other } = await cluster.open();
  journal.failAlways("read", { kind: "reject", code: "UNAVAILABLE" });
  for (let i = 0; i < 6; i++) await push(other, `b${i}`, `big{x="${"v".repeat(1_000_000)}"} 1\n`);
  journal.heal();
  await push(gateway, "a", "m 1\n");
  assert.equal(gateway.health().position, 7);
  assert.equal((await gateway.expose()).text(), (await other.expose()).text());
});

test("a journal that does not answer an append leaves nobody waiting", async (t) => {
  const cluster = new Cluster(t, { timeout: 150 });
  const { gateway, journal } = await cluster.open();
  const { closed, open } = gate();
  journal.failNext("append", { kind: "hold", until: closed });
  const first = push(gateway, "a", "m 1\n");
  await until(() => journal.calls.append === 1);
  const second = push(gateway, "b", "m 2\n");
  await rejects(first, "IN_DOUBT");
  await rejects(second, "UNAVAILABLE");
  open();
  await push(gateway, "c", "m 3\n").catch(() => push(gateway, "c", "m 3\n"));
  assert.equal(await valueIn(gateway, "m", "b"), undefined);
  assert.equal(await valueIn(gateway, "m", "c"), "3");
});

test("too many waiting pushes are refused, by number and by bytes; room comes back", async (t) => {
  const cluster = new Cluster(t, { maxWaiting: 3, maxWaitingBytes: 2_000 });
  const { gateway, journal } = await cluster.open();
  const { closed, open } = gate();
  journal.failNext("append", { kind: "hold", until: closed });
  const stored = [push(gateway, "a", "m 1\n")];
  await until(() => journal.calls.append === 1);
  for (const job of ["b", "c", "d"]) stored.push(push(gateway, job, "m 1\n"));
  await rejects(push(gateway, "e", "m 1\n"), "OVERLOADED");
  open();
  await Promise.all(stored);

  const again = gate();
  journal.failNext("append", { kind: "hold", until: again.closed });
  const large = `m{x="${"v".repeat(1_200)}"} 1\n`;
  const more = [push(gateway, "a", large)];
  await until(() => journal.calls.append === 3);
  more.push(push(gateway, "b", large));
  await rejects(push(gateway, "c", large), "OVERLOADED");
  more.push(push(gateway, "c", "m 1\n"));
  again.open();
  await Promise.all(more);
  await rejects(push(gateway, "d", `m{x="${"v".repeat(2_000)}"} 1\n`), "TOO_LARGE");
  await push(gateway, "d", large);
});

test("a push whose client has gone is dropped before it is sent, and not after", async (t) => {
  const cluster = new Cluster(t);
  const { gateway, journal } = await cluster.open();
  const { closed, open } = gate();
  journal.failNext("append", { kind: "hold", until: closed });
  const [sent, waiting] = [new AbortController(), new AbortController()];
  const first = push(gateway, "a", "m 1\n", { signal: sent.signal });
  await until(() => journal.calls.append === 1);
  const second = push(gateway, "b", "m 1\n", { signal: waiting.signal });
  sent.abort();
  waiting.abort();
  // Even while the journal does not answer.
  await rejects(second, "CLOSED");
  open();
  await first;
  assert.equal(await valueIn(gateway, "m", "a"), "1");
  assert.equal((await cluster.records()).length, 1);
  await rejects(push(gateway, "c", "m 1\n", { signal: AbortSignal.abort() }), "CLOSED");
  assert.equal(journal.calls.append, 1);
});

test("a replica that was overtaken by a snapshot loads it, and its push goes through", async (t) => {
  const cluster = new Cluster(t, {}, { trimLagBytes: 0 });
  const { gateway: slow, journal } = await cluster.open();
  const { gateway: fast } = await cluster.open();
  const reloads = listen(t, "waystation:reload", slow);
  await push(slow, "a", "m 1\n");
  journal.failAlways("read", { kind: "reject", code: "UNAVAILABLE" });
  for (let i = 0; i < 3; i++) await push(fast, "b", `m ${i}\n`);
  await fast.compact();
  journal.heal();
  await push(slow, "c", "m 3\n");
  assert.deepEqual(
    reloads.map(({ reason }) => (reason as { code?: string }).code),
    ["TRUNCATED"],
  );
  assert.equal((await slow.expose()).text(), (await fast.expose()).text());
  assert.equal(await valueIn(fast, "m", "c"), "3");
  assert.equal(cluster.store.snapshot!.at.position, 4);
});

test("what cannot be loaded anew is refused as not stored, until it can be", async (t) => {
  const cluster = new Cluster(t, {}, { trimLagBytes: 0 });
  const { gateway: slow, journal } = await cluster.open();
  const { gateway: fast } = await cluster.open();
  journal.failAlways("read", { kind: "reject", code: "UNAVAILABLE" });
  await push(fast, "b", "m 1\n");
  await fast.compact();
  journal.heal();
  journal.failNext("open", { kind: "reject", code: "UNAVAILABLE" });
  await rejects(push(slow, "c", "m 2\n"), "UNAVAILABLE");
  assert.equal(await valueIn(fast, "m", "c"), undefined);
  await push(slow, "c", "m 3\n");
  assert.equal(await valueIn(fast, "m", "c"), "3");
});

/** Something that no gateway of this release can apply, put into the journal by another process. */
async function poison(cluster: Cluster, data: Uint8Array): Promise<void> {
  const journal = new MemoryJournal(cluster.store);
  await journal.open();
  const head = cluster.store.head;
  await journal.append(data, head, { tag: "77", deadline: Number.MAX_SAFE_INTEGER });
  await journal.close();
}

const base = { position: 0, hash: [0, 0] } as const;
const flipped = encodeEntry([], { level: RULES_LEVEL, base });
flipped[9]! ^= 1;

for (const [what, data, code] of [
  ["an entry of a newer rules level", encodeEntry([], { level: RULES_LEVEL + 1, base }), "UNSUPPORTED"],
  ["a corrupt entry", flipped, "CORRUPT"],
] as const) {
  test(`${what} halts a replica: it exposes what it knows, is not ready, and takes nothing`, async (t) => {
    const cluster = new Cluster(t);
    const { gateway, journal } = await cluster.open();
    const halts = listen(t, "waystation:halt", gateway);
    await push(gateway, "a", "m 1\n");
    await poison(cluster, data);
    assert.equal(await valueIn(gateway, "m", "a"), "1");
    const { ready, reason, position } = gateway.health();
    assert.deepEqual({ ready, position }, { ready: false, position: 1 });
    assert.match(reason!, /entry 2-77 cannot be applied/);
    await rejects(push(gateway, "b", "m 2\n"), "UNAVAILABLE");
    await rejects(gateway.refresh(), code);
    assert.equal(journal.calls.append, 1);
    assert.equal(halts.length, 1);
    await rejects(cluster.open(), code);
  });

  test(`${what} that is found by an append leaves that push in doubt, and refuses those behind it`, async (t) => {
    const cluster = new Cluster(t);
    const { gateway, journal } = await cluster.open();
    await push(gateway, "a", "m 1\n");
    const { closed, open } = gate();
    journal.failNext("append", { kind: "hold", until: closed });
    const first = push(gateway, "b", "m 2\n");
    await until(() => journal.calls.append === 2);
    const second = push(gateway, "c", "m 3\n");
    await poison(cluster, data);
    open();
    await rejects(first, "IN_DOUBT");
    await rejects(second, "UNAVAILABLE");
    assert.equal(journal.calls.append, 2);
    assert.equal(await valueIn(gateway, "m", "a"), "1");
  });
}

test("closing stores what is waiting, then refuses", async (t) => {
  const cluster = new Cluster(t);
  const { gateway, journal } = await cluster.open();
  const { closed, open } = gate();
  journal.failNext("append", { kind: "hold", until: closed });
  const pushes = [push(gateway, "a", "m 1\n")];
  await until(() => journal.calls.append === 1);
  pushes.push(push(gateway, "b", "m 2\n"));
  const closing = gateway.close();
  await rejects(push(gateway, "c", "m 3\n"), "CLOSED");
  assert.equal(gateway.health().ready, false);
  open();
  await Promise.all([...pushes, closing]);
  assert.equal((await cluster.records()).length, 2);
  await gateway.close();
});

test("closing does not wait for ever for an append in doubt, and sends nothing behind it", async (t) => {
  const cluster = new Cluster(t, { timeout: 200 }, { now: new Clock().read });
  const { gateway, journal } = await cluster.open();
  const { closed, open } = gate();
  journal.failNext("append", { kind: "late", until: closed });
  const first = push(gateway, "a", "m 1\n");
  await until(() => journal.calls.append === 1);
  const second = push(gateway, "b", "m 2\n");
  await Promise.all([rejects(first, "IN_DOUBT"), rejects(second, "UNAVAILABLE"), gateway.close()]);
  assert.equal(journal.calls.append, 1);
  open();
  await journal.lateCallsDone();
});
