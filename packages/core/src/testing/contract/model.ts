import assert from "node:assert/strict";
import fc from "fast-check";
import { isWaystationError } from "../../errors.ts";
import { type Cursor, type Entry, type Journal, ORIGIN } from "../../journal/journal.ts";
import type { JournalCapabilities } from "./fixture.ts";
import { bytesOf, checkTail, chunksOf, inAMinute, type Kit, rejectsWith, sameEntries } from "./kit.ts";

/**
 * One random step. `who` picks a journal and `back` a cursor so many entries behind the head; both are taken modulo what there is, so
 * that every sequence is valid and shrinks well.
 */
export type Command =
  | {
      readonly do: "append" | "append late" | "append elsewhere";
      readonly who: number;
      readonly back: number;
      readonly size: number;
    }
  | { readonly do: "append at once"; readonly size: number }
  | { readonly do: "read" | "read elsewhere"; readonly who: number; readonly back: number }
  | {
      readonly do: "compact" | "compact elsewhere" | "compact and fail";
      readonly who: number;
      readonly back: number;
      readonly size: number;
    }
  | { readonly do: "reopen" | "crash"; readonly who: number };

export function commandSequences(capabilities: JournalCapabilities): fc.Arbitrary<Command[]> {
  const who = fc.nat(2);
  const back = fc.oneof({ weight: 3, arbitrary: fc.constant(0) }, { weight: 2, arbitrary: fc.nat(12) });
  const size = fc.oneof({ weight: 4, arbitrary: fc.nat(200) }, { weight: 1, arbitrary: fc.nat(70_000) });
  const step = <const Name extends string>(weight: number, ...names: Name[]) => ({
    weight,
    arbitrary: fc.record({ do: fc.constantFrom(...names), who, back, size }),
  });
  return fc.array(
    fc.oneof(
      step(10, "append"),
      step(2, "append late", "append elsewhere", "append at once"),
      step(5, "read"),
      step(1, "read elsewhere"),
      step(3, "compact"),
      step(1, "compact elsewhere", "compact and fail"),
      step(2, "reopen"),
      ...(capabilities.crash ? [step(1, "crash")] : []),
    ),
    { maxLength: 40, size: "max" },
  );
}

/** All that a journal is: every entry there ever was, and the newest snapshot. */
class Model {
  readonly entries: Entry[] = [];
  snapshot: { readonly at: Cursor; readonly bytes: Buffer } | undefined;

  cursor(back: number): Cursor {
    const position = Math.max(0, this.entries.length - (back % (this.entries.length + 1)));
    return this.at(position);
  }

  at(position: number): Cursor {
    if (position === 0) return ORIGIN;
    const { tag } = this.entries[position - 1]!;
    return { position, tag };
  }

  after(cursor: Cursor): Entry[] {
    return this.entries.slice(cursor.position);
  }

  /** Entries before a snapshot may be gone. */
  mayBeTruncated(since: Cursor): boolean {
    return since.position < (this.snapshot?.at.position ?? 0);
  }
}

/** Runs a sequence on journals of one storage and on the model; they have to agree at every step and at the end. */
export async function runCommands(kit: Kit, commands: readonly Command[]): Promise<void> {
  const run = new ModelRun(kit);
  await run.start();
  for (const command of commands) await run.step(command);
  await run.finish();
}

class ModelRun {
  readonly #kit: Kit;
  readonly #model = new Model();
  readonly #journals: Journal[] = [];
  #nextTag = 1;

  constructor(kit: Kit) {
    this.#kit = kit;
  }

  async start(): Promise<void> {
    const count = this.#kit.capabilities.shared ? 3 : 1;
    for (let i = 0; i < count; i++) this.#journals.push(await this.#openAndCheck());
  }

  async step(command: Command): Promise<void> {
    switch (command.do) {
      case "append":
        return this.#append(command.who, this.#model.cursor(command.back), command.size);
      case "append late": {
        const { data, tag } = this.#newEntry(command.size);
        const append = this.#journal(command.who).append(data, this.#model.cursor(0), { tag, deadline: 1 });
        await rejectsWith(append, "LATE");
        return;
      }
      case "append elsewhere": {
        const { data, tag } = this.#newEntry(command.size);
        const since = this.#elsewhere(command.back);
        const append = this.#journal(command.who).append(data, since, { tag, deadline: inAMinute() });
        await rejectsWith(append, "REWOUND", "TRUNCATED");
        return;
      }
      case "append at once":
        return this.#appendAtOnce(command.size);
      case "read":
        return this.#read(this.#journal(command.who), this.#model.cursor(command.back));
      case "read elsewhere":
        await rejectsWith(this.#journal(command.who).read(this.#elsewhere(command.back)), "REWOUND", "TRUNCATED");
        return;
      case "compact":
        return this.#compact(command.who, this.#model.cursor(command.back), command.size);
      case "compact elsewhere": {
        const snapshot = chunksOf([Buffer.alloc(command.size, 1)]);
        const verdict = await this.#journal(command.who).compact(this.#elsewhere(command.back), snapshot);
        assert.equal(verdict, "older");
        return;
      }
      case "compact and fail":
        return this.#compactAndFail(command.who, command.size);
      case "reopen":
        return this.#replace(command.who, (journal) => journal.close());
      case "crash":
        return this.#replace(command.who, (journal) => this.#kit.crash(journal));
    }
  }

  async finish(): Promise<void> {
    const from = this.#model.snapshot?.at ?? ORIGIN;
    for (const journal of this.#journals) await this.#read(journal, from);
    await this.#replace(0, (journal) => journal.close());
  }

  #journal(who: number): Journal {
    return this.#journals[who % this.#journals.length]!;
  }

  #newEntry(size: number): { data: Buffer; tag: string } {
    const number = this.#nextTag++;
    const data = Buffer.alloc(size, number);
    return { data, tag: String(number * 1_000_003) };
  }

