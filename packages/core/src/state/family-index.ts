import type { ByteString } from "../model/byte-string.ts";
import type { MetricType } from "../model/metric-family.ts";
import type { Descriptor } from "../record/descriptor.ts";
import { linesStart } from "../record/family-block.ts";
import { FAILURE_TIME_DESCRIPTOR, isTimeFamily, PUSH_TIME_DESCRIPTOR } from "../record/time-families.ts";
import { entryBytes, FAILURE_TIME, HEAD, headBytes, PUSH_TIME } from "./entry.ts";
import { Family } from "./family.ts";
import type { Group, GroupContent } from "./group.ts";
import { Sequence } from "./sequence.ts";
import type { Shape } from "./shape.ts";

/**
 * Who holds which family, and where each of them stands in the exposition: what follows from the groups, kept in line with them. Decides
 * nothing.
 */
export class FamilyIndex {
  readonly #families = new Map<ByteString, Family>();
  readonly #sequence = new Sequence();
  #isArranged: boolean;
  /** For one push at a time. */
  #oldEnds = new Uint8Array(256);

  /** @param arranged false if the exposition is put in order later, all at once, by {@link arrange} */
  constructor(arranged: boolean) {
    this.#isArranged = arranged;
  }

  /** Nothing is in it before it is arranged. */
  get sequence(): Sequence {
    return this.#sequence;
  }

