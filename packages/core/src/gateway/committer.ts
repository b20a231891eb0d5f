import { randomFillSync } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { isWaystationError, WaystationError } from "../errors.ts";
import type { Cursor, Journal, Tail } from "../journal/journal.ts";
import { decodeVerifiedEntry, ENTRY_OVERHEAD, encodeEntry, RECORD_OVERHEAD, RULES_LEVEL } from "../record/entry.ts";
import { decodeRecord, type GatewayRecord } from "../record/record.ts";
import type { Publisher } from "./channels.ts";
import type { Replica, Verdict } from "./replica.ts";

export interface CommitterOptions {
  /** Milliseconds that the journal has for one append, and a record may wait for its turn. */
  readonly timeout: number;
  /** Bytes and number of records that may wait. */
  readonly maxWaitingBytes: number;
  readonly maxWaiting: number;
  /** Called after each append that was confirmed. */
  readonly onStored: () => void;
  /** Called when records are not acknowledged, whether or not they may have been stored. */
  readonly onFailed: (error: WaystationError) => void;
}

interface Waiting {
  readonly record: Uint8Array;
  readonly signal: AbortSignal | undefined;
  /** On this process' clock. */
  readonly expires: number;
  /** Only the first call counts. */
  readonly settle: (verdict: Verdict) => void;
}

interface Batch {
  readonly tag: string;
  /** On the journal's clock: after it the journal refuses the entry. */
  readonly deadline: number;
  /** On this process' clock: after it the outcome counts as unknown. */
  readonly patience: number;
  /** How often the replica's state had been loaded when the entry was made. */
  readonly loads: number;
  /** How often the journal had been put right then. */
  readonly heals: number;
  readonly data: Uint8Array;
  readonly records: readonly GatewayRecord[];
  readonly waiting: readonly Waiting[];
}

