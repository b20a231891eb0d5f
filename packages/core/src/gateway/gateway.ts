import { setTimeout as delay } from "node:timers/promises";
import { BoundedCache } from "../bounded-cache.ts";
import { WaystationError } from "../errors.ts";
import { repairText } from "../exposition/lenient-text.ts";
import { type ContentEncoding, type ExpositionFormat, negotiateFormat } from "../exposition/negotiation.ts";
import { endsWithEof, parseOpenMetrics } from "../exposition/openmetrics-parser.ts";
import { decodeDelimited } from "../exposition/protobuf-decoder.ts";
import { parseText } from "../exposition/text-parser.ts";
import type { Durability, Journal } from "../journal/journal.ts";
import { type ByteString, fromByteString } from "../model/byte-string.ts";
import { describeGroupingKey, type GroupingKey, parseGroupingKey } from "../model/grouping-key.ts";
import type { MetricFamily } from "../model/metric-family.ts";
import { isDelimitedProtobuf, isOpenMetrics } from "../push/content-type.ts";
import { DirectEncoder } from "../push/direct/direct-encoder.ts";
import { encodePush, type PushMode, type PushToEncode } from "../push/encode-push.ts";
import { encodeRestore, type RestoreOutcome, type StandingGroup } from "../push/encode-restore.ts";
import { checkStored, type Limits, NO_LIMITS, PushLimits } from "../push/limits.ts";
import type { StateHash } from "../record/entry.ts";
import { decodeRecord, encodeRecord, type FailedRecord, type PushRecord } from "../record/record.ts";
import { Scraper } from "../scrape/scraper.ts";
import { settleConflicts } from "../state/conflicts.ts";
import type { State } from "../state/state.ts";
import { Publisher } from "./channels.ts";
import { Committer } from "./committer.ts";
import { Compactor } from "./compactor.ts";
import { type GroupView, viewGroup } from "./group-view.ts";
import { RecordClock } from "./record-clock.ts";
import { Replica, type Verdict } from "./replica.ts";
import { WriteWatch } from "./write-watch.ts";

export interface GatewayOptions {
  /** Where pushes are kept. The gateway opens it, and closes it in the end. */
  readonly journal: Journal;
  /** Accept names outside the legacy character set in text. Default: false. */
  readonly utf8Names?: boolean;
  /**
   * Mend text bodies before they are read: byte order marks, line ends of CR and LF, a missing last line feed. Default: false.
   */
  readonly lenientText?: boolean;
  /**
   * Refuse pushes that contradict what is stored. Default: true. Without it, what contradicts something else is stored, but left
   * out of expositions.
   */
  readonly checkConsistency?: boolean;
  /** Milliseconds that a push may wait for the journal. Default: 5,000. */
  readonly timeout?: number;
  /** Pushes that may wait for the journal: their bytes (default: 64 MiB) and their number (default: 100,000). */
  readonly maxWaitingBytes?: number;
  readonly maxWaiting?: number;
  /** Bytes of entries that may pile up in the journal before a snapshot replaces them. Default: 64 MiB. */
  readonly compactAfterBytes?: number;
  /** What is taken and kept at most. Default: {@link NO_LIMITS}. What a push takes when stored is always limited by `maxWaitingBytes`. */
  readonly limits?: Partial<Limits>;
}

export interface PushRequest {
  readonly key: GroupingKey;
  /** `replace` (PUT) drops the group's other families, `merge` (POST) keeps them. Default: `replace`. */
  readonly mode?: PushMode;
  /** An exposition; a string is encoded as UTF-8. */
  readonly body: Uint8Array | string;
  /**
   * As in HTTP: `application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited` is delimited
   * protobuf; `application/openmetrics-text` is OpenMetrics, if the body ends with `# EOF`; everything else, also nothing, is the
   * text format 0.0.4.
   */
  readonly contentType?: string | undefined;
  /** When aborted before the push is sent to the journal, it is dropped. */
  readonly signal?: AbortSignal | undefined;
}

