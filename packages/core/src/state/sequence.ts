import { compareBytes } from "../model/byte-string.ts";
import { FAILURE_TIME, groupEntryBytes, HEAD, headBytes, PUSH_TIME, pageOf } from "./entry.ts";
import type { Family } from "./family.ts";
import { compareGroups, type Group } from "./group.ts";
import type { Layout } from "./layout.ts";
import { Page } from "./page.ts";

/** Pages are split above this many bytes of sample lines. */
const MAX_PAGE_BYTES = 48 * 1024;
/** To begin with: there is room for more. */
const ARRANGED_PAGE_BYTES = (MAX_PAGE_BYTES * 3) / 4;
/** Neighbours that are smaller than this are joined. */
const MIN_PAGE_BYTES = MAX_PAGE_BYTES / 8;

/** The entries of a family that are to be arranged. */
class Columns {
  readonly groups: Group[];
  readonly slots: Int32Array;
  readonly bytes: Float64Array;
  #length = 0;

  constructor(holders: number) {
    this.groups = new Array(holders);
    this.slots = new Int32Array(holders);
    this.bytes = new Float64Array(holders);
  }

  add(group: Group, slot: number, bytes: number): void {
    const at = this.#length++;
    this.groups[at] = group;
    this.slots[at] = slot;
    this.bytes[at] = bytes;
  }
}

/**
 * The whole exposition, in order: families by name, each with its head and then its groups in the order of their keys. Cut into
 * pages, so that a push makes only few of them stale, however much is stored.
 */
export class Sequence {
  #pages: Page[] = [];
  /** Counts frozen views; groups and pages save themselves for a view before they change under it. */
  #view = 0;
  #viewActive = false;
  /**
   * Counts the beginnings and ends of frozen views. A group that was touched since the last of these need not be touched again: of its
   * pages no rendering has been kept since then, as that is done under a view, and for pages that have not changed under it.
   */
  #epoch = 1;
  /** Under the active view. */
  #changedGroups: Group[] = [];

  get pages(): readonly Page[] {
    return this.#pages;
  }

  /**
   * @param group undefined for the head of the family
   * @param before a group that is known to come right before it, of those that hold the family, if it holds it
   */
  insert(family: Family, group: Group | undefined, slot: number, before?: Group): void {
    const page = before?.pageOf(family.name);
    if (page !== undefined) {
      this.touch(page);
      page.insert(page.indexOf(family, before!) + 1, family, group, slot);
      this.fit(page);
      return;
    }
    let index = this.#findPage(family, group);
    if (index < 0) {
      index = 0;
      this.#pages.push(this.#newPage());
    }
    const found = this.#pages[index]!;
    this.touch(found);
    found.insert(lowerBound(found, family, group), family, group, slot);
    this.#split(index);
  }

  /**
   * The group before another one, of those that hold a family, where that is easy to see. Of a family that all groups hold it is the
   * one before in every family: so a new group's place has to be searched for once, not for each of its families.
   */
  groupBefore(family: Family, group: Group, slot: number): Group | undefined {
    const page = pageOf(family, group, slot);
    if (page === undefined) return undefined;
    const index = page.indexOf(family, group) - 1;
    return page.families[index] === family ? page.groups[index] : undefined;
  }

  /**
   * Puts everything in order at once, which takes much less time than doing so group by group. To be called while it is empty.
   *
   * @param familiesOf the families of a layout, in its order, then those of the failure and push times
   */
  arrange(
    families: Iterable<Family>,
    groups: Iterable<Group>,
    familiesOf: (layout: Layout) => readonly Family[],
  ): void {
    const columns = new Map<Family, Columns>();
    const byName = [...families].sort((a, b) => compareBytes(a.name, b.name));
    for (const family of byName) columns.set(family, new Columns(family.holders));
    const columnsOf = new Map<Layout, readonly Columns[]>();
    // Group by group, while what it holds is in the processor's caches.
    for (const group of [...groups].sort(compareGroups)) {
      const { layout } = group.content;
      let held = columnsOf.get(layout);
      if (held === undefined) {
        held = familiesOf(layout).map((family) => columns.get(family)!);
        columnsOf.set(layout, held);
      }
      for (let i = 0; i < held.length; i++) {
        const slot = i < layout.size ? i : i === layout.size ? FAILURE_TIME : PUSH_TIME;
        held[i]!.add(group, slot, groupEntryBytes(group, slot));
      }
    }
    for (const [family, { groups, slots, bytes }] of columns) {
      this.#push(family, undefined, HEAD, headBytes(family.head!));
      for (let i = 0; i < groups.length; i++) this.#push(family, groups[i], slots[i]!, bytes[i]!);
    }
  }