/** Milliseconds between two looks for those who have waited too long. */
const SWEEP_EVERY = 100;
/** How much of the time for an append the journal has; in the rest it can be found out what became of it. */
const JOURNAL_SHARE = 0.8;
/** Entries are cut at about this size; a single larger record travels alone. */
const MAX_ENTRY_BYTES = 1024 * 1024;
/** Milliseconds after which a batch waits for no further turn of the event loop. */
const GATHER_MS = 0.25;

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
  #inFlight: Batch | undefined;
  #inDoubt = false;
  #sweeper: NodeJS.Timeout | undefined;

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
   * @throws `TOO_LARGE`, `OVERLOADED`, `UNAVAILABLE`, `FULL`, `LATE`, `IN_DOUBT`, `CLOSED`
   */
  commit(record: Uint8Array, signal?: AbortSignal): Promise<Verdict> {
    const { maxWaiting, maxWaitingBytes, timeout } = this.#options;
    if (this.#closed)
      return Promise.reject(new WaystationError("CLOSED", "the gateway is shutting down; nothing was stored"));
    if (this.#replica.halted !== undefined) return Promise.reject(unavailable(this.#replica.halted));
    if (record.length > maxWaitingBytes) {
      return Promise.reject(
        new WaystationError(
          "TOO_LARGE",
          `the push takes ${record.length} bytes, of at most ${maxWaitingBytes} that may wait; nothing was stored`,
          { limit: "waitingBytes" },
        ),
      );
    }
    if (this.#queue.length >= maxWaiting || this.#queuedBytes + record.length > maxWaitingBytes) {
      const waiting = `${this.#queue.length} pushes (${this.#queuedBytes} bytes)`;
      return Promise.reject(
        new WaystationError("OVERLOADED", `${waiting} are waiting already; nothing was stored, try again`, {
          limit: this.#queue.length >= maxWaiting ? "waiting" : "waitingBytes",
        }),
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
    this.#sweep();
  }

  async #run(): Promise<void> {
    this.#sweeper ??= setInterval(() => this.#sweep(), SWEEP_EVERY).unref();
    while (this.#queue.length > 0) {
      await this.#gather();
      if (this.#replica.halted !== undefined) this.#refuseQueue(unavailable(this.#replica.halted));
      const batch = this.#encode(this.#take());
      if (batch !== undefined) await this.#append(batch);
    }
    this.#running = undefined;
  }

  /**
   * Waits for one turn of the event loop, and for another one as long as the last one has brought something: clients that were
   * answered together come back together, and each batch costs more than each record in it. Nor would a journal in memory ever let
   * others have their turn. Where turns are long, as during a scrape, what they bring is enough.
   */
  #gather(): Promise<void> {
    return new Promise((resolve) => {
      const end = performance.now() + GATHER_MS;
      const look = (before: number): void => {
        const { length } = this.#queue;
        if (length === before || performance.now() > end) resolve();
        else setImmediate(look, length);
      };
      setImmediate(look, this.#queue.length);
    });
  }

  /** What goes into the next entry. */
  #take(): Waiting[] {
    const waiting: Waiting[] = [];
    const now = Date.now();
    let size = ENTRY_OVERHEAD;
    let taken = 0;
    for (const next of this.#queue) {
      const bytes = RECORD_OVERHEAD + next.record.length;
      if (waiting.length > 0 && size + bytes > MAX_ENTRY_BYTES) break;
      taken++;
      this.#queuedBytes -= next.record.length;
      const refusal = refusalOf(next, now);
      if (refusal !== undefined) {
        next.settle(refusal);
      } else {
        waiting.push(next);
        size += bytes;
      }
    }
    this.#queue = this.#queue.slice(taken);
    return waiting;
  }

  #encode(waiting: readonly Waiting[]): Batch | undefined {
    if (waiting.length === 0) return undefined;
    const { cursor, state, loads, heals, time } = this.#replica;
    const { timeout } = this.#options;
    try {
      const data = encodeEntry(
        waiting.map(({ record }) => record),
        { level: RULES_LEVEL, base: { position: cursor.position, hash: state.hash } },
      );
      // What cannot be read back must not enter the journal.
      const { records } = decodeVerifiedEntry(data);
      return {
        tag: randomTag(),
        deadline: time + Math.round(timeout * JOURNAL_SHARE),
        patience: Date.now() + timeout,
        data,
        records,
        waiting,
        loads,
        heals,
      };
    } catch (cause) {
      const readable = waiting.filter(isReadable);
      const error = new WaystationError("CORRUPT", "the push cannot be read back; nothing was stored", { cause });
      for (const each of waiting) if (!readable.includes(each)) each.settle(error);
      if (readable.length < waiting.length) return this.#encode(readable);
      for (const { settle } of waiting) settle(error);
      return undefined;
    }
  }

  async #append(batch: Batch): Promise<void> {
    const started = performance.now();
    this.#replica.expect(batch.tag);
    this.#inFlight = batch;
    try {
      const { at, tail } = await this.#journal.append(batch.data, this.#replica.cursor, batch);
      try {
        await this.#apply(batch, at, tail);
      } catch (error) {
        // It is in the journal: whatever goes wrong from here on says nothing else.
        await this.#settleDoubt(batch, asError(error));
      }
      this.#options.onStored();
      const duration = performance.now() - started;
      this.#publisher.publish("waystation:append", {
        records: batch.records.length,
        bytes: batch.data.length,
        duration,
      });
    } catch (error) {
      this.#publisher.publish("waystation:append-failed", { error: asError(error), records: batch.records.length });
      await this.#handleFailure(batch, error);
    } finally {
      this.#inFlight = undefined;
      this.#replica.expect(undefined);
    }
  }

  /** Takes in what others appended before the own entry, then that. */
  async #apply(batch: Batch, at: Cursor, tail: Tail): Promise<void> {
    const replica = this.#replica;
    // After a reload meanwhile, this may be of a history that was left: the journal has to say what is in the present one.
    if (batch.loads !== replica.loads) throw new Error("the state was loaded anew during the append");
    replica.applyTail(tail);
    if (replica.cursor.position < at.position - 1) await replica.catchUp();
    if (batch.loads !== replica.loads) throw new Error("the state was loaded anew during the append");
    if (replica.cursor.position < at.position) {
      replica.noteEntryBytes(batch.data.length);
      replica.applyEntry(at, batch.data, batch.records);
    }
    this.#settle(batch);
  }

  async #handleFailure(batch: Batch, error: unknown): Promise<void> {
    if (isWaystationError(error, "TRUNCATED", "REWOUND")) {
      // Certainly not written, so it may be sent again.
      if (await this.#recover(error)) this.#putBack(batch);
      else this.#reject(batch, unavailable(error));
    } else if (isWaystationError(error, "UNAVAILABLE", "FULL", "LATE", "CLOSED")) {
      this.#reject(batch, error);
    } else {
      await this.#settleDoubt(batch, asError(error));
    }
  }

  /**
   * Finds out what became of an append: its entry is in the journal, or its deadline has passed on the journal's clock without it.
   * Until then nothing is sent. Whoever waits longer than that is told that it is unknown.
   */
  async #settleDoubt(batch: Batch, reason: Error): Promise<void> {
    this.#inDoubt = true;
    for (let pause = 20; ; pause = Math.min(pause * 2, 1000)) {
      if (await this.#isSettled(batch, reason)) break;
      if (this.#closed && Date.now() > batch.patience) {
        this.#reject(batch, inDoubt(reason));
        this.#refuseQueue(unavailable(reason));
        break;
      }
      await delay(pause);
    }
    this.#inDoubt = false;
  }

  async #isSettled(batch: Batch, reason: Error): Promise<boolean> {
    const replica = this.#replica;
    try {
      const time = await replica.catchUp();
      if (replica.verdicts !== undefined) {
        this.#settle(batch);
      } else if (batch.loads !== replica.loads || batch.heals !== replica.heals) {
        // It may be part of the snapshot, or of a history that was lost; or another replica still holds it and puts it back.
        this.#reject(batch, inDoubt(reason));
      } else if (time > batch.deadline) {
        // What was not there after its deadline is refused from then on, so it will never be there. But where replicas can put back
        // what the journal has lost, one of them may have seen it, and does not know yet that it is gone.
        this.#reject(batch, this.#journal.restore ? inDoubt(reason) : unavailable(reason));
      } else {
        return false;
      }
      return true;
    } catch (error) {
      if (replica.halted !== undefined || isWaystationError(error, "CLOSED")) {
        this.#reject(batch, inDoubt(reason));
        return true;
      }
      if (isWaystationError(error, "TRUNCATED", "REWOUND")) await this.#recover(error);
      return false;
    }
  }

  #settle(batch: Batch): void {
    const verdicts = this.#replica.verdicts;
    if (verdicts === undefined) {
      this.#reject(batch, inDoubt(this.#replica.halted ?? new Error("its entry could not be applied")));
    } else {
      for (const [i, { settle }] of batch.waiting.entries()) settle(verdicts[i]);
    }
  }

  #reject(batch: Batch, error: WaystationError): void {
    this.#options.onFailed(error);
    for (const { settle } of batch.waiting) settle(error);
  }

  #putBack(batch: Batch): void {
    this.#queue = [...batch.waiting, ...this.#queue];
    for (const { record } of batch.waiting) this.#queuedBytes += record.length;
  }

  #refuseQueue(error: WaystationError): void {
    this.#options.onFailed(error);
    const refused = this.#queue;
    this.#queue = [];
    this.#queuedBytes = 0;
    for (const { settle } of refused) settle(error);
  }

  /** Answers whoever has waited too long. An append that is under way goes on, and is applied when its outcome is known. */
  #sweep(): void {
    if (this.#running === undefined) {
      clearInterval(this.#sweeper);
      this.#sweeper = undefined;
    }
    const now = Date.now();
    if (this.#inFlight !== undefined && now > this.#inFlight.patience) {
      this.#reject(this.#inFlight, inDoubt(new Error("the journal has not answered")));
    }
    if (this.#queue.every((waiting) => refusalOf(waiting, now) === undefined)) return;
    const kept: Waiting[] = [];
    for (const waiting of this.#queue) {
      const refusal = refusalOf(waiting, now);
      if (refusal === undefined) {
        kept.push(waiting);
      } else {
        this.#queuedBytes -= waiting.record.length;
        this.#options.onFailed(refusal);
        waiting.settle(refusal);
      }
    }
    this.#queue = kept;
  }

  async #recover(reason: WaystationError): Promise<boolean> {
    try {
      await this.#replica.recover(reason);
      return true;
    } catch (error) {
      this.#publisher.publish("waystation:append-failed", { error: asError(error), records: 0 });
      return false;
    }
  }
}

function isReadable({ record }: Waiting): boolean {
  try {
    decodeRecord(Buffer.from(record.buffer, record.byteOffset, record.length));
    return true;
  } catch {
    return false;
  }
}

/** Why a waiting record is not to be sent any more. */
function refusalOf({ signal, expires }: Waiting, now: number): WaystationError | undefined {
  if (signal?.aborted) return new WaystationError("CLOSED", "the client has gone; nothing was stored");
  return expires < now ? unavailable() : undefined;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error(String(error));
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
