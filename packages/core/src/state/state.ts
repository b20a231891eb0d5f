import { WaystationError } from "../errors.ts";
import type { ByteString } from "../model/byte-string.ts";
import {
  describeGroupingKey,
  type GroupingKey,
  groupingKeyFromId,
  groupingKeyId,
  timeLabels,
} from "../model/grouping-key.ts";
import type { MetricType } from "../model/metric-family.ts";
import { type Descriptor, encodeLayout } from "../record/descriptor.ts";
import type { StateHash } from "../record/entry.ts";
import { linesStart } from "../record/family-block.ts";
import type {
  DeleteFamilyRecord,
  DeleteRecord,
  FailedRecord,
  GatewayRecord,
  GroupTimes,
  PushRecord,
  RestoreRecord,
} from "../record/record.ts";
import { FAILURE_TIME_DESCRIPTOR, isTimeFamily, PUSH_TIME_DESCRIPTOR } from "../record/time-families.ts";
import { type ConsistencyIndex, findContradiction } from "./consistency.ts";
import { entryBytes, FAILURE_TIME, HEAD, headBytes, PUSH_TIME } from "./entry.ts";
import { Family } from "./family.ts";
import { copyBody, Group, type GroupContent, latestStamp, NOTHING } from "./group.ts";
import { LayoutTable } from "./layout.ts";
import { mergeBlock, withoutFamily } from "./merge.ts";
import { Sequence } from "./sequence.ts";
import { type Shape, ShapeTable } from "./shape.ts";
import { EMPTY_STATE_HASH, exchange, hashGroup, hashText } from "./state-hash.ts";
import { Usage } from "./usage.ts";

const NO_FAMILIES = encodeLayout([]);

/**
 * The gateway's state machine: metric groups, and the indexes over them.
 *
 * The same records in the same order give the same state, the same verdicts and the same exposition on every replica. So `apply`
 * reads nothing but the state and the record, and no outcome depends on the order of a Map or Set, which differs between a replica
 * that lived through the records and one that was restored from a snapshot.
 */
export class State implements ConsistencyIndex {
  readonly #sequence = new Sequence();
  #isArranged: boolean;
  readonly #groups = new Map<ByteString, Group>();
  readonly #families = new Map<ByteString, Family>();
  readonly #shapes = new ShapeTable();
  readonly #layouts = new LayoutTable();
  #hash: StateHash = EMPTY_STATE_HASH;
  #seriesBytes = 0;
  #suspect = false;
  #contradicted = false;
  #usage: Usage | undefined;
  /** For one push at a time. */
  #oldEnds = new Uint8Array(256);

  /**
   * @param arranged false for a state that is being loaded: the exposition is put in order all at once, by {@link arrange} or when it is
   *   first asked for
   */
  constructor(arranged = true) {
    this.#isArranged = arranged;
  }

  /** The exposition, in order. */
  get sequence(): Sequence {
    this.arrange();
    return this.#sequence;
  }

