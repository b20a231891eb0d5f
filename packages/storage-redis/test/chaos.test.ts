import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import { suite, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { isWaystationError } from "@waystation/core";
import { skipRedis } from "./find-redis.ts";
import { eventually, openJournal, Replica, randomTag, readAll, startProxy, startRedis } from "./kit.ts";
import type { RedisProcess } from "./redis-process.ts";
import type { TcpProxy } from "./tcp-proxy.ts";

const SECONDS = process.env["WAYSTATION_SOAK"] === "1" ? 90 : 5;
/** The restart grace, in milliseconds. */
const GRACE = 1000;
const SEED = Number(process.env["SEED"] ?? randomInt(2 ** 31));

/** One call, with its bounds in real time. */
interface Call {
  readonly replica: number;
  readonly kind: "append" | "read";
  readonly began: number;
  readonly ended: number;
  /** Of an append. */
  readonly tag?: string;
  readonly outcome: "done" | "not written" | "in doubt" | "failed";
  /** Where the append is, or the head that the read saw. */
  readonly position?: number;
}

/** A small generator of random numbers in [0, 1), so that a seed gives the same faults again (mulberry32). */
function random(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Appends and reads without pause. */
async function replicate(id: number, replica: Replica, history: Call[], stopped: () => boolean): Promise<void> {
  const timed = async (kind: Call["kind"], run: () => Promise<number>): Promise<Call> => {
    const began = performance.now();
    const done = (outcome: Call["outcome"]) => ({ replica: id, kind, began, ended: performance.now(), outcome });
    try {
      const position = await run();
      return { ...done("done"), position };
    } catch (error) {
      assert(isWaystationError(error, "IN_DOUBT", "UNAVAILABLE", "LATE", "REWOUND"), String(error));
      if (kind === "read") return done("failed");
      return done(error.code === "IN_DOUBT" ? "in doubt" : "not written");
    }
  };
  while (!stopped()) {
    const tag = randomTag();
    const write = await timed("append", async () => (await replica.append(tag, 1.5 * GRACE)).position);
    history.push({ ...write, tag });
    const read = await timed("read", () => replica.catchUp());
    history.push(read);
    await sleep(read.outcome === "failed" ? 20 : 2);
  }
}

/** Makes things fail, one after the other, and lets them recover in between. */
async function disturb(server: RedisProcess, proxies: readonly TcpProxy[], next: () => number, stopped: () => boolean) {
  const faults: Record<string, number> = {};
  const one = () => proxies[Math.floor(next() * proxies.length)]!;
  const kinds: Readonly<Record<string, () => Promise<void>>> = {
    cut: async () => one().cut(),
    "hold and release requests": async () => {
      const proxy = one();
      proxy.hold("up");
      await sleep(100 + next() * 700);
      proxy.release("up");
    },
    "repeat requests": async () => {
      const proxy = one();
      proxy.hold("up");
      await sleep(50 + next() * 300);
      const repeat = proxy.copy();
      if (next() < 0.5) repeat();
      proxy.release("up");
      await sleep(next() * 700);
      repeat();
    },
    "hold and release answers": async () => {
      const proxy = one();
      proxy.hold("down");
      await sleep(100 + next() * 700);
      proxy.release("down");
    },
    refuse: async () => {
      const proxy = one();
      proxy.refuse();
      await sleep(next() * 300);
      proxy.accept();
    },
    delay: async () => {
      const proxy = one();
      proxy.delay(next() * 20);
      await sleep(200);
      proxy.delay(0);
    },
    "pause Redis": async () => {
      server.pause();
      await sleep(next() * 600);
      server.resume();
    },
    "kill and restart Redis": async () => {
      await server.kill();
      await server.restart();
      // Nobody can put back what it holds while it is cut off: the grace has to pass without further faults.
      await sleep(1.5 * GRACE);
    },
  };
  while (!stopped()) {
    const names = Object.keys(kinds);
    const kind = names[Math.floor(next() * names.length)]!;
    await kinds[kind]!();
    faults[kind] = (faults[kind] ?? 0) + 1;
    await sleep(next() * 150);
  }
  return faults;
}

/** What is wrong with a history, given what is stored in the end. */
function violations(history: readonly Call[], stored: ReadonlyMap<string, number>): string[] {
  const found: string[] = [];
  for (const call of history) {
    if (call.kind !== "append") continue;
    const position = stored.get(call.tag!);
    if (call.outcome === "done" && position !== call.position)
      found.push(`acknowledged and lost: ${JSON.stringify(call)}`);
    if (call.outcome === "not written" && position !== undefined) {
      found.push(`said not to be written, but stored: ${JSON.stringify(call)}`);
    }
  }
  // Real time: what was acknowledged before a call began comes before it in the journal, and is seen by it.
  const byEnd = history
    .filter(({ kind, outcome }) => kind === "append" && outcome === "done")
    .toSorted((a, b) => a.ended - b.ended);
  const byBegin = history.filter(({ outcome }) => outcome === "done").toSorted((a, b) => a.began - b.began);
  let highest: Call | undefined;
  let i = 0;
  for (const call of byBegin) {
    for (; i < byEnd.length && byEnd[i]!.ended < call.began; i++) {
      if (highest === undefined || byEnd[i]!.position! > highest.position!) highest = byEnd[i];
    }
    if (highest === undefined) continue;
    const fine = call.kind === "read" ? call.position! >= highest.position! : call.position! > highest.position!;
    if (!fine)
      found.push(`${JSON.stringify(call)} does not see ${JSON.stringify(highest)}, acknowledged before it began`);
  }
  return found;
}

suite("under random faults", { skip: skipRedis }, () => {
  const disks: Readonly<Record<string, string[]>> = {
    "with an append-only file": ["--appendonly", "yes"],
    "even if Redis keeps nothing on disk": [],
  };
  for (const [disk, args] of Object.entries(disks)) {
    test(`three replicas lose nothing and see everything in order, ${disk}, for ${SECONDS} s`, async (t) => {
      t.diagnostic(`SEED=${SEED}`);
      const server = await startRedis(t, ...args);
      const history: Call[] = [];
      const proxies: TcpProxy[] = [];
      const replicas: Replica[] = [];
      for (let i = 0; i < 3; i++) {
        const proxy = await startProxy(t, server.port);
        proxies.push(proxy);
        const settings = { url: proxy.url, timeout: 2 * GRACE, connectTimeout: 300, restartGrace: GRACE };
        replicas.push(new Replica(await openJournal(t, settings)));
      }
      const end = performance.now() + SECONDS * 1000;
      const stopped = () => performance.now() > end;
      const [faults] = await Promise.all([
        disturb(server, proxies, random(SEED), stopped),
        ...replicas.map((replica, i) => replicate(i, replica, history, stopped)),
      ]);
      await sleep(500); // what is still on its way arrives, or is late

      const entries = await eventually(() => readAll(replicas[0]!.journal));
      const stored = new Map(entries.map(({ tag, position }) => [tag, position]));
      assert.equal(stored.size, entries.length, "an entry was stored twice");
      const count = (outcome: Call["outcome"]) => history.filter((call) => call.outcome === outcome).length;
      t.diagnostic(
        `${history.length} calls: ${count("done")} done, ${count("not written")} refused, ${count("in doubt")} in doubt; ` +
          `${entries.length} entries; ${replicas.reduce((sum, { restored }) => sum + restored, 0)} times restored; ` +
          `faults: ${JSON.stringify(faults)}`,
      );
      assert.deepEqual(violations(history, stored), [], `SEED=${SEED}`);
      assert(count("done") > 100, "too few calls for a verdict");
    });
  }

  test("the check of histories finds what is wrong with them", () => {
    const call = (fields: Partial<Call>): Call => ({
      replica: 0,
      kind: "append",
      began: 0,
      ended: 1,
      outcome: "done",
      ...fields,
    });
    const first = call({ tag: "1", position: 1 });
    const fine = [
      first,
      call({ tag: "2", position: 2, began: 2, ended: 3 }),
      call({ kind: "read", position: 2, began: 4, ended: 5 }),
    ];
    const stored = new Map([
      ["1", 1],
      ["2", 2],
    ]);
    assert.deepEqual(violations(fine, stored), []);
    assert.match(violations([call({ tag: "9", position: 9 })], stored)[0]!, /lost/);
    assert.match(violations([call({ tag: "2", outcome: "not written" })], stored)[0]!, /but stored/);
    assert.match(
      violations([first, call({ kind: "read", position: 0, began: 2, ended: 3 })], stored)[0]!,
      /does not see/,
    );
    const reordered = [call({ tag: "2", position: 2 }), call({ tag: "1", position: 1, began: 2, ended: 3 })];
    assert.match(violations(reordered, stored)[0]!, /does not see/);
  });
});
