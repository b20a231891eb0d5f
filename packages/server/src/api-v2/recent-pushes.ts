import type { ByteString } from "@waystation/core";

/** How many pushes are remembered per group, and of how many groups. */
export const REMEMBERED_PUSHES = 10;
const MAX_GROUPS = 16_384;
/** Clients that are told apart. */
const MAX_SOURCES = 4_096;
const MAX_MESSAGE = 500;

/** `PUSH` is a PUT or POST of which that is not known. */
export const PUSH_METHODS = ["PUT", "POST", "DELETE", "PUSH"] as const;
export type PushMethod = (typeof PUSH_METHODS)[number];

export const PUSH_OUTCOMES = ["stored", "refused", "not stored"] as const;
export type PushOutcome = (typeof PUSH_OUTCOMES)[number];

export interface PushSource {
  readonly address: string;
  /** `User-Agent`, empty if none was sent. */
  readonly client: string;
}

export interface ObservedPush {
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly method: PushMethod;
  readonly source: PushSource;
  /** Of the body, as sent. */
  readonly bytes: number;
  /** Until it was answered; undefined if another replica did that. */
  readonly milliseconds: number | undefined;
  /** Of HTTP. */
  readonly status: number;
  readonly outcome: PushOutcome;
  /** Why it failed, if it did. */
  readonly message: string | undefined;
}

export interface RememberedPush extends Omit<ObservedPush, "source"> {
  /** Undefined if it was forgotten: too many others came since. */
  readonly source: PushSource | undefined;
}

/**
 * The newest pushes of each group. This is on the path of every push, and lives as long as the process: so what is kept are numbers in
 * flat arrays, in place, about 25 bytes a push, and nothing for the garbage collector to follow.
 *
 * If there are more groups than are remembered, those that were not pushed to for longest are forgotten, more or less (the clock
 * algorithm: the hand passes over each group that was pushed to since it last came by).
 */
export class RecentPushes {
  readonly #slots = new Map<ByteString, number>();
  /** Whose slot it is. */
  readonly #keys: ByteString[] = [];
  readonly #messages = new Map<number, string>();
  readonly #sources = new SourceTable();
  #hand = 0;
  #columns = new Columns(64);

  note(key: ByteString, push: ObservedPush): void {
    const slot = this.#slots.get(key) ?? this.#allocate(key);
    const columns = this.#columns;
    const at = slot * REMEMBERED_PUSHES + (columns.counts[slot]! % REMEMBERED_PUSHES);
    columns.counts[slot]!++;
    columns.fresh[slot] = 1;
    columns.times[at] = push.time;
    columns.durations[at] = push.milliseconds ?? Number.NaN;
    columns.bytes[at] = push.bytes;
    columns.sources[at] = this.#sources.number(push.source);
    columns.statuses[at] = push.status;
    columns.methods[at] = PUSH_METHODS.indexOf(push.method);
    columns.outcomes[at] = PUSH_OUTCOMES.indexOf(push.outcome);
    if (push.message !== undefined) this.#messages.set(slot, push.message.slice(0, MAX_MESSAGE));
  }

  /** Newest first. */
  of(key: ByteString): RememberedPush[] {
    const slot = this.#slots.get(key);
    if (slot === undefined) return [];
    const columns = this.#columns;
    const count = columns.counts[slot]!;
    const pushes: RememberedPush[] = [];
    let message = this.#messages.get(slot);
    for (let nth = count - 1; nth >= Math.max(0, count - REMEMBERED_PUSHES); nth--) {
      const at = slot * REMEMBERED_PUSHES + (nth % REMEMBERED_PUSHES);
      const outcome = PUSH_OUTCOMES[columns.outcomes[at]!]!;
      const milliseconds = columns.durations[at]!;
      pushes.push({
        time: columns.times[at]!,
        method: PUSH_METHODS[columns.methods[at]!]!,
        source: this.#sources.get(columns.sources[at]!),
        bytes: columns.bytes[at]!,
        milliseconds: Number.isNaN(milliseconds) ? undefined : milliseconds,
        status: columns.statuses[at]!,
        outcome,
        message: outcome === "stored" ? undefined : message,
      });
      // It belongs to the newest one that failed.
      if (outcome !== "stored") message = undefined;
    }
    return pushes;
  }