  /** A cursor of another history: no entry ever had this tag. */
  #elsewhere(back: number): Cursor {
    return { position: this.#model.cursor(back).position, tag: "999" };
  }

  async #append(who: number, since: Cursor, size: number): Promise<void> {
    const { data, tag } = this.#newEntry(size);
    try {
      const { at, tail } = await this.#journal(who).append(data, since, { tag, deadline: inAMinute() });
      assert.deepEqual(at, { position: this.#model.entries.length + 1, tag });
      checkTail(tail, since);
      sameEntries(tail.entries, this.#model.after(since).slice(0, tail.entries.length));
      if (this.#model.after(since).length > 0) assert(tail.entries.length > 0, "the tail lacks what there was");
      this.#model.entries.push({ ...at, data });
    } catch (error) {
      if (!(isWaystationError(error, "TRUNCATED") && this.#model.mayBeTruncated(since))) throw error;
    }
  }

  async #appendAtOnce(size: number): Promise<void> {
    const since = this.#model.cursor(0);
    const appended = await Promise.all(
      this.#journals.map(async (journal) => {
        const { data, tag } = this.#newEntry(size);
        const { at } = await journal.append(data, since, { tag, deadline: inAMinute() });
        return { ...at, data };
      }),
    );
    appended.sort((a, b) => a.position - b.position);
    appended.forEach((entry, i) => {
      assert.equal(entry.position, since.position + 1 + i);
    });
    this.#model.entries.push(...appended);
  }

  async #read(journal: Journal, since: Cursor): Promise<void> {
    const expected = this.#model.after(since);
    const found: Entry[] = [];
    let at = since;
    try {
      do {
        const tail = await journal.read(at);
        checkTail(tail, at);
        assert.equal(tail.head, this.#model.entries.length);
        found.push(...tail.entries);
        const last = tail.entries.at(-1);
        assert(last || at.position === tail.head, `nothing after ${at.position}, although the head is ${tail.head}`);
        at = this.#model.at(last?.position ?? at.position);
      } while (at.position < this.#model.entries.length);
    } catch (error) {
      if (isWaystationError(error, "TRUNCATED") && this.#model.mayBeTruncated(since)) return;
      throw error;
    }
    sameEntries(found, expected);
  }

  async #compact(who: number, at: Cursor, size: number): Promise<void> {
    if (at.position === 0) return;
    const bytes = Buffer.alloc(size, this.#nextTag++);
    const half = Math.floor(size / 2);
    const verdict = await this.#journal(who).compact(at, chunksOf([bytes.subarray(0, half), bytes.subarray(half)]));
    const newer = at.position > (this.#model.snapshot?.at.position ?? 0);
    assert.equal(verdict, newer ? "published" : "older");
    if (newer) this.#model.snapshot = { at, bytes };
  }

  async #compactAndFail(who: number, size: number): Promise<void> {
    const failure = new Error("the state could not be encoded");
    const snapshot = async function* (): AsyncIterable<Uint8Array> {
      yield Buffer.alloc(size, 9);
      throw failure;
    };
    const at = this.#model.cursor(0);
    if (at.position <= (this.#model.snapshot?.at.position ?? 0)) return; // "older" without reading is fine then
    await assert.rejects(this.#journal(who).compact(at, snapshot()), (error) => error === failure);
  }

  async #replace(who: number, end: (journal: Journal) => Promise<void>): Promise<void> {
    const i = who % this.#journals.length;
    await end(this.#journals[i]!);
    this.#journals[i] = await this.#openAndCheck();
  }

  async #openAndCheck(): Promise<Journal> {
    const journal = this.#kit.journal();
    const snapshot = await journal.open();
    assert.deepEqual(snapshot?.at, this.#model.snapshot?.at);
    if (snapshot) assert((await bytesOf(snapshot)).equals(this.#model.snapshot!.bytes), "another snapshot was found");
    await this.#read(journal, this.#model.snapshot?.at ?? ORIGIN);
    return journal;
  }
}
