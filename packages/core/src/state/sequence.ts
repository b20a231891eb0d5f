import { compareBytes } from "../model/byte-string.ts";
import { compareGroupingKeys } from "../model/grouping-key.ts";
import type { Family } from "./family.ts";
import { Page } from "./page.ts";
import type { GroupEntry, SequenceEntry } from "./sequence-entry.ts";

/** Pages are split above this many bytes of sample lines. */
const MAX_PAGE_BYTES = 48 * 1024;
/** Neighbours that are smaller than this are joined. */
const MIN_PAGE_BYTES = MAX_PAGE_BYTES / 8;

/**
 * The whole exposition, in order: families by name, each with its head and then its groups in the order of their keys. Cut into
 * pages, so that a push makes only few of them stale, however much is stored.
 */
export class Sequence {
  #pages: Page[] = [];
  /** Counts frozen views; a page saves itself for a view before it changes under it. */
  #view = 0;
  #viewActive = false;

  get pages(): readonly Page[] {
    return this.#pages;
  }

  insert(entry: SequenceEntry): void {
    let index = this.#findPage(entry);
    if (index < 0) {
      index = 0;
      this.#pages.push(this.#newPage());
    }
    const page = this.#pages[index]!;
    this.#change(page);
    page.insert(lowerBound(page.entries, entry), entry);
    this.#split(index);
  }

  remove(entry: SequenceEntry): void {
    const page = entry.page!;
    this.#change(page);
    page.remove(page.entries.indexOf(entry));
    if (page.bytes < MIN_PAGE_BYTES) this.#join(page);
  }

  /** To be called before what an entry shows is changed. */
  touch(entry: SequenceEntry): void {
    if (entry.page !== undefined) this.#change(entry.page);
  }

  /** To be called after what an entry shows has changed in length. */
  resize(entry: SequenceEntry, bytes: number): void {
    const { page } = entry;
    if (entry.bytes === bytes) return;
    if (page !== undefined) page.bytes += bytes - entry.bytes;
    entry.bytes = bytes;
    if (page === undefined || page.bytes <= MAX_PAGE_BYTES) return;
    this.#change(page);
    this.#split(this.#pages.indexOf(page));
  }

  clear(): void {
    for (const page of this.#pages) this.#change(page);
    this.#pages = [];
  }

  /** The groups' entries of one family, in order, from its head on. */
  *entriesOf(family: Family): IterableIterator<GroupEntry> {
    const head = family.headEntry;
    if (head?.page === undefined) return;
    let at = head.page.entries.indexOf(head) + 1;
    for (let i = this.#pages.indexOf(head.page); i < this.#pages.length; i++, at = 0) {
      const { entries } = this.#pages[i]!;
      for (; at < entries.length; at++) {
        const entry = entries[at]!;
        if (entry.family !== family) return;
        yield entry as GroupEntry;
      }
    }
  }

  /**
   * The pages as they are now. Until `done` is called they can be read with {@link Page.shownIn} as of this moment, whatever is
   * pushed meanwhile. There is one such view at a time.
   */
  freeze(): { readonly pages: readonly Page[]; readonly view: number; done(): void } {
    if (this.#viewActive) throw new TypeError("a sequence has one frozen view at a time");
    this.#viewActive = true;
    const pages = this.#pages.slice();
    return {
      pages,
      view: ++this.#view,
      done: () => {
        this.#viewActive = false;
        for (const page of pages) page.release();
      },
    };
  }

  #newPage(): Page {
    // A page that is made while a view is active is not part of it.
    return new Page(this.#view);
  }

  #change(page: Page): void {
    page.beforeChange(this.#viewActive ? this.#view : 0);
  }

  /** The page that holds, or is to hold, an entry: the last one that does not begin behind it; -1 if there is none at all. */
  #findPage(entry: SequenceEntry): number {
    let low = 0;
    let high = this.#pages.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareEntries(this.#pages[middle]!.entries[0]!, entry) <= 0) low = middle + 1;
      else high = middle;
    }
    return low > 0 ? low - 1 : this.#pages.length > 0 ? 0 : -1;
  }

  /** Cuts a page that has become too large. An entry that is larger than a page by itself stands alone. */
  #split(index: number): void {
    for (let at = index, end = index + 1; at < end; ) {
      const page = this.#pages[at]!;
      if (page.bytes <= MAX_PAGE_BYTES || page.entries.length < 2) {
        at++;
      } else {
        this.#pages.splice(at + 1, 0, page.split(this.#newPage()));
        end++;
      }
    }
  }

  /** Pages are never empty. */
  #join(page: Page): void {
    const index = this.#pages.indexOf(page);
    if (page.entries.length === 0) {
      this.#pages.splice(index, 1);
      return;
    }
    const previous = this.#pages[index - 1];
    if (previous === undefined || previous.bytes + page.bytes > MAX_PAGE_BYTES / 2) return;
    this.#change(previous);
    previous.append(page);
    this.#pages.splice(index, 1);
  }
}

function compareEntries(a: SequenceEntry, b: SequenceEntry): number {
  if (a.family !== b.family) return compareBytes(a.family.name, b.family.name);
  if (a.group === undefined || b.group === undefined) return (a.group ? 1 : 0) - (b.group ? 1 : 0);
  return compareGroupingKeys(a.group.key, b.group.key);
}

/** The first place whose entry is not before the given one. */
function lowerBound(entries: readonly SequenceEntry[], entry: SequenceEntry): number {
  let low = 0;
  let high = entries.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareEntries(entries[middle]!, entry) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
