import { setTimeout as sleep } from "node:timers/promises";
import { type AppliedHistory, type Cursor, type Entry, MAX_TAIL_BYTES, WaystationError } from "@waystation/core";
import { type Facts, readFacts } from "./facts.ts";
import type { Link } from "./link.ts";
import type { Settings } from "./options.ts";
import { type JournalKeys, RESTORE_ENTRIES, RESTORE_SNAPSHOT } from "./scripts.ts";
import type { Session } from "./session.ts";
import { REPLACED_TTL, type Snapshots, type Upload } from "./snapshots.ts";
import { BROKEN, readTail } from "./tail.ts";

/** Most entries that one script writes. */
const BATCH_ENTRIES = 1000;
/** How often it is looked again when the head moves meanwhile, since other gateways restore it at the same time. */
const TRIES = 100;
/** Longest pause before that, in milliseconds: they are not to be in each other's way all the time. */
const PAUSE = 50;

/** Puts a history back into a journal that lost the end of it; see `Journal.restore`. */
export class Restorer {
  readonly #link: Link;
  readonly #keys: JournalKeys;
  readonly #settings: Settings;
  readonly #snapshots: Snapshots;

  constructor(link: Link, keys: JournalKeys, settings: Settings, snapshots: Snapshots) {
    this.#link = link;
    this.#keys = keys;
    this.#settings = settings;
    this.#snapshots = snapshots;
  }

  async restore(history: AppliedHistory): Promise<"restored" | "diverged"> {
    let upload: Upload | undefined;
    const at = history.entries.at(-1) ?? history.before;
    for (let tries = 0; tries < TRIES; tries++) {
      if (tries > 0) await sleep(Math.random() * PAUSE);
      const facts = await this.#call((session) => readFacts(session, this.#keys));
      if (!facts.whole) throw new WaystationError("UNAVAILABLE", `the journal in Redis is damaged: ${BROKEN}`);
      if (facts.head.position >= at.position) return this.#holds(at);
      const missing = entriesAfter(history, facts.head);
      if (missing) {
        if (await this.#append(facts.head, missing)) return "restored";
      } else if (facts.head.position === 0 || history.knows(facts.head)) {
        upload ??= await this.#snapshots.upload(history.snapshot());
        if (await this.#replace(facts, history, upload)) return "restored";
      } else {
        return "diverged";
      }
    }
    throw new WaystationError(
      "UNAVAILABLE",
      "the journal in Redis was not restored: it changes all the time, try again",
    );
  }

  /** Is this place in the journal, which ends there or later? */
  async #holds(at: Cursor): Promise<"restored" | "diverged"> {
    try {
      await this.#call((session) => readTail(session, this.#keys, at));
      return "restored";
    } catch (error) {
      if (error instanceof WaystationError && (error.code === "REWOUND" || error.code === "TRUNCATED"))
        return "diverged";
      throw error;
    }
  }

  /** Appends entries in batches, each only if the head is still the one before; false if it is not. */
  async #append(head: Cursor, entries: readonly Entry[]): Promise<boolean> {
    const { stream, facts } = this.#keys;
    let before = head;
    for (let first = 0; first < entries.length; ) {
      const rest = entries.slice(first);
      const batch = rest.slice(0, batchLength(rest));
      const args = [before.position, before.tag, ...batch.flatMap(tagAndData)];
      const [status] = (await this.#call(({ reads }) => reads.eval(RESTORE_ENTRIES, 2, stream, facts, ...args))) as [
        string,
      ];
      if (status !== "ok") return false;
      before = batch.at(-1)!;
      first += batch.length;
    }
    return true;
  }

  /** Replaces everything by a snapshot and the newest entries, if head and present snapshot are still the same. */
  async #replace({ head, snapshot }: Facts, history: AppliedHistory, upload: Upload): Promise<boolean> {
    const newest = history.entries.slice(history.entries.length - batchLength(history.entries.toReversed()));
    const floor = history.entries.at(-newest.length - 1) ?? history.before;
    const present = snapshot?.generation ?? "";
    const { generation, chunks, bytes } = upload;
    const keys = [this.#keys.stream, this.#keys.facts, this.#keys.snapshot(generation), this.#keys.snapshot(present)];
    const args = [
      ...[head.position, head.tag, generation, present, chunks, bytes, REPLACED_TTL, floor.position, floor.tag],
      ...newest.flatMap(tagAndData),
    ];
    const [status] = (await this.#call(({ reads }) => reads.eval(RESTORE_SNAPSHOT, keys.length, ...keys, ...args))) as [
      string,
    ];
    if (status === "incomplete")
      throw new WaystationError("UNAVAILABLE", "the chunks of the snapshot are gone: try again");
    return status === "ok";
  }

  #call<T>(commands: (session: Session) => Promise<T>): Promise<T> {
    return this.#link.call(performance.now() + this.#settings.timeout, "repeatable", commands);
  }
}

/** What follows a place, if that is one of those of which entries are kept. */
function entriesAfter({ before, entries }: AppliedHistory, cursor: Cursor): readonly Entry[] | undefined {
  const index = cursor.position - before.position;
  const place = index === 0 ? before : entries[index - 1];
  return place?.tag === cursor.tag ? entries.slice(index) : undefined;
}

/** How many of the first entries go into one script: about 4 MiB of them, or a thousand; at least one, if there is one. */
function batchLength(entries: Iterable<Entry>): number {
  let [count, size] = [0, 0];
  for (const { data } of entries) {
    size += data.length;
    if (count > 0 && (size > MAX_TAIL_BYTES || count === BATCH_ENTRIES)) break;
    count++;
  }
  return count;
}

function tagAndData({ tag, data }: Entry): [string, Buffer] {
  return [tag, Buffer.from(data.buffer, data.byteOffset, data.byteLength)];
}