export interface ExposeOptions {
  /** Default: the text format 0.0.4 with names escaped by underscores, as for a client that asks for nothing. */
  readonly format?: ExpositionFormat;
  /** Default: `identity`. */
  readonly encoding?: ContentEncoding;
  /** Families of the program itself, to be exposed after the pushed ones, or together with those of the same name. */
  readonly self?: readonly MetricFamily[];
  /** Which of the two to expose. Default: both. */
  readonly collect?: "all" | "pushed" | "self";
  /**
   * Expose only what groups hold of which this is true, and nothing of the program itself. Takes time in proportion to all that is
   * stored, as nothing of it is kept for the next time. Default: all groups.
   */
  readonly groups?: ((key: GroupingKey) => boolean) | undefined;
  /** Milliseconds to wait for a shared journal's newest entries; then the last known state is exposed. Default: 1,000. */
  readonly freshnessTimeout?: number;
}

export interface Exposition {
  readonly contentType: string;
  readonly contentEncoding: ContentEncoding;
  /** The body in pieces, not to be changed. Of length 0 once it was released. */
  readonly chunks: readonly Uint8Array[];
  /** Of the body, in bytes. */
  readonly length: number;
  /**
   * Milliseconds since the state that is exposed was known to be the newest one. 0: it holds everything that was acknowledged before
   * the call, by any gateway; otherwise a shared journal did not answer in time.
   */
  readonly age: number;
  /** The body as text; only for expositions that are text and not compressed, and before they are released. */
  text(): string;
  /**
   * Gives back the memory of a large body now, and not when it is collected. To be called once nothing reads from it any more: for what
   * was written to a socket, when that has written all of it or is closed. Need not be called, nor is it an error to call it again.
   */
  release(): void;
}

export interface GatewayHealth {
  /** Is the state loaded and the journal usable, so that pushes can be taken? */
  readonly ready: boolean;
  /** Why not. */
  readonly reason?: string;
  readonly journal: string;
  /** May other gateways append to the same journal? */
  readonly shared: boolean;
  readonly survives: Durability;
  /** Milliseconds since the epoch at which a shared journal last answered; 0 for never. */
  readonly lastContact: number;
  readonly position: number;
  /** Entries that the journal was last seen to hold after `position`. */
  readonly behind: number;
  readonly groups: number;
  readonly waiting: number;
  readonly waitingBytes: number;
  readonly journalBytes: number;
  readonly snapshotBytes: number;
  /** What bounds `waiting`, `waitingBytes` and, before a snapshot is due, `journalBytes`. */
  readonly limits: { readonly waiting: number; readonly waitingBytes: number; readonly journalBytes: number };
}

/** Paths of which the grouping key is remembered: most groups are pushed to again and again. Long ones are not worth the memory. */
const CACHED_KEYS = 8192;
const MAX_CACHED_PATH = 2048;
/** A shared journal that has answered within so many milliseconds is in reach: it is asked each second. */
const IN_REACH = 2000;
/** How long a shared journal may be out of reach before this replica should get no more pushes, in milliseconds. */
const UNREADY_AFTER = 10_000;
/** A wait that takes so many milliseconds longer than it may was interrupted, and is begun again, a few times. */
const HELD_UP_MS = 500;
const MAX_HELD_UP = 3;
/** How often to follow a shared journal without being asked, in milliseconds. */
const FOLLOW_EVERY = 1000;

/**
 * Takes pushes, keeps the last value of each metric, in groups, and exposes them to Prometheus.
 *
 * A push is acknowledged (its promise resolves) once it is as durable as the journal says; it is then in the next exposition of
 * every gateway on that journal.
 *
 * @example
 * const gateway = await Gateway.open({ journal: new MemoryJournal() });
 * await gateway.push({ key: groupingKey({ job: "backup" }), body: "backup_size_bytes 1024\n" });
 * console.log((await gateway.expose()).text());
 * await gateway.close();
 */
export class Gateway {
  readonly #journal: Journal;
  readonly #options: GatewayOptions;
  readonly #limits: GatewayHealth["limits"];
  readonly #publisher: Publisher;
  readonly #replica: Replica;
  readonly #committer: Committer;
  readonly #compactor: Compactor;
  readonly #writes: WriteWatch;
  readonly #recordClock = new RecordClock();
  readonly #scraper = new Scraper();
  readonly #keys = new BoundedCache<ByteString, GroupingKey>(CACHED_KEYS);
  readonly #storeLimits: Limits;
  readonly #pushLimits: PushLimits;
  readonly #directEncoder: DirectEncoder;
  #follower: NodeJS.Timeout | undefined;
  #unwatch: (() => void) | undefined;
  /** The state in which contradictions were last settled. */
  #settled: { readonly state: State; readonly hash: StateHash } | undefined;
  #closing: Promise<void> | undefined;

