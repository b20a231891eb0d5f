import { setTimeout as delay } from "node:timers/promises";
import { isWaystationError, WaystationError } from "../errors.ts";
import { type Cursor, type Journal, ORIGIN, type Tail } from "../journal/journal.ts";
import { decodeEntry, type StateHash } from "../record/entry.ts";
import type { GatewayRecord } from "../record/record.ts";
import { State } from "../state/state.ts";
import type { Publisher } from "./channels.ts";
import { heal } from "./healing.ts";
import type { LostEntries } from "./lost-entries.ts";
import { RecentHistory } from "./recent-history.ts";
import { decodeSnapshot, encodeSnapshot } from "./snapshot.ts";

export type Verdict = WaystationError | undefined;

interface Awaited {
  tag: string | undefined;
  verdicts: readonly Verdict[] | undefined;
}

/** How many positions back this replica can be compared with others. */
const REMEMBERED_HASHES = 4096;
/** How often a load or a reading is begun again because the journal's history changed under it. */
const MAX_TRIES = 10;
/**
 * Milliseconds after a journal was put right in which others, who may hold more than this replica did, put that back. Who follows a
 * journal asks it more often than that.
 */
const SETTLE_MS = 1500;
const SETTLE_LOOK_EVERY = 50;
/** Milliseconds between two reloads because another replica has another state: it may be that one which is wrong. */
const DIVERGENCE_RELOAD_EVERY = 60_000;

/**
 * The state as far as this process has followed the journal. Entries are applied here and nowhere else: each once, in order,
 * whichever way they came in.
 */
export class Replica {
  readonly #journal: Journal;
  readonly #publisher: Publisher;
  #state = new State();
  #cursor: Cursor = ORIGIN;
  #halted: WaystationError | undefined;
  #clockOffset = 0;
  #lastContact = 0;
  #bytesSinceSnapshot = 0;
  #snapshotBytes = 0;
  #head = 0;
  #hashes = new Map<number, StateHash>();
  /** Kept only for a journal that can take it back. */
  #history: RecentHistory | undefined;
  /** The entry that this process is appending: somebody waits for the verdicts. */
  readonly #awaited: Awaited;
  #reloading: Promise<void> | undefined;
  #recovering: Promise<void> | undefined;
  /** Is this the beginning of another replica's new state? */
  #isLoading = false;
  #lastDivergence = Number.NEGATIVE_INFINITY;
  #reading: Promise<unknown> | undefined;
  #nextReading: Promise<unknown> | undefined;
  #loads = 0;
  #heals = 0;

  constructor(journal: Journal, publisher: Publisher, awaited: Awaited = { tag: undefined, verdicts: undefined }) {
    this.#journal = journal;
    this.#publisher = publisher;
    this.#awaited = awaited;
  }

  get state(): State {
    return this.#state;
  }

  /** The last entry that is part of the state. */
  get cursor(): Cursor {
    return this.#cursor;
  }

  /** Why this replica cannot go on, if so. */
  get halted(): WaystationError | undefined {
    return this.#halted;
  }

  /** How often a state was loaded: what was read or appended before belongs to an older one. */
  get loads(): number {
    return this.#loads;
  }

  /** How often the journal was put right: what was found missing in it before may have come back. */
  get heals(): number {
    return this.#heals;
  }

  /** The journal's clock, milliseconds since the epoch. */
  get time(): number {
    return Date.now() + this.#clockOffset;
  }

  /** When the journal last answered, on this process' clock: milliseconds since the epoch, 0 for never. */
  get lastContact(): number {
    return this.#lastContact;
  }

