import { type AppendOwn, type Tail, WaystationError } from "@waystation/core";
import type { Redis } from "ioredis";
import type { Settings } from "./options.ts";
import type { JournalKeys } from "./scripts.ts";
import type { Session } from "./session.ts";

/** Redis looks for waits that are over ten times a second; the rest is for the way back. Milliseconds. */
const MARGIN = 200;

/**
 * Sees to it that appends are acknowledged only if enough copies have them, by WAIT or WAITAOF, where the settings ask for that.
 *
 * An append without enough copies is in doubt. As whoever finds its entry by reading would take it for stored, reads are then
 * confirmed too, until the doubt is over: durability is by prefix, so one confirmed write covers all that was written before it.
 */
export class Copies {
  readonly #settings: Settings;
  /** Deadlines of appends in doubt on the server's clock, by tag. */
  readonly #doubts = new Map<string, number>();

  constructor(settings: Settings) {
    this.#settings = settings;
  }

  get #wanted(): { readonly local: number; readonly replicas: number } {
    return this.#settings.waitaof ?? { local: 0, replicas: this.#settings.wait };
  }

  /**
   * Waits until enough copies have what this connection wrote last. To be called in the same tick as the write. Rejects with
   * `IN_DOUBT`, whatever the reason, since the write itself is done.
   *
   * @param until When it must settle, by `performance.now()`.
   */
  async confirm(redis: Redis, until: number): Promise<void> {
    const { local, replicas } = this.#wanted;
    if (local + replicas === 0) return;
    // Redis has to answer before the call's own time is over, which would end the connection. A time-out of 0 would be none.
    const time = Math.max(1, Math.floor(Math.min(this.#settings.waitTimeout, until - performance.now() - MARGIN)));
    const [synced, received] = await this.#wait(redis, time).catch((error: Error) => {
      throw inDoubt(`Redis could not tell how many copies have it: ${error.message}`);
    });
    if (synced < local) throw inDoubt(`the append-only file of the primary was not synced within ${time} ms`);
    if (received < replicas) throw inDoubt(`${received} of ${replicas} replicas confirmed it within ${time} ms`);
  }

  /** An append has failed with `IN_DOUBT`. */
  doubt({ tag, deadline }: AppendOwn): void {
    const { local, replicas } = this.#wanted;
    if (local + replicas > 0) this.#doubts.set(tag, deadline);
  }

  /** Confirms what a read has found, if it may hold an entry in doubt; by a write of its own. */
  async confirmRead({ appends }: Session, keys: JournalKeys, tail: Tail, until: number): Promise<void> {
    if (this.#doubts.size === 0) return;
    const written = appends.hset(keys.facts, "confirmed", tail.head);
    const confirmed = this.confirm(appends, until);
    await Promise.all([written, confirmed]);
    this.settle(tail);
  }

  /** Everything up to the end of this tail is confirmed: doubts about its entries are over, and about appends that are too late now. */
  settle({ entries, time }: Tail): void {
    if (this.#doubts.size === 0) return;
    for (const { tag } of entries) this.#doubts.delete(tag);
    for (const [tag, deadline] of this.#doubts) if (time > deadline) this.#doubts.delete(tag);
  }

  /** How many append-only files of the primary and how many replicas have the last write of this connection. */
  async #wait(redis: Redis, time: number): Promise<[synced: number, received: number]> {
    const { wait, waitaof } = this.#settings;
    if (!waitaof) return [0, await redis.wait(wait, time)];
    return (await redis.call("WAITAOF", waitaof.local, waitaof.replicas, time)) as [number, number];
  }
}

function inDoubt(why: string): WaystationError {
  return new WaystationError("IN_DOUBT", `written on the primary, but not as durable as asked for: ${why}`);
}
