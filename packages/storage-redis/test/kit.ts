import assert from "node:assert/strict";
import { randomInt } from "node:crypto";
import type { TestContext } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import {
  type AppliedHistory,
  type Cursor,
  type Entry,
  type ErrorCode,
  isWaystationError,
  ORIGIN,
  type WaystationError,
} from "@waystation/core";
import { Redis } from "ioredis";
import { RedisJournal, type RedisJournalOptions } from "../src/index.ts";
import { RedisProcess } from "./redis-process.ts";
import { TcpProxy } from "./tcp-proxy.ts";

/** A server of the test's own, ended with it. */
export async function startRedis(t: TestContext, ...args: string[]): Promise<RedisProcess> {
  const server = await RedisProcess.start(args);
  t.after(() => server.stop());
  return server;
}

export async function startProxy(t: TestContext, port: number): Promise<TcpProxy> {
  const proxy = await TcpProxy.start(port);
  t.after(() => proxy.stop());
  return proxy;
}

/** A plain client, to look at what the journal does, and to disturb it. */
export function client(t: TestContext, url: string): Redis {
  const redis = new Redis(url, { disconnectTimeout: 50 });
  redis.on("error", () => {}); // servers come and go; commands say it if one is gone
  t.after(() => redis.disconnect());
  return redis;
}

/** A journal, opened, with short times, closed with the test. Servers are the test's own, so that one prefix does for all. */
export async function openJournal(t: TestContext, options: RedisJournalOptions): Promise<RedisJournal> {
  const journal = new RedisJournal({ timeout: 1000, connectTimeout: 1000, restartGrace: 0, ...options });
  t.after(() => journal.close());
  await journal.open();
  return journal;
}

export function randomTag(): string {
  return String(randomInt(2 ** 48 - 1));
}

/** Appends after `since`, by a deadline in so many milliseconds. */
export async function append(
  journal: RedisJournal,
  since: Cursor,
  data: string | Uint8Array = "x",
  ms = 10_000,
): Promise<Cursor> {
  const own = { tag: randomTag(), deadline: Date.now() + ms };
  const { at } = await journal.append(typeof data === "string" ? Buffer.from(data) : data, since, own);
  return at;
}

/** Appends so many entries, one after the other. */
export async function appendMany(
  journal: RedisJournal,
  since: Cursor,
  count: number,
  data?: Uint8Array,
): Promise<Cursor> {
  let at = since;
  for (let i = 0; i < count; i++) at = await append(journal, at, data);
  return at;
}

export async function readAll(journal: RedisJournal, since: Cursor = ORIGIN): Promise<Entry[]> {
  const entries: Entry[] = [];
  let at = since;
  for (;;) {
    const tail = await journal.read(at);
    entries.push(...tail.entries);
    at = tail.entries.at(-1) ?? at;
    if (at.position >= tail.head) return entries;
  }
}

/** The promise has to reject with one of these codes, within so many milliseconds. */
export async function rejectsWith(promise: Promise<unknown>, ...codes: ErrorCode[]): Promise<WaystationError> {
  try {
    await promise;
  } catch (error) {
    assert(isWaystationError(error, ...codes), `rejected with ${(error as { code?: string }).code}: ${error}`);
    return error;
  }
  throw new assert.AssertionError({ message: `resolved instead of rejecting with ${codes.join(" or ")}` });
}

/** Tries until it succeeds; after some seconds the last failure is the test's. */
export async function eventually<T>(attempt: () => Promise<T>, patience = 15_000): Promise<T> {
  const end = performance.now() + patience;
  for (;;) {
    try {
      return await attempt();
    } catch (error) {
      if (performance.now() > end) throw error;
      await sleep(50);
    }
  }
}

export async function* chunksOf(...chunks: (string | Uint8Array)[]): AsyncIterable<Uint8Array> {
  for (const chunk of chunks) yield typeof chunk === "string" ? Buffer.from(chunk) : chunk;
}

/** Text of a snapshot. */
export async function textOf(chunks: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const chunk of chunks) parts.push(chunk);
  return Buffer.concat(parts).toString();
}

/** What a replica that has read these entries holds, all of them or the newest `kept`. */
export function historyOf(entries: readonly Entry[], kept = entries.length, knowsAll = true): AppliedHistory {
  const from = Math.max(0, entries.length - kept);
  return {
    before: entries[from - 1] ?? ORIGIN,
    entries: entries.slice(from),
    knows: ({ position, tag }) => knowsAll && entries[position - 1]?.tag === tag,
    snapshot: () => chunksOf(`state at ${entries.at(-1)?.position ?? 0}`),
  };
}

/** Follows a journal as a gateway does: it applies what comes in order, and puts back what the journal has lost. */
export class Replica {
  readonly journal: RedisJournal;
  readonly entries: Entry[] = [];
  /** How often something was put back, and how often another history had taken its place. */
  restored = 0;
  diverged = 0;

  constructor(journal: RedisJournal) {
    this.journal = journal;
  }

  get at(): Cursor {
    return this.entries.at(-1) ?? ORIGIN;
  }

  /** Appends, with so many milliseconds of time; the place of the new entry. */
  async append(tag: string, ms: number): Promise<Cursor> {
    const data = Buffer.from(tag);
    const { at, tail } = await this.#orRestore(() =>
      this.journal.append(data, this.at, { tag, deadline: Date.now() + ms }),
    );
    this.#take([...tail.entries, { ...at, data }]);
    return at;
  }

  /** Reads what is new; the head. */
  async catchUp(): Promise<number> {
    const { entries, head } = await this.#orRestore(() => this.journal.read(this.at));
    this.#take(entries);
    return head;
  }

  /** Drops what is known already and what does not follow. */
  #take(entries: readonly Entry[]): void {
    for (const entry of entries) if (entry.position === this.at.position + 1) this.entries.push(entry);
  }

  async #orRestore<T>(call: () => Promise<T>): Promise<T> {
    try {
      return await call();
    } catch (error) {
      if (isWaystationError(error, "REWOUND")) await this.#restore();
      throw error;
    }
  }

  async #restore(): Promise<void> {
    if ((await this.journal.restore(historyOf(this.entries))) === "restored") {
      this.restored++;
    } else {
      this.diverged++;
      this.entries.length = 0;
    }
  }
}
