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
import { encodeLayout } from "../record/descriptor.ts";
import type { StateHash } from "../record/entry.ts";
import type {
  DeleteFamilyRecord,
  DeleteRecord,
  FailedRecord,
  GatewayRecord,
  GroupTimes,
  PushRecord,
  RestoreRecord,
} from "../record/record.ts";
import { BodyStore } from "./body-store.ts";
import { type ConsistencyIndex, findContradiction } from "./consistency.ts";
import type { Family } from "./family.ts";
import { FamilyIndex } from "./family-index.ts";
import { Group, type GroupContent, latestStamp, NOTHING } from "./group.ts";
import { LayoutTable } from "./layout.ts";
import { mergeBlock, withoutFamily } from "./merge.ts";
import type { Sequence } from "./sequence.ts";
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
  readonly #groups = new Map<ByteString, Group>();
  readonly #index: FamilyIndex;
  readonly #shapes = new ShapeTable();
  readonly #layouts = new LayoutTable();
  #bodies = new BodyStore();
  #hash: StateHash = EMPTY_STATE_HASH;
  #seriesBytes = 0;
  #suspect = false;
  #contradicted = false;
  #usage: Usage | undefined;

  /**
   * @param arranged false for a state that is being loaded: the exposition is put in order all at once, by {@link arrange} or when it is
   *   first asked for
   */
  constructor(arranged = true) {
    this.#index = new FamilyIndex(arranged);
  }

  /** The exposition, in order. */
  get sequence(): Sequence {
    this.arrange();
    return this.#index.sequence;
  }

  /** Ends loading: a state that is not arranged yet is put in order. */
  arrange(): void {
    this.#index.arrange(this.#groups.values());
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

  /** Has something been stored, unchecked, that contradicts something else? Stays true until `settleConflicts` finds nothing. */
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
    return this.#index.family(name);
  }

  families(): IterableIterator<Family> {
    return this.#index.families();
  }

  holders(family: Family): IterableIterator<Group> {
    return this.sequence.groupsOf(family);
  }

  /** Leaves what a group shows of a family out of expositions, or puts it back. @param group undefined for the family's head */
  setHidden(family: Family, group: Group | undefined, hidden: boolean): void {
    this.#index.setHidden(family, group, hidden);
  }

  /** Shows a family under the type that won; without one, not at all. */
  settleHead(family: Family, type: MetricType | undefined): void {
    this.#index.settleHead(family, type);
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
    const key = own === undefined ? groupingKeyFromId(record.key) : undefined;
    const twin = key && this.#findTwin(key);
    if (twin !== undefined) return twinExists(key!, twin);
    if (record.unchecked) return undefined;
    const shape = own?.shape ?? this.#shapes.resolve(key!);
    const layout = this.#layouts.resolve(block.layout, own?.content.layout);
    const contradiction = findContradiction(this, { shape, own, merge: record.kind === "merge", layout, block });
    return contradiction === undefined ? undefined : inconsistent(contradiction);
  }

  #applyPush(record: PushRecord): WaystationError | undefined {
    const { block, time } = record;
    const own = this.#groups.get(record.key);
    const key = own === undefined ? groupingKeyFromId(record.key) : undefined;
    const twin = key && this.#findTwin(key);
    if (twin !== undefined) {
      this.#noteFailure(twin.id, time);
      return twinExists(key!, twin);
    }
    const shape = own?.shape ?? this.#shapes.resolve(key!);
    const layout = this.#layouts.resolve(block.layout, own?.content.layout);
    const merge = record.kind === "merge";
    if (!record.unchecked) {
      const contradiction = findContradiction(this, { shape, own, merge, layout, block });
      if (contradiction !== undefined) {
        this.#noteFailure(record.key, time);
        return inconsistent(contradiction);
      }
    } else if (!this.#isDistrusted && findContradiction(this, { shape, own, merge, layout, block }) !== undefined) {
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
        ? mergeBlock(old, pushed, pushStamp, { layouts: this.#layouts, bodies: this.#bodies })
        : { layout, body: this.#bodies.copy(block.body), sides: block.sides, familyStamps: undefined };
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
    this.#setContent(own ?? this.#createGroup(key!, shape), content);
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
        this.#noteFailure(twin.id, time);
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
    const key = own === undefined ? groupingKeyFromId(record.key) : undefined;
    const shape = own?.shape ?? this.#shapes.resolve(key!);
    const layout = this.#layouts.resolve(block.layout);
    if (checked && !this.#isDistrusted) {
      const contradicts =
        (key && this.#findTwin(key)) ?? findContradiction(this, { shape, own, merge: false, layout, block });
      if (contradicts !== undefined) this.#distrust();
    }
    const { sides } = block;
    const body = this.#bodies.copy(block.body);
    const content = { layout, body, sides, pushTime, failureTime, pushStamp, failureStamp, familyStamps };
    this.#setContent(own ?? this.#createGroup(key!, shape), content);
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
    this.#index.add(group);
    return group;
  }

  #deleteGroup({ key: id, unlessLater }: DeleteRecord): WaystationError | undefined {
    const group = this.#groups.get(id);
    if (group === undefined) return undefined;
    const { content } = group;
    if (unlessLater !== undefined && latestStamp(content) > unlessLater) {
      return new WaystationError("INCONSISTENT", `group ${describeGroupingKey(group.key)} was pushed to meanwhile`);
    }
    this.#index.remove(group);
    this.#layouts.release(content.layout);
    this.#shapes.release(group.shape);
    this.#groups.delete(id);
    this.#usage?.forget(group);
    this.#seriesBytes -= content.body.length;
    this.#exchangeHash(group, EMPTY_STATE_HASH);
    this.#bodies.free(group.giveUpBody());
    return undefined;
  }

  /** Not a push: when the group and its other families were pushed stays as it was. */
  #deleteFamily({ key, name }: DeleteFamilyRecord): void {
    const group = this.#groups.get(key);
    if (group?.content.layout.slotOf(name) === undefined) return;
    this.#setContent(group, {
      ...group.content,
      ...withoutFamily(group.content, name, { layouts: this.#layouts, bodies: this.#bodies }),
    });
  }

  #wipe(): void {
    for (const group of this.#groups.values()) this.#layouts.release(group.content.layout);
    this.#groups.clear();
    // Not emptied: who knows one of the groups may still look at what it held.
    this.#bodies = new BodyStore();
    this.#shapes.clear();
    this.#index.clear();
    this.#seriesBytes = 0;
    this.#hash = EMPTY_STATE_HASH;
    this.#usage = undefined;
    this.#suspect = false;
    this.#contradicted = false;
  }

  /** The short way for a push whose layout is the stored one; false if it has to be the long one. */
  #overwrite(group: Group, body: Uint8Array, pushStamp: bigint): boolean {
    // For a frozen view what is to be overwritten is kept.
    this.#index.touch(group);
    const oldBytes = group.content.body.length;
    const ends = this.#index.copyEnds(group);
    if (!group.overwrite(body, toSeconds(pushStamp), pushStamp, this.#bodies)) return false;
    this.#index.resize(group, ends);
    this.#noteContent(group, oldBytes);
    return true;
  }

  /** Everything that was derived from the old content is brought in line with the new one here and in `#noteContent`. */
  #setContent(group: Group, proposed: GroupContent): void {
    const old = group.content;
    const { body } = old;
    this.#index.touch(group);
    if (old.layout === proposed.layout) {
      group.content = proposed;
      this.#index.resize(group, body);
    } else {
      const layout = this.#layouts.retain(proposed.layout);
      this.#index.exchangeLayout(group, { ...proposed, layout });
      this.#layouts.release(old.layout);
    }
    this.#noteContent(group, body.length);
    if (group.content.body !== body) this.#bodies.free(body);
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