  /**
   * Opens the journal and loads what is in it.
   *
   * @throws what {@link Journal.open} throws; `CORRUPT` or `UNSUPPORTED` if what is stored cannot be understood
   */
  static async open(options: GatewayOptions): Promise<Gateway> {
    const gateway = new Gateway(options);
    try {
      await gateway.#replica.load();
    } catch (error) {
      // Why it cannot be opened is to be told, whatever closing says.
      await options.journal.close().catch(() => undefined);
      throw error;
    }
    gateway.#follow();
    return gateway;
  }

  private constructor(options: GatewayOptions) {
    this.#journal = options.journal;
    this.#options = options;
    this.#publisher = new Publisher(this);
    this.#replica = new Replica(this.#journal, this.#publisher);
    this.#limits = {
      waiting: options.maxWaiting ?? 100_000,
      waitingBytes: options.maxWaitingBytes ?? 64 * 1024 * 1024,
      journalBytes: options.compactAfterBytes ?? 64 * 1024 * 1024,
    };
    this.#storeLimits = { ...NO_LIMITS, ...options.limits };
    this.#pushLimits = new PushLimits(this.#storeLimits);
    this.#directEncoder = new DirectEncoder(this.#storeLimits, this.#limits.waitingBytes);
    this.#committer = new Committer(this.#journal, this.#replica, this.#publisher, {
      timeout: options.timeout ?? 5000,
      maxWaiting: this.#limits.waiting,
      maxWaitingBytes: this.#limits.waitingBytes,
      onStored: () => {
        this.#writes.succeeded();
        this.#compactor.check();
      },
      onFailed: (error) => this.#writes.failed(error),
    });
    this.#compactor = new Compactor(this.#journal, this.#replica, this.#publisher, this.#limits.journalBytes);
    const isInReach = () => !this.#journal.shared || Date.now() - this.#replica.lastContact < IN_REACH;
    this.#writes = new WriteWatch(this.#journal, isInReach);
  }

  /**
   * The grouping key that a push or delete addresses: {@link parseGroupingKey} with this gateway's rules for names.
   *
   * @throws `GROUPING_KEY`
   */
  parseKey(tail: ByteString): GroupingKey {
    const parse = () => parseGroupingKey(tail, { utf8Names: this.#options.utf8Names ?? false });
    return tail.length > MAX_CACHED_PATH ? parse() : this.#keys.get(tail, parse);
  }

  /**
   * Stores what was pushed.
   *
   * @throws `PARSE` if the body is not an exposition, and nothing changes; `INCONSISTENT` if it is one that must not be stored,
   *   which the group's `push_failure_time_seconds` then shows; `LIMIT` and `TOO_LARGE`, and nothing changes; `OVERLOADED`,
   *   `UNAVAILABLE`, `FULL`, `LATE`, `CLOSED` if it was certainly not stored, `IN_DOUBT` if it may have been
   */
  async push({ key, mode = "replace", body, contentType, signal }: PushRequest): Promise<void> {
    const bytes = typeof body === "string" ? Buffer.from(body, "utf8") : body;
    const unchecked = this.#options.checkConsistency === false;
    const record = this.#encode(bytes, contentType, { key, mode, time: this.#now(), unchecked });
    checkStored(this.#replica.state, this.#storeLimits, key, record);
    const refused = await this.#submit(record, signal);
    if (refused === undefined) return;
    this.#publisher.publish("waystation:rejected", { error: refused, group: describeGroupingKey(key) });
    throw refused;
  }

  /**
   * Says why a push would be refused, by what it holds and what is stored now; undefined if it would be taken. Nothing changes.
   *
   * @throws `PARSE` if the body is not an exposition; `LIMIT` and `TOO_LARGE` as for a push
   */
  check({ key, mode = "replace", body, contentType }: PushRequest): WaystationError | undefined {
    const bytes = typeof body === "string" ? Buffer.from(body, "utf8") : body;
    const encoded = this.#encode(bytes, contentType, { key, mode, time: this.#now(), unchecked: false });
    checkStored(this.#replica.state, this.#storeLimits, key, encoded);
    const record = decodeRecord(Buffer.from(encoded));
    return this.#replica.state.judge(record as PushRecord | FailedRecord);
  }

  #encode(body: Uint8Array, contentType: string | undefined, asked: PushToEncode): Uint8Array {
    const limits = this.#pushLimits;
    limits.checkKey(asked.key);
    const push = { ...asked, limits, maxBytes: this.#limits.waitingBytes };
    if (isDelimitedProtobuf(contentType)) return encodePush(decodeDelimited(body, limits.messagesIn(body)), push);
    limits.checkText(body);
    return this.#encodeText(this.#options.lenientText ? this.#repair(body, push.key) : body, contentType, push);
  }

  #repair(body: Uint8Array, key: GroupingKey): Uint8Array {
    const repaired = repairText(body);
    if (repaired !== body) this.#publisher.publish("waystation:repaired", { group: describeGroupingKey(key) });
    return repaired;
  }

  #encodeText(body: Uint8Array, contentType: string | undefined, push: PushToEncode): Uint8Array {
    const record = isOpenMetrics(contentType) ? undefined : this.#directEncoder.encode(body, push);
    if (record !== undefined) return record;
    const options = { utf8Names: this.#options.utf8Names ?? false };
    // Other gateways read OpenMetrics as text, so clients may say so and send text: its end mark tells.
    const parse = isOpenMetrics(contentType) && endsWithEof(body) ? parseOpenMetrics : parseText;
    return encodePush(parse(body, options), push);
  }

  /**
   * Takes over a group as it stood in another gateway, with the times at which it was pushed there. A group of the same key is
   * replaced, unless it was pushed to later than that: so a group may be restored any number of times, while pushes go on.
   * Contradictions with other groups are settled as if it had been pushed without consistency check.
   *
   * @throws like {@link push}, but never `PARSE` or `INCONSISTENT`
   */
  async restore(group: StandingGroup): Promise<RestoreOutcome> {
    const { record, ...taken } = encodeRestore(group);
    return { restored: (await this.#submit(record)) === undefined, ...taken };
  }

  /** Deletes a group. It need not exist. Throws like {@link push}. */
  async delete(key: GroupingKey): Promise<void> {
    await this.#commit(encodeRecord({ kind: "delete", key: key.id, time: this.#now() }));
  }

  /**
   * Deletes a group as it was seen: not if something was pushed to it since, on whatever replica. Resolves with whether it is gone.
   * Throws like {@link push}.
   */
  async deleteSeen({ key, lastTouched }: Pick<GroupView, "key" | "lastTouched">): Promise<boolean> {
    const time = this.#now();
    return (
      (await this.#submit(encodeRecord({ kind: "delete", key: key.id, time, unlessLater: lastTouched }))) === undefined
    );
  }

  /** Takes one family out of a group. Neither need exist. When the group was pushed stays as it is. Throws like {@link push}. */
  async deleteFamily(key: GroupingKey, name: ByteString): Promise<void> {
    await this.#commit(encodeRecord({ kind: "delete-family", key: key.id, time: this.#now(), name }));
  }

  /** Deletes all groups. Throws like {@link push}. */
  async wipe(): Promise<void> {
    await this.#commit(encodeRecord({ kind: "wipe", time: this.#now() }));
  }

  /** What a scrape is answered with. Does not fail because of anything that was pushed. */
  async expose(options: ExposeOptions = {}): Promise<Exposition> {
    const { format = negotiateFormat(undefined), encoding = "identity", groups } = options;
    const collect = groups === undefined ? (options.collect ?? "all") : "pushed";
    const fresh = collect === "self" || (await this.#isFresh(options.freshnessTimeout ?? 1000));
    const age = fresh ? 0 : Math.max(1, Date.now() - this.#replica.lastContact);
    const own = collect === "pushed" ? [] : (options.self ?? []);
    const pushed = collect === "self" ? undefined : () => this.#settledState();
    const { chunks, release } =
      groups === undefined
        ? await this.#scraper.scrape(pushed, format, encoding, own)
        : await this.#scraper.scrapeSome(
            () => this.#settledState(),
            format,
            encoding,
            ({ key }) => groups(key),
          );
    return {
      contentType: format.contentType,
      contentEncoding: encoding,
      chunks,
      length: chunks.reduce((sum, chunk) => sum + chunk.length, 0),
      age,
      text: () => Buffer.concat(chunks).toString("utf8"),
      release,
    };
  }

  /** To be asked for at the moment that is to be exposed: what is pushed later may bring new contradictions. */
  #settledState(): State {
    const { state } = this.#replica;
    const { hash } = state;
    // What contradicts what is found by looking at everything, which need not be done again while nothing has changed.
    const isSettled = this.#settled?.state === state && this.#settled.hash === hash;
    if (!state.suspect || isSettled) return state;
    this.#settled = { state, hash };
    const hidden = settleConflicts(state).map(({ family, group }) => ({
      family: fromByteString(family.name),
      group: describeGroupingKey(group.key),
    }));
    this.#publisher.publish("waystation:conflicts", { hidden });
    return state;
  }

  /** All groups as they are now, in no particular order, without waiting for a shared journal. */
  *groups(): IterableIterator<GroupView> {
    for (const group of [...this.#replica.state.groups()]) yield viewGroup(group);
  }

  /** One group as it is now. */
  group(key: GroupingKey): GroupView | undefined {
    const group = this.#replica.state.group(key.id);
    return group && viewGroup(group);
  }

  /** Follows a shared journal to its present end, so that what is read next is not older than this call. */
  async refresh(): Promise<void> {
    if (this.#journal.shared) await this.#replica.refresh();
  }

  health(): GatewayHealth {
    const { behind, cursor, halted, lastContact, state, bytesSinceSnapshot, snapshotBytes } = this.#replica;
    const silent = this.#journal.shared && Date.now() - lastContact > UNREADY_AFTER;
    const reason =
      halted?.message ??
      (this.#closing && "shutting down") ??
      (this.#committer.inDoubt ? "the outcome of an append is not known yet" : undefined) ??
      (silent ? `the journal has not answered for ${Math.round((Date.now() - lastContact) / 1000)} s` : undefined) ??
      this.#writes.reason;
    return {
      ready: reason === undefined,
      ...(reason !== undefined && { reason }),
      journal: this.#journal.name,
      shared: this.#journal.shared,
      survives: this.#journal.survives,
      lastContact,
      position: cursor.position,
      behind,
      groups: state.groupCount,
      waiting: this.#committer.waiting,
      waitingBytes: this.#committer.waitingBytes,
      journalBytes: bytesSinceSnapshot,
      snapshotBytes,
      limits: this.#limits,
    };
  }

  /** Replaces the journal's entries by a snapshot now, instead of when they have become many. */
  async compact(): Promise<void> {
    await this.#compactor.compact();
  }

  /** Stores what is waiting, refuses what comes later (`CLOSED`), and closes the journal. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    clearInterval(this.#follower);
    this.#unwatch?.();
    this.#writes.close();
    await this.#committer.close();
    await this.#compactor.settled();
    await this.#journal.close();
  }

  async #commit(record: Uint8Array): Promise<void> {
    const refused = await this.#submit(record);
    if (refused !== undefined) throw refused;
  }

  /** Resolves with the state's verdict. */
  #submit(record: Uint8Array, signal?: AbortSignal): Promise<Verdict> {
    if (!this.#compactor.overdue) return this.#committer.commit(record, signal);
    this.#compactor.check();
    return Promise.reject(
      new WaystationError("FULL", "the journal cannot be compacted and must not grow further; nothing was stored"),
    );
  }

  /** On the journal's clock, so that the replicas on it share one. */
  #now(): bigint {
    return this.#recordClock.next(this.#replica.time);
  }

  /** Follows the journal for at most so many milliseconds. Out of reach: what is known is exposed, and how old it is. */
  async #isFresh(timeout: number): Promise<boolean> {
    if (!this.#journal.shared) return true;
    for (let tries = 0; tries < MAX_HELD_UP; tries++) {
      const started = performance.now();
      const timer = new AbortController();
      const fresh = await Promise.race([
        this.#replica.refresh().then(
          () => true,
          () => false,
        ),
        delay(timeout, false, { signal: timer.signal }).catch(() => false),
      ]);
      timer.abort();
      // A process that was stopped for a while learns first that the time is over: that says nothing about the journal.
      if (fresh || performance.now() - started < timeout + HELD_UP_MS) return fresh;
    }
    return false;
  }

  #follow(): void {
    if (!this.#journal.shared) return;
    const follow = () => {
      this.#replica.refresh().then(
        () => this.#compactor.check(),
        () => undefined,
      );
    };
    this.#follower = setInterval(follow, FOLLOW_EVERY);
    this.#follower.unref();
    this.#unwatch = this.#journal.watch?.(follow);
  }
}
