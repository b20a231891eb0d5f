import { randomFillSync } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { isWaystationError, WaystationError } from "../errors.ts";
import type { Journal } from "../journal/journal.ts";
import { decodeVerifiedEntry, ENTRY_OVERHEAD, encodeEntry, RECORD_OVERHEAD, RULES_LEVEL } from "../record/entry.ts";
import type { GatewayRecord } from "../record/record.ts";
import type { Publisher } from "./channels.ts";
import type { Replica, Verdict } from "./replica.ts";

export interface CommitterOptions {
  /** Milliseconds that the journal has for one append, and a record may wait for its turn. */
  readonly timeout: number;
  /** Bytes and number of records that may wait. */
  readonly maxWaitingBytes: number;
  readonly maxWaiting: number;
}

interface Waiting {
  readonly record: Uint8Array;
  readonly signal: AbortSignal | undefined;
  /** On this process' clock. */
  readonly expires: number;
  readonly settle: (verdict: Verdict) => void;
}

interface Batch {
  readonly tag: string;
  readonly deadline: number;
  readonly data: Uint8Array;
  readonly records: readonly GatewayRecord[];
  readonly waiting: readonly Waiting[];
}

/** Entries are cut at about this size; a single larger record travels alone. */
const MAX_ENTRY_BYTES = 1024 * 1024;

/**
 * Group commit: one append is in flight at a time, and everything that comes in meanwhile makes up the next one, so that one
 * fsync or one round trip pays for many pushes.
 *
 * A record is acknowledged when its entry has been applied here and the journal has confirmed it. After an append whose outcome is
 * unknown nothing is sent until it is settled, and it is never sent again: a late duplicate would bring back what was replaced.
 */
export class Committer {
  readonly #journal: Journal;
  readonly #replica: Replica;
  readonly #publisher: Publisher;
  readonly #options: CommitterOptions;
  #queue: Waiting[] = [];
  #queuedBytes = 0;
  #running: Promise<void> | undefined;
  #closed = false;
  #sweeper: NodeJS.Timeout | undefined;
  #inDoubt = false;

  constructor(journal: Journal, replica: Replica, publisher: Publisher, options: CommitterOptions) {
    this.#journal = journal;
    this.#replica = replica;
    this.#publisher = publisher;
    this.#options = options;
  }

  get waiting(): number {
    return this.#queue.length;
  }

  get waitingBytes(): number {
    return this.#queuedBytes;
  }

  /** Is the outcome of an append unknown at the moment? */
  get inDoubt(): boolean {
    return this.#inDoubt;
  }