  #push(family: Family, group: Group | undefined, slot: number, bytes: number): void {
    let page = this.#pages.at(-1);
    if (page === undefined || page.bytes + bytes > ARRANGED_PAGE_BYTES) {
      page?.trim();
      page = this.#newPage();
      this.#pages.push(page);
    }
    page.push(family, group, slot, bytes);
  }

  remove(family: Family, group: Group | undefined, slot: number): void {
    const page = pageOf(family, group, slot)!;
    this.touch(page);
    page.remove(lowerBound(page, family, group));
    if (page.bytes < MIN_PAGE_BYTES) this.#join(page);
  }

  /** The family has got another slot in the group's layout; `group.pages` knows that already, and the page has been touched. */
  moveSlot(family: Family, group: Group, slot: number): void {
    const page = group.pages[slot]!;
    page.slots[lowerBound(page, family, group)] = slot;
  }

  /** To be called before entries of the page change in themselves: not what a group holds, but which slot or head they show. */
  touch(page: Page): void {
    page.beforeChange(this.#activeView);
  }

  /** To be called before what a group holds is changed. Costs the same whatever else is in its pages. */
  touchGroup(group: Group): void {
    if (group.touchedIn === this.#epoch) return;
    group.touchedIn = this.#epoch;
    const view = this.#activeView;
    if (view > 0 && group.saveFor(view)) this.#changedGroups.push(group);
    const { pages, failureTimePage, pushTimePage } = group;
    for (let i = 0; i < pages.length; i++) pages[i]!.noteChange(view);
    failureTimePage?.noteChange(view);
    pushTimePage?.noteChange(view);
  }

  /** To be called after entries of the page have changed in length, and its `bytes` with them. */
  fit(page: Page): void {
    if (page.bytes <= MAX_PAGE_BYTES || page.length < 2) return;
    this.touch(page);
    this.#split(this.#pages.indexOf(page));
  }

  clear(): void {
    for (const page of this.#pages) this.touch(page);
    this.#pages = [];
  }

  /** The groups that hold a family, in order. */
  *groupsOf(family: Family): IterableIterator<Group> {
    const { headPage } = family;
    if (headPage === undefined) return;
    let at = lowerBound(headPage, family, undefined) + 1;
    for (let i = this.#pages.indexOf(headPage); i < this.#pages.length; i++, at = 0) {
      const { families, groups } = this.#pages[i]!;
      for (; at < families.length; at++) {
        if (families[at] !== family) return;
        yield groups[at]!;
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
    this.#epoch++;
    const pages = this.#pages.slice();
    return {
      pages,
      view: ++this.#view,
      done: () => {
        this.#viewActive = false;
        this.#epoch++;
        for (const page of pages) page.release();
        for (const group of this.#changedGroups) group.forgetSaved();
        this.#changedGroups = [];
      },
    };
  }

  /** 0 if there is none. */
  get #activeView(): number {
    return this.#viewActive ? this.#view : 0;
  }

  #newPage(): Page {
    // A page that is made while a view is active is not part of it.
    return new Page(this.#view);
  }

  /** The page that holds, or is to hold, an entry: the last one that does not begin behind it; -1 if there is none at all. */
  #findPage(family: Family, group: Group | undefined): number {
    let low = 0;
    let high = this.#pages.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (compareAt(this.#pages[middle]!, 0, family, group) <= 0) low = middle + 1;
      else high = middle;
    }
    return low > 0 ? low - 1 : this.#pages.length > 0 ? 0 : -1;
  }

  /** Cuts a page that has become too large. An entry that is larger than a page by itself stands alone. */
  #split(index: number): void {
    for (let at = index, end = index + 1; at < end; ) {
      const page = this.#pages[at]!;
      if (page.bytes <= MAX_PAGE_BYTES || page.length < 2) {
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
    if (page.length === 0) {
      this.#pages.splice(index, 1);
      return;
    }
    const previous = this.#pages[index - 1];
    if (previous === undefined || previous.bytes + page.bytes > MAX_PAGE_BYTES / 2) return;
    this.touch(previous);
    previous.append(page);
    this.#pages.splice(index, 1);
  }
}

/** Order of the entry at `index` of a page and another one. */
function compareAt({ families, groups }: Page, index: number, family: Family, group: Group | undefined): number {
  const other = families[index]!;
  if (other !== family) return compareBytes(other.name, family.name);
  const holder = groups[index];
  if (holder === undefined || group === undefined) return (holder ? 1 : 0) - (group ? 1 : 0);
  return compareGroups(holder, group);
}

/** The first place in a page whose entry is not before the given one: its own, if it is there. */
function lowerBound(page: Page, family: Family, group: Group | undefined): number {
  let low = 0;
  let high = page.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (compareAt(page, middle, family, group) < 0) low = middle + 1;
    else high = middle;
  }
  return low;
}
