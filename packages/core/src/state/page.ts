import { entryBytes, type Shown, setPage } from "./entry.ts";
import type { Family } from "./family.ts";
import type { Group } from "./group.ts";

/** What a page shows, without what is hidden. */
export interface PageView {
  readonly families: readonly Family[];
  /** Undefined for the head of a family. */
  readonly groups: readonly (Group | undefined)[];
  readonly slots: readonly number[];
  shown(index: number): Shown;
}

/** A rendered form of a page, valid as long as the page has the same version. */
interface CachedRendering {
  readonly version: number;
  readonly value: unknown;
}

/** A run of entries, in columns, whose rendered forms are kept until one of them changes. */
export class Page {
  families: Family[] = [];
  groups: (Group | undefined)[] = [];
  slots: number[] = [];
  /** The sum of its entries' bytes. */
  bytes = 0;
  /** How many entries there were when the columns were last brought down to what they hold. */
  #trimmed = 0;
  #version = 0;
  #renderings = new Map<string, CachedRendering>();
  /** The newest view that this page does not have to save itself for. */
  #settledView: number;
  #saved: PageView | undefined;
  /** The newest view under which something in it was changed. */
  #changedView = 0;

  /** @param view the view that exists when the page is made, which it is no part of */
  constructor(view: number) {
    this.#settledView = view;
  }

  get length(): number {
    return this.slots.length;
  }

  insert(index: number, family: Family, group: Group | undefined, slot: number): void {
    this.families.splice(index, 0, family);
    this.groups.splice(index, 0, group);
    this.slots.splice(index, 0, slot);
    setPage(family, group, slot, this);
    this.bytes += entryBytes(family, group, slot);
  }

  /**
   * Frees the room for more that columns are given when they grow, which is half of what they hold: in nearly all pages entries come
   * for a while, and then stay. Costs nothing while their number is the same.
   */
  trim(): void {
    if (this.#trimmed === this.length) return;
    this.#trimmed = this.length;
    this.families = this.families.slice();
    this.groups = this.groups.slice();
    this.slots = this.slots.slice();
  }

  /** Adds an entry that comes after all others. */
  push(family: Family, group: Group | undefined, slot: number, bytes: number): void {
    this.families.push(family);
    this.groups.push(group);
    this.slots.push(slot);
    setPage(family, group, slot, this);
    this.bytes += bytes;
  }

  remove(index: number): void {
    const [family] = this.families.splice(index, 1);
    const [group] = this.groups.splice(index, 1);
    const [slot] = this.slots.splice(index, 1);
    setPage(family!, group, slot!, undefined);
    this.bytes -= entryBytes(family!, group, slot!);
  }

  /** -1 if it does not hold that entry. */
  indexOf(family: Family, group: Group): number {
    let index = this.groups.indexOf(group);
    while (index >= 0 && this.families[index] !== family) index = this.groups.indexOf(group, index + 1);
    return index;
  }

  /** Moves the second half, by bytes, to an empty page. Both have at least one entry afterwards. */
  split(into: Page): Page {
    const half = this.bytes / 2;
    let bytes = this.#bytesAt(0);
    let index = 1;
    while (index + 1 < this.length && bytes + this.#bytesAt(index) <= half) bytes += this.#bytesAt(index++);
    into.families = this.families.splice(index);
    into.groups = this.groups.splice(index);
    into.slots = this.slots.splice(index);
    into.#settle(0);
    into.bytes = this.bytes - bytes;
    this.bytes = bytes;
    this.trim();
    return into;
  }

  /** Takes over all entries of the next page. */
  append(next: Page): void {
    const from = this.length;
    this.families.push(...next.families);
    this.groups.push(...next.groups);
    this.slots.push(...next.slots);
    this.#settle(from);
    this.bytes += next.bytes;
    next.families = [];
    next.groups = [];
    next.slots = [];
    next.bytes = 0;
  }

  /** Before entries come or go, or show another head. @param view the active view, 0 if there is none */
  beforeChange(view: number): void {
    this.noteChange(view);
    if (view <= this.#settledView) return;
    this.#saved = this.#save(view);
    this.#settledView = view;
  }

  /** A group in it changes, which has saved what it holds. */
  noteChange(view: number): void {
    this.#version++;
    this.#changedView = view;
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
    this.trim();
    return this.#look(view);
  }

  /** Forgets what was saved for a view. */
  release(): void {
    this.#saved = undefined;
  }

  /** Is the page still as it was when the active view was frozen? */
  isUnchangedIn(view: number): boolean {
    return this.#changedView !== view;
  }

  /** A rendering that was kept under this name for the present version. */
  cached<Value>(name: string): Value | undefined {
    const rendering = this.#renderings.get(name);
    return rendering?.version === this.#version ? (rendering.value as Value) : undefined;
  }

  keep(name: string, value: unknown): void {
    this.#renderings.set(name, { version: this.#version, value });
  }

  #bytesAt(index: number): number {
    return entryBytes(this.families[index]!, this.groups[index], this.slots[index]!);
  }

  /** Entries from `from` on have come from another page. */
  #settle(from: number): void {
    for (let i = from; i < this.length; i++) setPage(this.families[i]!, this.groups[i], this.slots[i]!, this);
  }

  /** For this turn. */
  #look(view: number): PageView {
    const { families, groups, slots } = this.#hidesSome() ? this.#visible() : this;
    return { families, groups, slots, shown: (i) => groups[i]?.contentIn(view) ?? families[i]!.head! };
  }

  #save(view: number): PageView {
    const { families, groups, slots } = this.#visible();
    const shown = groups.map((group, i): Shown => group?.keepContentIn(view) ?? families[i]!.head!);
    return { families, groups, slots, shown: (i) => shown[i]! };
  }

  #hidesSome(): boolean {
    let last: Family | undefined;
    for (const family of this.families) {
      if (family === last) continue;
      if (family.hidesSome) return true;
      last = family;
    }
    return false;
  }

  #visible(): Omit<PageView, "shown"> {
    const isVisible = (_: unknown, i: number): boolean => !this.families[i]!.hides(this.groups[i]);
    return {
      families: this.families.filter(isVisible),
      groups: this.groups.filter(isVisible),
      slots: this.slots.filter(isVisible),
    };
  }
}
