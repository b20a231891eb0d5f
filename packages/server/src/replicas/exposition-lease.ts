import { randomUUID } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import type { Journal } from "@waystation/core";
import type { Logger } from "../logging.ts";

/** Names the lease in the journal. */
const NAME = "exposition";
/** For how long the journal gives it: another replica takes over so much after the death of the holder, at the latest. */
const LEASE_MS = 5_000;
/** How often the holder renews it, and the others ask for it. */
const RENEW_EVERY_MS = 1_000;
/** How much of the time the holder leaves unused, for clocks that do not run alike. */
const MARGIN_MS = 250;

/**
 * Which of several replicas exposes what was pushed: the one that holds a lease in the journal.
 *
 * A replica counts its time from before it asked, so its own idea of the lease ends before the journal's; and whatever it has been
 * doing meanwhile, also nothing, stopped or suspended, it looks at two clocks and asks again before it exposes. So at no moment two
 * replicas hold it, as long as the journal's clock is not set forward.
 */
export class ExpositionLease {
  readonly #journal: Journal;
  readonly #logger: Logger;
  readonly #holder = randomUUID();
  /** Until when the lease is held, by each clock: one does not run while a host sleeps, the other may be set. */
  #until = { monotonic: Number.NEGATIVE_INFINITY, wall: Number.NEGATIVE_INFINITY };
  #asking: Promise<void> | undefined;
  #renewing: NodeJS.Timeout | undefined;
  #released: Promise<void> | undefined;
  #wasHeld = false;

  /** @param journal open; one without leases has no other users, and its lease is always held */
  constructor(journal: Journal, logger: Logger) {
    this.#journal = journal;
    this.#logger = logger;
  }

  /** Asks for the lease from now on, again and again, until `release`. */
  start(): void {
    if (this.#journal.lease === undefined) return;
    void this.#ask();
    this.#renewing = setInterval(() => void this.#ask(), RENEW_EVERY_MS);
    this.#renewing.unref();
  }

  /** Is it held at this moment, as far as is known without asking? */
  get isHeld(): boolean {
    if (this.#journal.lease === undefined) return true;
    if (this.#released !== undefined) return false;
    return performance.now() < this.#until.monotonic && Date.now() < this.#until.wall;
  }

  /** Asks the journal, for at most so many milliseconds; without its answer, what is known counts. Takes the lease if nobody has it. */
  async confirm(timeout: number): Promise<boolean> {
    const timer = new AbortController();
    await Promise.race([this.#ask(), delay(timeout, undefined, { signal: timer.signal }).catch(() => undefined)]);
    timer.abort();
    return this.isHeld;
  }

  /** Lets another replica have it at once, for good. Never rejects. */
  release(): Promise<void> {
    this.#released ??= this.#release();
    return this.#released;
  }

  async #release(): Promise<void> {
    clearInterval(this.#renewing);
    await this.#asking;
    // Out of reach: it runs out by itself.
    await this.#journal.lease?.(NAME, this.#holder, 0).catch(() => false);
  }

  #ask(): Promise<void> {
    if (this.#journal.lease === undefined || this.#released !== undefined) return Promise.resolve();
    this.#asking ??= this.#askJournal().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  async #askJournal(): Promise<void> {
    const term = LEASE_MS - MARGIN_MS;
    const until = { monotonic: performance.now() + term, wall: Date.now() + term };
    try {
      const granted = await this.#journal.lease!(NAME, this.#holder, LEASE_MS);
      this.#until = granted ? until : { monotonic: Number.NEGATIVE_INFINITY, wall: Number.NEGATIVE_INFINITY };
    } catch {
      // Out of reach: what was granted before lasts until its end.
    }
    this.#logChange();
  }

  #logChange(): void {
    const { isHeld } = this;
    if (isHeld === this.#wasHeld) return;
    this.#wasHeld = isHeld;
    this.#logger.info(isHeld ? "exposing what was pushed: this replica is elected" : "another replica is elected");
  }
}