  /** How many entries the journal was last seen to hold that are not part of the state yet. */
  get behind(): number {
    return Math.max(0, this.#head - this.#cursor.position);
  }

  get bytesSinceSnapshot(): number {
    return this.#bytesSinceSnapshot;
  }

  get snapshotBytes(): number {
    return this.#snapshotBytes;
  }

  /** Loads the newest snapshot and everything after it. May be called again, to begin anew; until it is done the old state stays. */
  async load(signal?: AbortSignal): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await this.#loadOnce(signal);
        return;
      } catch (error) {
        // Another process has compacted meanwhile, and its snapshot is newer; or the journal was put right from one.
        if (tries === MAX_TRIES || !isWaystationError(error, "TRUNCATED", "REWOUND")) throw error;
      }
    }
  }

  async #loadOnce(signal: AbortSignal | undefined): Promise<void> {
    const snapshot = await this.#journal.open(signal);
    const loading = new Replica(this.#journal, this.#publisher, this.#awaited);
    loading.#isLoading = true;
    loading.#state = new State(false);
    if (this.#journal.shared && this.#journal.restore) loading.#history = new RecentHistory(snapshot?.at ?? ORIGIN);
    if (snapshot !== undefined) {
      const { state, bytes } = await decodeSnapshot(snapshot.chunks, snapshot.at);
      loading.#state = state;
      loading.#cursor = snapshot.at;
      loading.#snapshotBytes = bytes;
    }
    let time: number;
    let cursor: Cursor;
    do {
      // An append that was under way may advance the old state beyond what is read here: the new one must not lag behind it. Where
      // only the old history is longer, nothing is added to that any more.
      cursor = this.#cursor;
      time = await loading.catchUp();
    } while (cursor !== this.#cursor && loading.#cursor.position < this.#cursor.position);
    loading.#state.arrange();
    this.#loads++;
    this.#state = loading.#state;
    this.#cursor = loading.#cursor;
    this.#bytesSinceSnapshot = loading.#bytesSinceSnapshot;
    this.#snapshotBytes = loading.#snapshotBytes;
    this.#hashes = loading.#hashes;
    this.#history = loading.#history;
    this.#head = loading.#head;
    this.#noteContact(time);
  }

  /** Loads anew after the journal's history turned out to be another one, or to have gone on without this replica. */
  reload(reason: Error): Promise<void> {
    if (this.#reloading === undefined) {
      this.#publisher.publish("waystation:reload", { reason });
      this.#reloading = this.load().finally(() => {
        this.#reloading = undefined;
      });
    }
    return this.#reloading;
  }

  /**
   * After `TRUNCATED` or `REWOUND`: puts a journal right that has lost what this replica holds, or else begins anew. Shared by all who
   * ask at once.
   */
  recover(reason: WaystationError): Promise<void> {
    this.#recovering ??= this.#recover(reason).finally(() => {
      this.#recovering = undefined;
    });
    return this.#recovering;
  }

  async #recover(reason: WaystationError): Promise<void> {
    // What it holds may be half of an entry: nothing to put a journal right with.
    if (this.#halted !== undefined) throw this.#halted;
    const end = performance.now() + SETTLE_MS;
    for (;;) {
      // Taken together, and anew each time: a reload that is under way replaces all three.
      const history = this.#history;
      const offered = this.#cursor;
      if (reason.code !== "REWOUND" || history === undefined) return this.reload(reason);
      const snapshot = encodeSnapshot(this.#state, offered);
      const healing = await heal(this.#journal, history, snapshot, this.#publisher);
      if (healing.outcome === "diverged") {
        await this.reload(reason);
        if (healing.lost !== undefined) this.#publishLost(healing.lost);
        return;
      }
      this.#heals++;
      // An append that had been stored before the loss may be answered only now: nobody else has it.
      while (this.#cursor === offered && performance.now() < end) {
        await delay(SETTLE_LOOK_EVERY, undefined, { ref: false });
      }
      if (this.#cursor === offered || performance.now() >= end) return;
    }
  }

  /**
   * Reads and applies until this replica is where the journal's head was when it was called, or later.
   *
   * @returns what the journal's clock said when there was nothing more
   */
  async catchUp(): Promise<number> {
    for (;;) {
      const { position } = this.#cursor;
      const loads = this.#loads;
      const tail = await this.#journal.read(this.#cursor);
      // What was read after the old cursor may be of a history that was left.
      if (loads !== this.#loads) continue;
      this.applyTail(tail);
      if (this.#halted !== undefined) throw this.#halted;
      if (this.#cursor.position >= tail.head) return tail.time;
      if (this.#cursor.position === position) {
        throw new WaystationError("CORRUPT", `the journal ends at ${tail.head}, but gives nothing after ${position}`);
      }
    }
  }

  /** Like {@link catchUp}, and recovers from what can be recovered from. */
  async #catchUpOrRecover(): Promise<void> {
    for (let tries = 1; ; tries++) {
      try {
        await this.catchUp();
        return;
      } catch (error) {
        if (tries === MAX_TRIES || !isWaystationError(error, "TRUNCATED", "REWOUND")) throw error;
        await this.recover(error);
      }
    }
  }

  /** Follows the journal to its end, shared by all who ask at once: but only a read that begins after the call counts. */
  refresh(): Promise<unknown> {
    this.#nextReading ??= (this.#reading ?? Promise.resolve())
      .catch(() => undefined)
      .then(() => {
        this.#reading = this.#nextReading;
        this.#nextReading = undefined;
        return this.#catchUpOrRecover();
      });
    return this.#nextReading;
  }

  /** Applies what is new in a tail. Entries before the cursor came in by another way already; a gap is left for a later read. */
  applyTail(tail: Tail): void {
    this.#noteContact(tail.time);
    this.#head = tail.head;
    for (const entry of tail.entries) {
      if (entry.position > this.#cursor.position + 1) return;
      if (entry.position === this.#cursor.position + 1) this.applyEntry(entry, entry.data);
      if (this.#halted !== undefined) return;
    }
  }

  /**
   * Applies the entry right after the cursor. After an entry that cannot be understood, or an unexpected failure, the replica
   * halts: to go on by guessing would make it differ from the others for good.
   *
   * @param data its bytes, not to be changed any more
   * @param decoded the records in them, if they are at hand
   */
  applyEntry(at: Cursor, data: Uint8Array, decoded?: readonly GatewayRecord[]): void {
    if (this.#halted !== undefined) return;
    let records: readonly GatewayRecord[];
    let verdicts: Verdict[];
    const own = this.#awaited.tag === at.tag;
    try {
      records = decoded ?? this.#decode(data);
      verdicts = records.map((record) => this.#state.apply(record));
      if (own) this.#awaited.verdicts = verdicts;
    } catch (cause) {
      const why = cause instanceof Error ? cause.message : String(cause);
      const code = isWaystationError(cause) ? cause.code : "CORRUPT";
      this.#halted = new WaystationError(code, `entry ${at.position}-${at.tag} cannot be applied: ${why}`, { cause });
      this.#publisher.publish("waystation:halt", { error: this.#halted });
      return;
    }
    this.#cursor = { position: at.position, tag: at.tag };
    this.#history?.add(at, data);
    this.#hashes.set(at.position, this.#state.hash);
    this.#hashes.delete(at.position - REMEMBERED_HASHES);
    // A state that is loaded consists of what was applied before, or will be told about by the reload.
    if (!this.#isLoading)
      this.#publisher.publish("waystation:applied", { position: at.position, own, records, verdicts });
  }

  /** To be told the verdicts of an entry once it is applied, by whatever way it comes in. There is one such entry at a time. */
  expect(tag: string | undefined): void {
    this.#awaited.tag = tag;
    this.#awaited.verdicts = undefined;
  }

  /** The verdicts of the expected entry, if it has been applied. */
  get verdicts(): readonly Verdict[] | undefined {
    return this.#awaited.verdicts;
  }

  noteEntryBytes(bytes: number): void {
    this.#bytesSinceSnapshot += bytes;
  }

  /** Bytes of the entries since the newest snapshot, and of that, as the journal knows them: another replica may have made it. */
  noteSizes(bytesSinceSnapshot: number, snapshotBytes: number): void {
    this.#bytesSinceSnapshot = bytesSinceSnapshot;
    this.#snapshotBytes = snapshotBytes;
  }

  /** @param bytesCovered entries that the snapshot has replaced */
  noteSnapshot(bytesCovered: number, snapshotBytes: number): void {
    this.#bytesSinceSnapshot = Math.max(0, this.#bytesSinceSnapshot - bytesCovered);
    this.#snapshotBytes = snapshotBytes;
  }

  #decode(data: Uint8Array): readonly GatewayRecord[] {
    const { header, records } = decodeEntry(data);
    this.#bytesSinceSnapshot += data.length;
    const mine = this.#hashes.get(header.base.position);
    if (mine !== undefined && (mine[0] !== header.base.hash[0] || mine[1] !== header.base.hash[1])) {
      this.#noteDivergence(header.base.position);
    }
    return records;
  }

  /** The writer of an entry had another state than this replica at the same position: one of the two is wrong, or both. */
  #noteDivergence(position: number): void {
    if (this.#isLoading) return;
    this.#publisher.publish("waystation:divergence", { position });
    const now = performance.now();
    if (now - this.#lastDivergence < DIVERGENCE_RELOAD_EVERY) return;
    this.#lastDivergence = now;
    this.reload(new Error(`the state at position ${position} is not that of another replica`)).catch(() => {
      this.#lastDivergence = Number.NEGATIVE_INFINITY;
    });
  }

  #publishLost({ from, to, entries }: LostEntries): void {
    const readable = entries.map((entry) => ({ ...entry, records: decodeEntry(entry.data).records }));
    const bytes = entries.reduce((sum, { data }) => sum + data.length, 0);
    this.#publisher.publish("waystation:lost", { from, to, bytes, entries: readable });
  }

  #noteContact(time: number): void {
    this.#lastContact = Date.now();
    this.#clockOffset = time - this.#lastContact;
  }
}