  /**
   * Resolves with the state's verdict on the record, once it is durable.
   *
   * @param signal when aborted before the record is sent, it is dropped
   * @throws `OVERLOADED`, `UNAVAILABLE`, `FULL`, `LATE`, `IN_DOUBT`, `CLOSED`
   */
  commit(record: Uint8Array, signal?: AbortSignal): Promise<Verdict> {
    const { maxWaiting, maxWaitingBytes, timeout } = this.#options;
    if (this.#closed)
      return Promise.reject(new WaystationError("CLOSED", "the gateway is shutting down; nothing was stored"));
    if (this.#replica.halted !== undefined) return Promise.reject(unavailable(this.#replica.halted));
    if (this.#queue.length >= maxWaiting || this.#queuedBytes + record.length > maxWaitingBytes) {
      const waiting = `${this.#queue.length} pushes (${this.#queuedBytes} bytes)`;
      return Promise.reject(
        new WaystationError("OVERLOADED", `${waiting} are waiting already; nothing was stored, try again`),
      );
    }
    return new Promise((resolve, reject) => {
      const settle = (verdict: Verdict) => {
        if (verdict === undefined || verdict.code === "INCONSISTENT") resolve(verdict);
        else reject(verdict);
      };
      this.#queue.push({ record, signal, expires: Date.now() + timeout, settle });
      this.#queuedBytes += record.length;
      this.#running ??= this.#run();
    });
  }

  /** Commits what is waiting, then refuses everything. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#running;
  }

  async #run(): Promise<void> {
    // One turn of the event loop: everything that arrived in it makes up the first batch.
    await new Promise((resolve) => setImmediate(resolve));
    while (this.#queue.length > 0) {
      const batch = this.#cutBatch();
      if (batch !== undefined) await this.#append(batch);
    }
    this.#running = undefined;
  }

  #cutBatch(): Batch | undefined {
    const waiting: Waiting[] = [];
    const now = Date.now();
    let size = ENTRY_OVERHEAD;
    let taken = 0;
    for (const next of this.#queue) {
      const bytes = RECORD_OVERHEAD + next.record.length;
      if (waiting.length > 0 && size + bytes > MAX_ENTRY_BYTES) break;
      taken++;
      this.#queuedBytes -= next.record.length;
      if (next.signal?.aborted) next.settle(new WaystationError("CLOSED", "the client has gone; nothing was stored"));
      else if (next.expires < now) next.settle(unavailable());
      else {
        waiting.push(next);
        size += bytes;
      }
    }
    this.#queue = this.#queue.slice(taken);
    if (waiting.length === 0) return undefined;
    const base = { position: this.#replica.cursor.position, hash: this.#replica.state.hash };
    const data = encodeEntry(
      waiting.map(({ record }) => record),
      { level: RULES_LEVEL, base },
    );
    // What cannot be read back must not enter the journal.
    const { records } = decodeVerifiedEntry(data);
    return { tag: randomTag(), deadline: this.#replica.time + this.#options.timeout, data, records, waiting };
  }

  async #append(batch: Batch): Promise<void> {
    const started = performance.now();
    this.#replica.expect(batch.tag);
    try {
      const { at, tail } = await this.#journal.append(batch.data, this.#replica.cursor, batch);
      this.#replica.applyTail(tail);
      if (this.#replica.cursor.position < at.position - 1) await this.#replica.catchUp();
      if (this.#replica.cursor.position < at.position) {
        this.#replica.noteEntryBytes(batch.data.length);
        this.#replica.applyEntry(at, batch.records);
      }
      this.#settle(batch);
      const duration = performance.now() - started;
      this.#publisher.publish("waystation:append", {
        records: batch.records.length,
        bytes: batch.data.length,
        duration,
      });
    } catch (error) {
      await this.#handleFailure(batch, error);
    } finally {
      this.#replica.forget(batch.tag);
    }
  }

  async #handleFailure(batch: Batch, error: unknown): Promise<void> {
    const reason = error instanceof Error ? error : new Error(String(error));
    this.#publisher.publish("waystation:append-failed", { error: reason, records: batch.records.length });
    if (isWaystationError(error, "TRUNCATED", "REWOUND")) {
      this.#reject(batch, unavailable(error));
      await this.#reload(error);
    } else if (isWaystationError(error, "UNAVAILABLE", "FULL", "LATE", "CLOSED")) {
      this.#reject(batch, error);
    } else {
      await this.#settleDoubt(batch, reason);
    }
  }

  /**
   * Finds out what became of an append: its entry is in the journal, or its deadline has passed on the journal's clock without it.
   * Whoever waits longer than that is told that it is unknown.
   */
  async #settleDoubt(batch: Batch, reason: Error): Promise<void> {
    this.#inDoubt = true;
    this.#sweeper = setInterval(() => this.#sweep(), 100);
    const patience = Date.now() + this.#options.timeout;
    let answered = false;
    for (let pause = 20; ; pause = Math.min(pause * 2, 1000)) {
      try {
        await this.#replica.catchUp();
        if (this.#replica.verdictsOf(batch.tag) !== undefined) {
          if (!answered) this.#settle(batch);
          break;
        }
        // What was not there after its deadline is refused from then on, so it will never be there.
        if (this.#replica.journalTime > batch.deadline) {
          if (!answered) this.#reject(batch, unavailable(reason));
          break;
        }
      } catch (error) {
        if (isWaystationError(error, "TRUNCATED", "REWOUND")) {
          if (!answered) this.#reject(batch, inDoubt(reason));
          answered = true;
          await this.#reload(error);
          break;
        }
        if (this.#replica.halted !== undefined || isWaystationError(error, "CLOSED")) {
          if (!answered) this.#reject(batch, inDoubt(reason));
          break;
        }
      }
      if (!answered && Date.now() > patience) {
        this.#reject(batch, inDoubt(reason));
        answered = true;
      }
      if (answered && this.#closed) break;
      await delay(pause);
    }
    clearInterval(this.#sweeper);
    this.#inDoubt = false;
  }

  #settle(batch: Batch): void {
    const verdicts = this.#replica.verdictsOf(batch.tag);
    const unknown = verdicts ?? inDoubt(this.#replica.halted ?? new Error("its entry could not be applied"));
    for (const [i, { settle }] of batch.waiting.entries()) settle(unknown instanceof Error ? unknown : unknown[i]);
  }

  #reject(batch: Batch, error: WaystationError): void {
    for (const { settle } of batch.waiting) settle(error);
  }

  /** Refuses what has waited too long behind an append in doubt. */
  #sweep(): void {
    const now = Date.now();
    const expired = this.#queue.filter(({ expires }) => expires < now);
    if (expired.length === 0) return;
    this.#queue = this.#queue.filter(({ expires }) => expires >= now);
    for (const { record, settle } of expired) {
      this.#queuedBytes -= record.length;
      settle(unavailable());
    }
  }

  async #reload(reason: WaystationError): Promise<void> {
    await this.#replica.reload(reason).catch((error: unknown) => {
      // The next append finds the same again, and tries again.
      this.#publisher.publish("waystation:append-failed", { error: error as Error, records: 0 });
    });
  }
}

const randomness = Buffer.alloc(6 * 256);
let randomnessUsed = randomness.length;

/** 48 bits in decimal. Random bytes are fetched for many at once, which is much cheaper. */
function randomTag(): string {
  if (randomnessUsed === randomness.length) {
    randomFillSync(randomness);
    randomnessUsed = 0;
  }
  randomnessUsed += 6;
  return String(randomness.readUIntBE(randomnessUsed - 6, 6));
}

function unavailable(cause?: Error): WaystationError {
  const why = cause === undefined ? "did not answer in time" : `is not available (${cause.message})`;
  return new WaystationError("UNAVAILABLE", `the journal ${why}; the push was certainly not stored, try again`, {
    cause,
  });
}

function inDoubt(cause: Error): WaystationError {
  return new WaystationError("IN_DOUBT", `the push may or may not have been stored: ${cause.message}`, { cause });
}
