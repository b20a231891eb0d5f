import type { Cursor, Entry } from "../journal/journal.ts";

/** How long entries are kept, in milliseconds, and how many bytes of them at most. */
const KEEP_MS = 60_000;
const KEEP_BYTES = 16 * 1024 * 1024;
/** Of how many positions the tags are known, entries or not. */
const REMEMBERED_TAGS = 2 ** 18;

/**
 * What a replica still knows of the history that it has applied: the newest entries, and the tags of positions further back. With
 * the first a journal can be put right that lost its end, by the second a place in that journal is recognized as one of this history.
 */
export class RecentHistory {
  #before: Cursor;
  #entries: Entry[] = [];
  /** When each of the entries was added, on the clock of `performance.now()`. */
  #times: number[] = [];
  /** Entries before this index are dropped; the arrays are cut when they make up half of them. */
  #first = 0;
  #bytes = 0;
  readonly #start: number;
  #head: Cursor;
  /** The tag of position `p` at `p % REMEMBERED_TAGS`: 48 bits fit into a double, and strings would take ten times the space. */
  readonly #tags = new Float64Array(REMEMBERED_TAGS);

  /** @param start where the history begins, as far as this replica knows it */
  constructor(start: Cursor) {
    this.#before = { position: start.position, tag: start.tag };
    this.#head = this.#before;
    this.#start = start.position;
    this.#remember(start);
  }

  /** The place right before the first of {@link entries}. */
  get before(): Cursor {
    return this.#before;
  }

  /** The newest entries, in order; a copy that does not change. */
  get entries(): readonly Entry[] {
    return this.#entries.slice(this.#first);
  }

  /** The newest place. */
  get head(): Cursor {
    return this.#head;
  }

  /** The oldest position whose tag is known. */
  get oldest(): number {
    return Math.max(this.#start, this.#head.position - REMEMBERED_TAGS + 1);
  }

  /** Adds the entry right after {@link head}. Its bytes are kept, and must not change. */
  add(at: Cursor, data: Uint8Array, now: number = performance.now()): void {
    this.#head = { position: at.position, tag: at.tag };
    this.#remember(at);
    // What was cut from a larger buffer would keep all of that.
    const own = data.byteLength === data.buffer.byteLength ? data : new Uint8Array(data);
    this.#entries.push({ ...this.#head, data: own });
    this.#times.push(now);
    this.#bytes += own.length;
    this.#drop(now);
  }

  /** Is this a place in the history? False for those too old to be remembered. */
  knows({ position, tag }: Cursor): boolean {
    return this.tagAt(position) === tag;
  }

  tagAt(position: number): string | undefined {
    if (position < this.oldest || position > this.#head.position) return undefined;
    return String(this.#tags[position % REMEMBERED_TAGS]);
  }

  #remember({ position, tag }: Cursor): void {
    this.#tags[position % REMEMBERED_TAGS] = Number(tag);
  }

  #drop(now: number): void {
    while (this.#first < this.#entries.length) {
      const entry = this.#entries[this.#first]!;
      if (this.#bytes <= KEEP_BYTES && now - this.#times[this.#first]! <= KEEP_MS) break;
      this.#before = { position: entry.position, tag: entry.tag };
      this.#bytes -= entry.data.length;
      this.#first++;
    }
    if (this.#first * 2 <= this.#entries.length) return;
    this.#entries = this.#entries.slice(this.#first);
    this.#times = this.#times.slice(this.#first);
    this.#first = 0;
  }
}
