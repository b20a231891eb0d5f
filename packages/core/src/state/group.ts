import type { ByteString } from "../model/byte-string.ts";
import {
  compareGroupingKeys,
  compareSiblingIds,
  type GroupingKey,
  groupingKeyFromId,
  timeLabels,
} from "../model/grouping-key.ts";
import { formatLabels } from "../model/labels.ts";
import { type FamilyBlock, type FamilySide, linesEnd, NO_SIDES } from "../record/family-block.ts";
import type { GroupTimes } from "../record/record.ts";
import { FAILURE_TIME_DESCRIPTOR, PUSH_TIME_DESCRIPTOR } from "../record/time-families.ts";
import type { BodyStore } from "./body-store.ts";
import type { Layout } from "./layout.ts";
import type { Page } from "./page.ts";
import type { Shape } from "./shape.ts";

/** Everything that one grouping key holds. */
export interface GroupContent extends GroupTimes {
  readonly layout: Layout;
  /**
   * Ends of the families' sample lines, then the lines (see `record/family-block.ts`), then some zeros. In the memory of the group: who
   * keeps the content may find an equal copy here in another turn, and should keep no part of it.
   */
  readonly body: Uint8Array;
  readonly sides: ReadonlyMap<number, FamilySide>;
}

/** What a group holds before anything was pushed to it, apart from the layout of no families. */
export const NOTHING: Omit<GroupContent, "layout"> = Object.freeze({
  body: new Uint8Array(0),
  sides: NO_SIDES,
  pushTime: 0,
  failureTime: 0,
  pushStamp: 0n,
  failureStamp: 0n,
  familyStamps: undefined,
});

/** A content as its group changes it. */
type OwnContent = { -readonly [Field in keyof GroupContent]: GroupContent[Field] };

/** A metric group: the stable thing that the exposition refers to, with a content that changes. */
export class Group {
  /** Of its key. */
  readonly id: ByteString;
  readonly shape: Shape;
  /** Of the key, for state hashes: a signed integer, which needs no memory of its own. */
  readonly keyHash: number;
  /** The labels of its two time metrics, as printed. */
  readonly timeLabels: ByteString;
  #content: OwnContent;
  /** Does somebody keep the content? */
  #kept = false;
  /** The newest frozen view under which it was changed, and what it held in that view. */
  #savedView = 0;
  #saved: GroupContent | undefined;
  /** When its pages were last told that it changes: see `Sequence.touchGroup`. */
  touchedIn = 0;
  /** Where its families stand in the exposition, in the order of the content's layout. */
  pages: (Page | undefined)[] = [];
  /** Where its two time metrics stand. */
  failureTimePage: Page | undefined;
  pushTimePage: Page | undefined;
  /** Its share in the state hash, as signed integers. */
  hashLow = 0;
  hashHigh = 0;

  constructor(key: GroupingKey, shape: Shape, content: GroupContent, keyHash: number) {
    this.id = key.id;
    this.keyHash = keyHash | 0;
    this.shape = shape;
    this.#content = content;
    this.timeLabels = formatLabels(timeLabels(key));
  }

  /** Made anew each time: its labels would take more memory than anything else of the group, and few ask for them. */
  get key(): GroupingKey {
    return groupingKeyFromId(this.id);
  }

  /** Are there grouping labels whose names are outside the legacy character set? */
  get quoted(): boolean {
    return this.shape.quoted;
  }

  /** What it holds now, to be looked at in this turn: the next push may overwrite it. */
  get content(): GroupContent {
    return this.#content;
  }

  /** The body of the old one is to be freed, if this is not the same. */
  set content(content: GroupContent) {
    this.#leaveToKeepers();
    this.#content = content;
  }

  /** When the group is deleted. @returns its body, which nobody refers to any more */
  giveUpBody(): Uint8Array {
    const { body } = this.#content;
    this.#content.body = body.slice();
    return body;
  }

  /** Where a family of it stands, or one of its time metrics. */
  pageOf(family: ByteString): Page | undefined {
    if (family === PUSH_TIME_DESCRIPTOR.name) return this.pushTimePage;
    if (family === FAILURE_TIME_DESCRIPTOR.name) return this.failureTimePage;
    const slot = this.#content.layout.slotOf(family);
    return slot === undefined ? undefined : this.pages[slot];
  }

  /** The same for whoever looks at it later: it stays as it is, whatever is pushed. */
  keepContent(): GroupContent {
    this.#kept = true;
    return this.#content;
  }

  /** To be called before a change, while a view is frozen. @returns whether it was the first change under this view */
  saveFor(view: number): boolean {
    if (this.#savedView === view) return false;
    this.#savedView = view;
    this.#saved = this.keepContent();
    return true;
  }

  /** What it held when the view was frozen, to be looked at in this turn. */
  contentIn(view: number): GroupContent {
    return this.#savedView === view ? this.#saved! : this.#content;
  }

  /** The same for whoever looks at it later. */
  keepContentIn(view: number): GroupContent {
    return this.#savedView === view ? this.#saved! : this.keepContent();
  }

  /** The view is not frozen any more. */
  forgetSaved(): void {
    this.#savedView = 0;
    this.#saved = undefined;
  }

  /**
   * Replaces all families by others of the same layout without side notes, in the memory of the old ones if they fit in. That is what
   * nearly all pushes do, and it leaves no garbage: survivors among that are what garbage collections cost.
   *
   * @returns whether it was done
   */
  overwrite(body: Uint8Array, pushTime: number, pushStamp: bigint, bodies: BodyStore): boolean {
    const { sides, familyStamps } = this.#content;
    if (sides.size > 0 || familyStamps !== undefined) return false;
    this.#leaveToKeepers();
    const content = this.#content;
    content.body = bodies.overwrite(content.body, body);
    content.pushTime = pushTime;
    content.pushStamp = pushStamp;
    return true;
  }

  /** What somebody keeps is theirs, with a body of its own: the group goes on with another content, in its old memory. */
  #leaveToKeepers(): void {
    if (!this.#kept) return;
    this.#kept = false;
    const kept = this.#content;
    this.#content = { ...kept };
    kept.body = kept.body.slice();
  }
}

/** The order of groups in an exposition: that of their keys. */
export function compareGroups(a: Group, b: Group): number {
  return a.shape === b.shape ? compareSiblingIds(a.id, b.id) : compareGroupingKeys(a.key, b.key);
}

/** The families as records carry them. */
export function blockOf({ layout, body, sides }: GroupContent): FamilyBlock {
  return { layout: layout.bytes, body: body.subarray(0, linesEnd(body, layout.size, layout.size - 1)), sides };
}

/** When a group was last pushed to, with success or not: nanoseconds since the epoch. */
export function latestStamp({ pushStamp, failureStamp }: GroupTimes): bigint {
  return pushStamp > failureStamp ? pushStamp : failureStamp;
}

/** When family `slot` of a group was last pushed: nanoseconds since the epoch. */
export function familyStamp(content: GroupContent, slot: number): bigint {
  return content.familyStamps?.[slot] ?? content.pushStamp;
}
