import { setTimeout as sleep } from "node:timers/promises";
import {
  type AppendOwn,
  type AppliedHistory,
  type Cursor,
  type Durability,
  isWaystationError,
  type Journal,
  type JournalHealth,
  JournalLifecycle,
  type Snapshot,
  type Tail,
  WaystationError,
} from "@waystation/core";
import { Copies } from "./copies.ts";
import { readFacts, requireReadable } from "./facts.ts";
import { commandFailure, Unsettled } from "./failures.ts";
import { inspectServer, type ServerFacts } from "./inspect.ts";
import { Link, type Manner } from "./link.ts";
import { type RedisJournalOptions, resolveSettings, type Settings } from "./options.ts";
import { describeTarget, parseRedisUrl } from "./redis-url.ts";
import { Restorer } from "./restore.ts";
import { APPEND, type JournalKeys, journalKeys, LEASE } from "./scripts.ts";
import type { Session } from "./session.ts";
import { Snapshots } from "./snapshots.ts";
import { parseTailReply, readTail, refusal, SCRIPT_TAIL_BYTES } from "./tail.ts";
import { Watch } from "./watch.ts";

/** What an append is given at least, in milliseconds, so that one whose deadline has passed is told so by Redis. */
const LEAST_APPEND_TIME = 500;
/** How long `health` may take, in milliseconds. */
const HEALTH_TIME = 800;

/**
 * A journal in Redis or Valkey, shared by any number of processes.
 *
 * An append is one EVAL, atomic, which also brings what others appended. Every call settles within `timeout`; one whose reply is lost
 * ends the connection, so that nothing is sent late or twice. Connections are made anew with growing pauses for as long as the journal
 * is open.
 */
export class RedisJournal implements Journal {
  readonly name = "redis";
  readonly shared = true;
  readonly #settings: Settings;
  readonly #keys: JournalKeys;
  readonly #link: Link;
  readonly #copies: Copies;
  readonly #snapshots: Snapshots;
  readonly #restorer: Restorer;
  readonly #watch: Watch;
  readonly #lifecycle: JournalLifecycle;
  readonly #onWarning: ((message: string) => void) | undefined;
  readonly #warned = new Set<string>();
  #survives: Durability = "nothing";
  #warnings: readonly string[] = [];
  /** The server's clock minus `Date.now()`, as of the last reply. */
  #clockOffset = 0;

  /** Throws `CONFIG`; messages hold no credentials. Nothing is connected to before `open`. */
  constructor(options: RedisJournalOptions) {
    const { target, settings } = parseRedisUrl(options.url);
    const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
    this.#settings = resolveSettings({ ...settings, ...given });
    this.#keys = journalKeys(this.#settings.prefix);
    this.#onWarning = options.onWarning;
    const onOutage = (problem: string) => options.onOutage?.(`${describeTarget(target)} cannot be reached: ${problem}`);
    this.#link = new Link(target, this.#settings, ({ facts }) => this.#note(facts), onOutage);
    this.#copies = new Copies(this.#settings);
    this.#snapshots = new Snapshots(this.#link, this.#keys, this.#settings);
    this.#restorer = new Restorer(this.#link, this.#keys, this.#settings, this.#snapshots);
    this.#watch = new Watch(() => this.#head());
    this.#lifecycle = new JournalLifecycle(`the journal ${this.#settings.prefix} in ${describeTarget(target)}`);
  }

  get survives(): Durability {
    return this.#survives;
  }