  /** Ends loading. Takes about 10 µs a group. */
  arrange(): void {
    if (this.#isArranged) return;
    this.#isArranged = true;
    const times = [FAILURE_TIME_DESCRIPTOR, PUSH_TIME_DESCRIPTOR];
    this.#sequence.arrange(this.#families.values(), this.#groups.values(), ({ descriptors }) =>
      [...descriptors, ...times].map(({ name }) => this.#families.get(name)!),
    );
  }

  get hash(): StateHash {
    return this.#hash;
  }

  get groupCount(): number {
    return this.#groups.size;
  }

  /** For limits only: verdicts do not depend on it. */
  get usage(): Usage {
    this.#usage ??= new Usage(this.#groups.values());
    return this.#usage;
  }

  /** Bytes of sample lines and their bookkeeping in all groups. */
  get bodyBytes(): number {
    return this.#seriesBytes;
  }

  /** Has something been stored, unchecked, that contradicts something else? Stays true until {@link settle} finds nothing. */
  get suspect(): boolean {
    return this.#suspect;
  }

  set suspect(value: boolean) {
    this.#suspect = value;
  }

  /**
   * Has something been stored, unchecked, that contradicted something else, since there was nothing stored at all? Unlike `suspect`,
   * which says whether an exposition has to be looked at, it is the same on every replica, so that verdicts may depend on it.
   */
  get contradicted(): boolean {
    return this.#contradicted;
  }

  set contradicted(value: boolean) {
    this.#contradicted = value;
  }

  group(id: ByteString): Group | undefined {
    return this.#groups.get(id);
  }

  groups(): IterableIterator<Group> {
    return this.#groups.values();
  }

  family(name: ByteString): Family | undefined {
    return this.#families.get(name);
  }

  families(): IterableIterator<Family> {
    return this.#families.values();
  }

  holders(family: Family): IterableIterator<Group> {
    return this.sequence.groupsOf(family);
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

  /**
   * Applies one record.
   *
   * @returns why a push was refused (`INCONSISTENT`), which is then noted in the group's failure time; undefined if it was accepted
   */
  apply(record: GatewayRecord): WaystationError | undefined {
    switch (record.kind) {
      case "replace":
      case "merge":
        return this.#applyPush(record);
      case "failed":
        this.#noteFailure(record.key, record.time);
        return new WaystationError("INCONSISTENT", record.reason);
      case "delete":
        return this.#deleteGroup(record);
      case "delete-family":
        this.#deleteFamily(record);
        return undefined;
      case "wipe":
        this.#wipe();
        return undefined;
      case "restore":
        return this.#restore(record, true);
    }
  }

  /** Takes over a group from a snapshot, which says by itself whether it is `suspect` or `contradicted`. */
  load(record: RestoreRecord): void {
    this.#restore(record, false);
  }

  /** What {@link apply} would return for a push, which is not applied. */
  judge(record: PushRecord | FailedRecord): WaystationError | undefined {
    if (record.kind === "failed") return new WaystationError("INCONSISTENT", record.reason);
    const { block } = record;
    const own = this.#groups.get(record.key);
    const key = own?.key ?? groupingKeyFromId(record.key);
    const twin = own === undefined ? this.#findTwin(key) : undefined;
    if (twin !== undefined) return twinExists(key, twin);
    if (record.unchecked) return undefined;
    const shape = own?.shape ?? this.#shapes.resolve(key);
    const layout = this.#layouts.resolve(block.layout, own?.content.layout);
    const contradiction = findContradiction(this, { key, shape, own, merge: record.kind === "merge", layout, block });
    return contradiction === undefined ? undefined : inconsistent(contradiction);
  }

  #applyPush(record: PushRecord): WaystationError | undefined {
    const { block, time } = record;
    const own = this.#groups.get(record.key);
    const key = own?.key ?? groupingKeyFromId(record.key);
    const twin = own === undefined ? this.#findTwin(key) : undefined;
    if (twin !== undefined) {
      this.#noteFailure(twin.key.id, time);
      return twinExists(key, twin);
    }
    const shape = own?.shape ?? this.#shapes.resolve(key);
    const layout = this.#layouts.resolve(block.layout, own?.content.layout);
    const merge = record.kind === "merge";
    if (!record.unchecked) {
      const contradiction = findContradiction(this, { key, shape, own, merge, layout, block });
      if (contradiction !== undefined) {
        this.#noteFailure(record.key, time);
        return inconsistent(contradiction);
      }
    } else if (
      !this.#isDistrusted &&
      findContradiction(this, { key, shape, own, merge, layout, block }) !== undefined
    ) {
      this.#distrust();
    }
    const old = own?.content;
    const pushStamp = notBefore(time, old ?? NOTHING);
    if (
      own !== undefined &&
      old!.layout === layout &&
      block.sides.size === 0 &&
      this.#overwrite(own, block.body, pushStamp)
    ) {
      return undefined;
    }
    const pushed = { layout, body: block.body, sides: block.sides };
    const families =
      merge && old !== undefined && old.layout.size > 0 && old.layout !== layout
        ? mergeBlock(old, pushed, pushStamp, this.#layouts)
        : { layout, body: copyBody(block.body), sides: block.sides, familyStamps: undefined };
    // Written out, since this is the hottest of all places, and spreading objects is slow.
    const content: GroupContent = {
      layout: families.layout,
      body: families.body,
      sides: families.sides,
      pushTime: toSeconds(pushStamp),
      failureTime: old?.failureTime ?? 0,
      pushStamp,
      failureStamp: old?.failureStamp ?? pushStamp,
      familyStamps: families.familyStamps,
    };
    // What could fail has been done: from here on everything is changed, and nothing decided.
    this.#setContent(own ?? this.#createGroup(key, shape), content);
    return undefined;
  }

  /** A failed push to a new group creates it, empty, so that its failure can be seen. */
  #noteFailure(id: ByteString, time: bigint): void {
    const known = this.#groups.get(id);
    let group = known;
    if (group === undefined) {
      const key = groupingKeyFromId(id);
      // The group that already exposes these time metrics stands for both.
      const twin = this.#findTwin(key);
      if (twin !== undefined) {
        this.#noteFailure(twin.key.id, time);
        return;
      }
      group = this.#createGroup(key, this.#shapes.resolve(key));
    }
    const failureStamp = notBefore(time, group.content);
    const pushStamp = known === undefined ? failureStamp : group.content.pushStamp;
    this.#setContent(group, { ...group.content, pushStamp, failureTime: toSeconds(failureStamp), failureStamp });
  }

  #restore(record: RestoreRecord, checked: boolean): WaystationError | undefined {
    const { block, pushTime, failureTime, pushStamp, failureStamp, familyStamps } = record;
    const own = this.#groups.get(record.key);
    if (own !== undefined && own.content.pushTime > 0 && own.content.pushStamp > pushStamp) {
      return new WaystationError("INCONSISTENT", `group ${describeGroupingKey(own.key)} was pushed to later`);
    }
    const key = own?.key ?? groupingKeyFromId(record.key);
    const shape = own?.shape ?? this.#shapes.resolve(key);
    const layout = this.#layouts.resolve(block.layout);
    if (checked && !this.#isDistrusted) {
      const twin = own === undefined ? this.#findTwin(key) : undefined;
      const contradicts = twin ?? findContradiction(this, { key, shape, own, merge: false, layout, block });
      if (contradicts !== undefined) this.#distrust();
    }
    const { sides } = block;
    const body = copyBody(block.body);
    const content = { layout, body, sides, pushTime, failureTime, pushStamp, failureStamp, familyStamps };
    this.#setContent(own ?? this.#createGroup(key, shape), content);
    return undefined;
  }

