import type { Group, GroupContent } from "./group.ts";
import { HEAD, type SequenceEntry, type Shown } from "./sequence-entry.ts";

/** What a page showed when a view was frozen. */
export interface PageView {
  readonly entries: readonly SequenceEntry[];
  readonly slots: readonly number[];
  readonly shown: readonly Shown[];
}

/** A rendered form of a page, valid as long as the page has the same version. */
interface CachedRendering {
  readonly version: number;
  readonly value: unknown;
}

/** A run of entries whose rendered forms are kept until one of them changes. */
export class Page {
  entries: SequenceEntry[] = [];
  /** The sum of its entries' bytes. */
  bytes = 0;
  #version = 0;
  #renderings = new Map<string, CachedRendering>();
  /** The newest view that this page does not have to save itself for. */
  #settledView: number;
  #saved: PageView | undefined;

  /** @param view the view that exists when the page is made, which it is no part of */
  constructor(view: number) {
    this.#settledView = view;
  }

  insert(index: number, entry: SequenceEntry): void {
    this.entries.splice(index, 0, entry);
    entry.page = this;
    this.bytes += entry.bytes;
  }

  remove(index: number): void {
    const [entry] = this.entries.splice(index, 1);
    entry!.page = undefined;
    this.bytes -= entry!.bytes;
  }

  /** Moves the second half, by bytes, to an empty page. Both have at least one entry afterwards. */
  split(into: Page): Page {
    const half = this.bytes / 2;
    let bytes = this.entries[0]!.bytes;
    let index = 1;
    while (index + 1 < this.entries.length && bytes + this.entries[index]!.bytes <= half) {
      bytes += this.entries[index++]!.bytes;
    }
    into.entries = this.entries.splice(index);
    for (const entry of into.entries) entry.page = into;
    into.bytes = this.bytes - bytes;
    this.bytes = bytes;
    return into;
  }

  /** Takes over all entries of the next page. */
  append(next: Page): void {
    for (const entry of next.entries) entry.page = this;
    this.entries.push(...next.entries);
    this.bytes += next.bytes;
    next.entries = [];
    next.bytes = 0;
  }

  /** @param view the active view, 0 if there is none */
  beforeChange(view: number): void {
    this.#version++;
    if (view <= this.#settledView) return;
    this.#saved = this.#capture((group) => group.keepContent());
    this.#settledView = view;
  }

  /**
   * What the page showed when the view was frozen, to be read in this turn. To be asked once per view; from then on the page may
   * change freely.
   */
  shownIn(view: number): PageView {
    const saved = this.#saved;
    this.release();
    if (saved !== undefined) return saved;
    this.#settledView = view;
    return this.#capture((group) => group.content);
  }

  /** Forgets what was saved for a view. */
  release(): void {
    this.#saved = undefined;
  }

  /** Is the page still as it was when the active view was frozen? */
  get unchangedInView(): boolean {
    return this.#saved === undefined;
  }

  /** A rendering that was kept under this name for the present version. */
  cached<Value>(name: string): Value | undefined {
    const rendering = this.#renderings.get(name);
    return rendering?.version === this.#version ? (rendering.value as Value) : undefined;
  }

  keep(name: string, value: unknown): void {
    this.#renderings.set(name, { version: this.#version, value });
  }

  #capture(contentOf: (group: Group) => GroupContent): PageView {
    // A loop: a page has some hundred entries, and a large exposition thousands of pages.
    const entries: SequenceEntry[] = [];
    const slots: number[] = [];
    const shown: Shown[] = [];
    for (let i = 0; i < this.entries.length; i++) {
      const entry = this.entries[i]!;
      if (entry.hidden) continue;
      entries.push(entry);
      slots.push(entry.slot);
      shown.push(entry.slot === HEAD ? entry.family.head! : contentOf(entry.group!));
    }
    return { entries, slots, shown };
  }
}
