import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { TestContext } from "node:test";
import { type ErrorCode, isWaystationError } from "../src/errors.ts";
import type { ChannelMessages, ChannelName } from "../src/gateway/channels.ts";
import { type ExposeOptions, Gateway, type GatewayOptions, type PushRequest } from "../src/gateway/gateway.ts";
import { type Entry, type Journal, ORIGIN } from "../src/journal/journal.ts";
import { MemoryJournal, MemoryStore, type MemoryStoreOptions } from "../src/journal/memory-journal.ts";
import { decodeEntry } from "../src/record/entry.ts";
import type { GatewayRecord } from "../src/record/record.ts";
import { FaultyJournal } from "../src/testing/faulty-journal.ts";
import { keyOf } from "./state-kit.ts";

/** A clock that stands still until it is moved: milliseconds since the epoch. */
export class Clock {
  now = 1_700_000_000_000;
  readonly read = (): number => this.now;
}

export interface Opened {
  readonly gateway: Gateway;
  readonly journal: FaultyJournal;
}

/** Gateways on one store, each by a connection of its own, which are closed at the end of the test. */
export class Cluster {
  readonly store: MemoryStore;
  readonly #context: TestContext;
  readonly #options: Partial<GatewayOptions>;

  constructor(context: TestContext, options: Partial<GatewayOptions> = {}, store: MemoryStoreOptions = {}) {
    this.#context = context;
    this.#options = options;
    this.store = new MemoryStore(store);
  }

  /** @param wrap what to put between the gateway and its faulty journal */
  async open(options: Partial<GatewayOptions> = {}, wrap = (journal: FaultyJournal): Journal => journal) {
    const journal = new FaultyJournal(new MemoryJournal(this.store));
    const gateway = await Gateway.open({ ...this.#options, ...options, journal: wrap(journal) });
    this.#context.after(async () => {
      journal.heal();
      await gateway.close();
    });
    return { gateway, journal } satisfies Opened;
  }

  /** Everything in the journal, as a new reader finds it. */
  async entries(): Promise<Entry[]> {
    const journal = new MemoryJournal(this.store);
    await journal.open();
    try {
      const entries: Entry[] = [];
      for (let head = 1; entries.length < head; ) {
        const tail = await journal.read(entries.at(-1) ?? ORIGIN);
        entries.push(...tail.entries);
        head = tail.head;
      }
      return entries;
    } finally {
      await journal.close();
    }
  }

  async records(): Promise<GatewayRecord[]> {
    const entries = await this.entries();
    return entries.flatMap(({ data }) => decodeEntry(data).records);
  }
}

export function push(gateway: Gateway, job: string, body: string, request: Partial<PushRequest> = {}): Promise<void> {
  return gateway.push({ key: keyOf({ job }), body, ...request });
}

/** The pushed part of the exposition without the two time metrics: what jobs have pushed. */
export async function pushedText(gateway: Gateway, options: ExposeOptions = {}): Promise<string> {
  const exposition = await gateway.expose({ collect: "pushed", ...options });
  return exposition
    .text()
    .split("\n")
    .filter((line) => !/^(# (HELP|TYPE) )?push_(failure_)?time_seconds\b/.test(line))
    .join("\n");
}

/** The value of the metric without labels of its own that a job has pushed. */
export async function valueIn(gateway: Gateway, name: string, job: string, options?: ExposeOptions) {
  const text = await pushedText(gateway, options);
  return new RegExp(`^${name}\\{instance="",job="${job}"\\} (.*)$`, "m").exec(text)?.[1];
}

export async function rejects(promise: Promise<unknown>, ...codes: ErrorCode[]): Promise<void> {
  await assert.rejects(promise, (error) => {
    assert.ok(isWaystationError(error, ...codes), `${codes.join(" or ")} was expected, not ${error}`);
    return true;
  });
}

/** What a gateway publishes on a channel from now on; the test's end is the end of it. */
export function listen<Name extends ChannelName>(context: TestContext, name: Name, gateway?: Gateway) {
  const messages: (ChannelMessages[Name] & { readonly gateway: unknown })[] = [];
  const listener = (message: unknown): void => {
    const typed = message as ChannelMessages[Name] & { readonly gateway: unknown };
    if (gateway === undefined || typed.gateway === gateway) messages.push(typed);
  };
  subscribe(name, listener);
  context.after(() => unsubscribe(name, listener));
  return messages;
}

/** Waits until something holds; the test's own time limit ends the waiting. */
export async function until(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 2_000; tries++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
  assert.fail(`still does not hold: ${holds}`);
}

/** A promise to be settled from outside. */
export function gate(): { readonly closed: Promise<void>; open(): void } {
  const { promise, resolve } = Promise.withResolvers<void>();
  return { closed: promise, open: resolve };
}