  open(signal?: AbortSignal): Promise<Snapshot | undefined> {
    const findSnapshot = async (): Promise<Snapshot | undefined> => {
      const facts = await this.#call("repeatable", (session) => readFacts(session, this.#keys));
      requireReadable(facts);
      const { snapshot } = facts;
      return snapshot && { at: snapshot.at, chunks: this.#snapshots.chunks(snapshot) };
    };
    return this.#lifecycle.open(async () => {
      try {
        await this.#link.open(signal);
        return await findSnapshot();
      } catch (error) {
        await this.#link.close();
        throw error;
      }
    }, findSnapshot);
  }

  append(data: Uint8Array, since: Cursor, own: AppendOwn): Promise<{ at: Cursor; tail: Tail }> {
    return this.#lifecycle.use(async () => {
      const left = own.deadline - (Date.now() + this.#clockOffset);
      const time = Math.min(this.#settings.timeout, Math.max(LEAST_APPEND_TIME, left));
      const until = performance.now() + time;
      try {
        return await this.#link.call(
          until,
          "once",
          (session) => this.#append(session, data, since, own, until),
          () => this.#read(since, until),
        );
      } catch (error) {
        if (isWaystationError(error, "IN_DOUBT")) this.#copies.doubt(own);
        throw error;
      }
    });
  }

  read(since: Cursor): Promise<Tail> {
    return this.#lifecycle.use(() => {
      const until = performance.now() + this.#settings.timeout;
      return this.#read(since, until, () => this.#read(since, until));
    });
  }

  compact(at: Cursor, snapshot: AsyncIterable<Uint8Array>): Promise<"published" | "older"> {
    return this.#lifecycle.use(async () => {
      const facts = await this.#call("repeatable", (session) => readFacts(session, this.#keys));
      if (at.position <= (facts.snapshot?.at.position ?? 0) || at.position > facts.head.position) return "older";
      const upload = await this.#snapshots.upload(snapshot);
      const outcome = await this.#snapshots.publish(at, upload);
      // It is published: that trimming failed only means that the next compaction has more to trim.
      if (outcome === "published") await this.#snapshots.trim().catch(() => {});
      return outcome;
    });
  }

  restore(history: AppliedHistory): Promise<"restored" | "diverged"> {
    return this.#lifecycle.use(() => this.#restorer.restore(history));
  }

  lease(name: string, holder: string, ms: number): Promise<boolean> {
    return this.#lifecycle.use(async () => {
      const key = this.#keys.lease(name);
      return (await this.#call("repeatable", ({ reads }) => reads.eval(LEASE, 1, key, holder, ms))) === 1;
    });
  }

  watch(onGrowth: () => void): () => void {
    return this.#watch.add(onGrowth);
  }

  async health(): Promise<JournalHealth> {
    if (!this.#lifecycle.isOpen) return { ok: false, detail: `the journal is ${this.#lifecycle.state}` };
    const { session, problem } = this.#link;
    if (!session) return { ok: false, detail: `Redis cannot be reached: ${problem}` };
    // Without ending the session when it is slow: an append may be under way, with more time than this.
    const late = sleep(HEALTH_TIME, undefined, { ref: false }).then(() => undefined);
    try {
      const answers = Promise.all([readFacts(session, this.#keys), inspectServer(session.reads, this.#settings)]);
      const found = await Promise.race([answers, late]);
      if (!found) return { ok: false, detail: `Redis did not answer within ${HEALTH_TIME} ms` };
      const [facts, server] = found;
      this.#note(server);
      requireReadable(facts);
      const { journalBytes, snapshotBytes } = facts;
      const detail = this.#warnings.join("; ");
      return { ok: true, journalBytes, snapshotBytes, ...(detail !== "" && { detail }) };
    } catch (error) {
      return { ok: false, detail: commandFailure(error).message };
    }
  }

  close(): Promise<void> {
    return this.#lifecycle.close(async () => {
      this.#watch.close();
      await this.#link.close();
    });
  }

  async #read(since: Cursor, until: number, whileUnsettled?: () => Promise<unknown>): Promise<Tail> {
    const commands = async (session: Session): Promise<Tail> => {
      const sent = performance.now();
      const found = await readTail(session, this.#keys, since, this.#settings.restartGrace);
      await this.#confirmLate(session, found.entries.at(-1) ?? since, sent);
      await this.#copies.confirmRead(session, this.#keys, found, until);
      return found;
    };
    const tail = await this.#link.call(until, "repeatable", commands, whileUnsettled);
    this.#saw(tail);
    return tail;
  }

  async #append(
    session: Session,
    data: Uint8Array,
    since: Cursor,
    own: AppendOwn,
    until: number,
  ): Promise<{ at: Cursor; tail: Tail }> {
    const { stream, facts } = this.#keys;
    const args = [
      since.position,
      since.tag,
      own.tag,
      own.deadline,
      Buffer.from(data.buffer, data.byteOffset, data.byteLength),
    ];
    const { maxJournalBytes, restartGrace } = this.#settings;
    const limits = [SCRIPT_TAIL_BYTES, maxJournalBytes, restartGrace];
    const sent = performance.now();
    const evaluated = session.appends.callBuffer("EVAL", APPEND, 2, stream, facts, ...args, ...limits);
    // Sent right behind, in the same tick and on the same connection, whose last write WAIT is about.
    const [reply, confirmation] = await Promise.allSettled([evaluated, this.#copies.confirm(session.appends, until)]);
    if (reply.status === "rejected") throw reply.reason;
    const { status, position, time, entries, unsettled } = parseTailReply(reply.value);
    if (status === "unsettled") {
      session.unsettle(unsettled);
      throw new Unsettled("gateways are putting back what Redis had lost");
    }
    if (status !== "ok") throw refusal(status, since, position);
    if (confirmation.status === "rejected") throw confirmation.reason;
    const at: Cursor = { position, tag: own.tag };
    await this.#confirmLate(session, at, sent).catch((error: Error) => {
      throw new WaystationError("IN_DOUBT", `Redis answered so late that it may have lost it since: ${error.message}`);
    });
    const tail: Tail = { entries, head: position - 1, time };
    this.#copies.settle(tail);
    this.#saw(tail, position);
    return { at, tail };
  }

  /**
   * Redis may have lost what it answered, and others may have appended in its place after their grace: so an answer that was long under
   * way, or came while this process was held up, is believed only if Redis still has the place that it leads to.
   *
   * @param sent when it was asked, by `performance.now()`
   */
  async #confirmLate(session: Session, at: Cursor, sent: number): Promise<void> {
    // The other half of the grace is for putting it back, if it is lost from here on.
    const believable = this.#settings.restartGrace / 2;
    if (believable === 0) return;
    for (let asked = sent; performance.now() - asked > believable; ) {
      asked = performance.now();
      await readTail(session, this.#keys, at);
    }
  }

  #saw({ head, time }: Tail, position = head): void {
    this.#clockOffset = time - Date.now();
    this.#watch.saw(position);
  }

  #head(): Promise<number> {
    return this.#call("repeatable", async ({ reads }) => Number((await reads.hget(this.#keys.facts, "head")) ?? 0));
  }

  #call<T>(manner: Manner, commands: (session: Session) => Promise<T>): Promise<T> {
    return this.#link.call(performance.now() + this.#settings.timeout, manner, commands);
  }

  /** Takes over what was found out about the server; a warning is given once. */
  #note({ survives, warnings }: ServerFacts): void {
    this.#survives = survives;
    this.#warnings = warnings;
    for (const warning of warnings) {
      if (this.#warned.has(warning)) continue;
      this.#warned.add(warning);
      this.#onWarning?.(warning);
    }
  }
}