  /** Does nothing the second time. @param groups all of them */
  arrange(groups: Iterable<Group>): void {
    if (this.#isArranged) return;
    this.#isArranged = true;
    const times = [FAILURE_TIME_DESCRIPTOR, PUSH_TIME_DESCRIPTOR];
    this.#sequence.arrange(this.#families.values(), groups, ({ descriptors }) =>
      [...descriptors, ...times].map(({ name }) => this.#families.get(name)!),
    );
  }

  family(name: ByteString): Family | undefined {
    return this.#families.get(name);
  }

  families(): IterableIterator<Family> {
    return this.#families.values();
  }

  /** Leaves what a group shows of a family out of expositions, or puts it back. @param group undefined for the family's head */
  setHidden(family: Family, group: Group | undefined, hidden: boolean): void {
    if (family.hides(group) === hidden) return;
    const page = group === undefined ? family.headPage : group.pageOf(family.name);
    if (page !== undefined) this.#sequence.touch(page);
    family.setHidden(group, hidden);
  }

  /** Shows a family under the type that won; without one, not at all. */
  settleHead(family: Family, type: MetricType | undefined): void {
    const { headPage, head } = family;
    if (headPage === undefined || head === undefined) return;
    this.setHidden(family, undefined, type === undefined && family.holders > 0 && !isTimeFamily(family.name));
    if (type === undefined || type === head.type) return;
    this.#sequence.touch(headPage);
    family.head = { ...head, type };
  }

  /** Adds a group that has nothing but its time metrics yet. */
  add(group: Group): void {
    this.#addEntry(FAILURE_TIME_DESCRIPTOR, group, FAILURE_TIME);
    this.#addEntry(PUSH_TIME_DESCRIPTOR, group, PUSH_TIME, this.#groupBefore(group));
  }

  /** Removes a group with all that it holds. */
  remove(group: Group): void {
    const { descriptors } = group.content.layout;
    for (const [slot, descriptor] of descriptors.entries()) this.#removeEntry(descriptor, group, slot);
    this.#removeEntry(FAILURE_TIME_DESCRIPTOR, group, FAILURE_TIME);
    this.#removeEntry(PUSH_TIME_DESCRIPTOR, group, PUSH_TIME);
  }

  clear(): void {
    this.#families.clear();
    this.#sequence.clear();
  }

  /** To be called before what a group holds is changed. */
  touch(group: Group): void {
    if (this.#isArranged) this.#sequence.touchGroup(group);
  }

  /** Of a group whose lines are about to be overwritten: what {@link resize} has to know of them. Good until the next call. */
  copyEnds({ content: { body, layout } }: Group): Uint8Array {
    const ends = body.subarray(0, linesStart(layout.size));
    if (this.#oldEnds.length < ends.length) this.#oldEnds = new Uint8Array(2 * ends.length);
    this.#oldEnds.set(ends);
    return this.#oldEnds;
  }

  /**
   * Notes that the lines of a group are others, of the same families.
   *
   * @param old the body that the group had, or at least the ends of its lines
   */
  resize({ pages, content: { layout, body } }: Group, old: Uint8Array): void {
    if (!this.#isArranged) return;
    let hasGrown = false;
    for (let slot = 0; slot < pages.length; slot++) {
      const more = layout.lineBytes(body, slot) - layout.lineBytes(old, slot);
      if (more === 0) continue;
      pages[slot]!.bytes += more;
      hasGrown ||= more > 0;
    }
    if (!hasGrown) return;
    // A page may hold several families of the group: it is cut when the lengths of all of them are known.
    for (let slot = 0; slot < pages.length; slot++) {
      if (layout.lineBytes(body, slot) > layout.lineBytes(old, slot)) this.#sequence.fit(pages[slot]!);
    }
  }

  /** Gives a group a content with other families. */
  exchangeLayout(group: Group, content: GroupContent): void {
    const { layout: old } = group.content;
    const { layout } = content;
    const kept: { family: Family; oldSlot: number; slot: number; bytes: number }[] = [];
    for (const [oldSlot, descriptor] of old.descriptors.entries()) {
      const slot = layout.slotOf(descriptor.name);
      const family = this.#families.get(descriptor.name)!;
      if (slot === undefined) this.#removeEntry(descriptor, group, oldSlot);
      else kept.push({ family, oldSlot, slot, bytes: entryBytes(family, group, oldSlot) });
    }
    const oldPages = group.pages;
    for (const page of oldPages) if (page !== undefined) this.#sequence.touch(page);
    group.content = content;
    group.pages = new Array(layout.size).fill(undefined);
    if (this.#isArranged) {
      for (const { family, oldSlot, slot, bytes } of kept) {
        group.pages[slot] = oldPages[oldSlot];
        this.#sequence.moveSlot(family, group, slot);
        group.pages[slot]!.bytes += entryBytes(family, group, slot) - bytes;
      }
    }
    const before = this.#groupBefore(group);
    for (const [slot, descriptor] of layout.descriptors.entries()) {
      if (old.slotOf(descriptor.name) === undefined) this.#addEntry(descriptor, group, slot, before);
    }
    for (const { family, oldSlot, slot } of kept) {
      this.#exchangeDescriptor(family, old.descriptors[oldSlot]!, layout.descriptors[slot]!, group.shape);
    }
    if (this.#isArranged) for (const page of group.pages) this.#sequence.fit(page!);
  }

  /** @param before see {@link Sequence.insert} */
  #addEntry(descriptor: Descriptor, group: Group, slot: number, before?: Group): void {
    let family = this.#families.get(descriptor.name);
    if (family === undefined) {
      family = new Family(descriptor.name);
      this.#families.set(descriptor.name, family);
    }
    family.retain(descriptor, group.shape);
    this.#updateHead(family);
    if (this.#isArranged) this.#sequence.insert(family, group, slot, before);
  }

  #removeEntry(descriptor: Descriptor, group: Group, slot: number): void {
    const family = this.#families.get(descriptor.name)!;
    if (this.#isArranged) this.#sequence.remove(family, group, slot);
    family.setHidden(group, false);
    family.release(descriptor, group.shape);
    this.#updateHead(family);
    if (family.holders === 0) this.#families.delete(family.name);
  }

  #exchangeDescriptor(family: Family, old: Descriptor, now: Descriptor, shape: Shape): void {
    if (old === now) return;
    family.retain(now, shape);
    family.release(old, shape);
    this.#updateHead(family);
  }

  #updateHead(family: Family): void {
    const { headPage } = family;
    if (family.holders === 0) {
      if (headPage !== undefined) this.#sequence.remove(family, undefined, HEAD);
      return;
    }
    const head = family.computeHead();
    if (!this.#isArranged) {
      family.head = head;
    } else if (headPage === undefined) {
      family.head = head;
      this.#sequence.insert(family, undefined, HEAD);
    } else if (head !== family.head) {
      this.#sequence.touch(headPage);
      headPage.bytes += headBytes(head) - headBytes(family.head!);
      family.head = head;
      this.#sequence.fit(headPage);
    }
  }

  /** The group that comes right before in every family that it holds, where that is easy to see. */
  #groupBefore(group: Group): Group | undefined {
    return this.#sequence.groupBefore(this.#families.get(FAILURE_TIME_DESCRIPTOR.name)!, group, FAILURE_TIME);
  }
}