  /** Is there nothing more to be learnt from checking what is stored anyway? */
  get #isDistrusted(): boolean {
    return this.#suspect && this.#contradicted;
  }

  #distrust(): void {
    this.#suspect = true;
    this.#contradicted = true;
  }

  /** Groups that differ in an empty instance label only would expose the same time metrics. */
  #findTwin(key: GroupingKey): Group | undefined {
    const instance = key.labels.find(({ name }) => name === "instance");
    if (instance === undefined) return this.#groups.get(groupingKeyId(timeLabels(key)));
    if (instance.value !== "") return undefined;
    return this.#groups.get(groupingKeyId(key.labels.filter((label) => label !== instance)));
  }

  #createGroup(key: GroupingKey, shape: Shape): Group {
    const layout = this.#layouts.retain(this.#layouts.resolve(NO_FAMILIES));
    const group = new Group(key, shape, { ...NOTHING, layout }, hashText(key.id));
    this.#shapes.retain(shape);
    this.#groups.set(key.id, group);
    this.#addEntry(FAILURE_TIME_DESCRIPTOR, group, FAILURE_TIME);
    this.#addEntry(PUSH_TIME_DESCRIPTOR, group, PUSH_TIME, this.#groupBefore(group));
    return group;
  }

  #deleteGroup({ key: id, unlessLater }: DeleteRecord): WaystationError | undefined {
    const group = this.#groups.get(id);
    if (group === undefined) return undefined;
    const { content } = group;
    if (unlessLater !== undefined && latestStamp(content) > unlessLater) {
      return new WaystationError("INCONSISTENT", `group ${describeGroupingKey(group.key)} was pushed to meanwhile`);
    }
    for (const [slot, descriptor] of content.layout.descriptors.entries()) this.#removeEntry(descriptor, group, slot);
    this.#removeEntry(FAILURE_TIME_DESCRIPTOR, group, FAILURE_TIME);
    this.#removeEntry(PUSH_TIME_DESCRIPTOR, group, PUSH_TIME);
    this.#layouts.release(content.layout);
    this.#shapes.release(group.shape);
    this.#groups.delete(id);
    this.#usage?.forget(group);
    this.#seriesBytes -= content.body.length;
    this.#exchangeHash(group, EMPTY_STATE_HASH);
    return undefined;
  }

  /** Not a push: when the group and its other families were pushed stays as it was. */
  #deleteFamily({ key, name }: DeleteFamilyRecord): void {
    const group = this.#groups.get(key);
    if (group?.content.layout.slotOf(name) === undefined) return;
    this.#setContent(group, { ...group.content, ...withoutFamily(group.content, name, this.#layouts) });
  }

  #wipe(): void {
    for (const group of this.#groups.values()) this.#layouts.release(group.content.layout);
    this.#groups.clear();
    this.#shapes.clear();
    this.#families.clear();
    this.#sequence.clear();
    this.#seriesBytes = 0;
    this.#hash = EMPTY_STATE_HASH;
    this.#usage = undefined;
    this.#suspect = false;
    this.#contradicted = false;
  }

  /** The short way for a push whose layout is the stored one; false if it has to be the long one. */
  #overwrite(group: Group, body: Uint8Array, pushStamp: bigint): boolean {
    // For a frozen view what is to be overwritten is kept.
    this.#touch(group);
    const { body: old, layout } = group.content;
    const oldBytes = old.length;
    const ends = this.#ends(old.subarray(0, linesStart(layout.size)));
    if (!group.overwrite(body, toSeconds(pushStamp), pushStamp)) return false;
    this.#resize(group, ends);
    this.#noteContent(group, oldBytes);
    return true;
  }

  /** Everything that was derived from the old content is brought in line with the new one here and in `#noteContent`. */
  #setContent(group: Group, proposed: GroupContent): void {
    const old = group.content;
    this.#touch(group);
    if (old.layout === proposed.layout) {
      const { body } = old;
      group.content = proposed;
      this.#resize(group, body);
    } else {
      const layout = this.#layouts.retain(proposed.layout);
      this.#exchangeLayout(group, { ...proposed, layout });
      this.#layouts.release(old.layout);
    }
    this.#noteContent(group, old.body.length);
  }

  /** The group that comes right before in every family that it holds, where that is easy to see. */
  #groupBefore(group: Group): Group | undefined {
    return this.#sequence.groupBefore(this.#families.get(FAILURE_TIME_DESCRIPTOR.name)!, group, FAILURE_TIME);
  }

  #touch(group: Group): void {
    if (this.#isArranged) this.#sequence.touchGroup(group);
  }

  /** A copy of the ends of lines that are about to be overwritten. */
  #ends(ends: Uint8Array): Uint8Array {
    if (this.#oldEnds.length < ends.length) this.#oldEnds = new Uint8Array(2 * ends.length);
    this.#oldEnds.set(ends);
    return this.#oldEnds;
  }

  /** @param old the body that the group had, or at least the ends of its lines */
  #resize({ pages, content: { layout, body } }: Group, old: Uint8Array): void {
    if (!this.#isArranged) return;
    let hasGrown = false;
    // A page may hold several families of the group: it is cut when the lengths of all of them are known.
    for (let slot = 0; slot < pages.length; slot++) {
      const more = layout.lineBytes(body, slot) - layout.lineBytes(old, slot);
      if (more === 0) continue;
      pages[slot]!.bytes += more;
      hasGrown = true;
    }
    if (!hasGrown) return;
    for (let slot = 0; slot < pages.length; slot++) this.#sequence.fit(pages[slot]!);
  }

  #noteContent(group: Group, oldBytes: number): void {
    const { content } = group;
    this.#seriesBytes += content.body.length - oldBytes;
    this.#exchangeHash(group, hashGroup(group.keyHash, content));
    this.#usage?.note(group);
  }

  #exchangeHash(group: Group, now: StateHash): void {
    this.#hash = exchange(this.#hash, [group.hashLow, group.hashHigh], now);
    group.hashLow = now[0] | 0;
    group.hashHigh = now[1] | 0;
  }

  #exchangeLayout(group: Group, content: GroupContent): void {
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
}

function twinExists(key: GroupingKey, twin: Group): WaystationError {
  return inconsistent(
    `group ${describeGroupingKey(key)} would expose the same series as group ${describeGroupingKey(twin.key)}, ` +
      'since a missing instance label is exposed as instance=""',
  );
}

function inconsistent(reason: string): WaystationError {
  return new WaystationError(
    "INCONSISTENT",
    `pushed metrics are invalid or inconsistent with existing metrics: ${reason}`,
  );
}

/**
 * Within a group, time does not run backwards: two replicas' clocks may differ, and a success must not look older than the failure
 * before it. Never more than that, or one fast clock would move all groups.
 */
function notBefore(time: bigint, times: GroupTimes): bigint {
  const last = latestStamp(times);
  return time > last ? time : last;
}

/** As the Go implementation computes its time metrics: the nearest float to the nanoseconds, divided. */
function toSeconds(nanoseconds: bigint): number {
  return Number(nanoseconds) / 1e9;
}