  /** Why the newest of the failed pushes failed. */
  lastFailure(key: ByteString): string | undefined {
    const slot = this.#slots.get(key);
    return slot === undefined ? undefined : this.#messages.get(slot);
  }

  /** Did the newest push fail? */
  newestFailed(key: ByteString): boolean {
    const slot = this.#slots.get(key);
    if (slot === undefined) return false;
    const { counts, outcomes } = this.#columns;
    const newest = slot * REMEMBERED_PUSHES + ((counts[slot]! - 1) % REMEMBERED_PUSHES);
    return PUSH_OUTCOMES[outcomes[newest]!] !== "stored";
  }

  #allocate(key: ByteString): number {
    let slot = this.#keys.length;
    if (slot < MAX_GROUPS) {
      this.#columns = this.#columns.withRoomFor(slot);
    } else {
      slot = this.#evict();
    }
    this.#keys[slot] = key;
    this.#slots.set(key, slot);
    return slot;
  }

  #evict(): number {
    const { fresh, counts } = this.#columns;
    for (; fresh[this.#hand] === 1; this.#hand = (this.#hand + 1) % MAX_GROUPS) fresh[this.#hand] = 0;
    const slot = this.#hand;
    this.#hand = (slot + 1) % MAX_GROUPS;
    this.#slots.delete(this.#keys[slot]!);
    this.#messages.delete(slot);
    counts[slot] = 0;
    return slot;
  }
}

class Columns {
  readonly #groups: number;
  /** Per group: how many pushes there were, and whether one came since the clock's hand passed. */
  readonly counts: Uint32Array;
  readonly fresh: Uint8Array;
  /** Per remembered push. */
  readonly times: Float64Array;
  readonly durations: Float32Array;
  readonly bytes: Uint32Array;
  readonly sources: Uint32Array;
  readonly statuses: Uint16Array;
  readonly methods: Uint8Array;
  readonly outcomes: Uint8Array;

  constructor(groups: number, old?: Columns) {
    const pushes = groups * REMEMBERED_PUSHES;
    this.#groups = groups;
    this.counts = grown(new Uint32Array(groups), old?.counts);
    this.fresh = grown(new Uint8Array(groups), old?.fresh);
    this.times = grown(new Float64Array(pushes), old?.times);
    this.durations = grown(new Float32Array(pushes), old?.durations);
    this.bytes = grown(new Uint32Array(pushes), old?.bytes);
    this.sources = grown(new Uint32Array(pushes), old?.sources);
    this.statuses = grown(new Uint16Array(pushes), old?.statuses);
    this.methods = grown(new Uint8Array(pushes), old?.methods);
    this.outcomes = grown(new Uint8Array(pushes), old?.outcomes);
  }

  withRoomFor(slot: number): Columns {
    return slot < this.#groups ? this : new Columns(Math.min(MAX_GROUPS, this.#groups * 2), this);
  }
}

function grown<Column extends { set(values: Column): void }>(column: Column, old: Column | undefined): Column {
  if (old !== undefined) column.set(old);
  return column;
}

interface NumberedSource {
  readonly number: number;
  readonly key: string;
  readonly source: PushSource;
}

/** Numbers for clients. Only the newest ones are remembered: each number is used once, and its place again. */
class SourceTable {
  readonly #byKey = new Map<string, NumberedSource>();
  readonly #sources: NumberedSource[] = [];
  #last: NumberedSource | undefined;
  #next = 0;

  /** Whoever pushed last is likely to push next. */
  number(source: PushSource): number {
    const last = this.#last;
    if (last !== undefined && last.source.address === source.address && last.source.client === source.client) {
      return last.number;
    }
    const key = `${source.address} ${source.client}`;
    this.#last = this.#byKey.get(key) ?? this.#add(key, source);
    return this.#last.number;
  }

  #add(key: string, source: PushSource): NumberedSource {
    const added = { number: this.#next++, key, source };
    const place = added.number % MAX_SOURCES;
    const evicted = this.#sources[place];
    if (evicted !== undefined) this.#byKey.delete(evicted.key);
    this.#sources[place] = added;
    this.#byKey.set(key, added);
    return added;
  }

  get(number: number): PushSource | undefined {
    const entry = this.#sources[number % MAX_SOURCES];
    return entry?.number === number ? entry.source : undefined;
  }
}
