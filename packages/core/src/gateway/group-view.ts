import { ByteWriter } from "../exposition/byte-writer.ts";
import { writeHelpLine, writeTypeLine } from "../exposition/text-encoder.ts";
import { type ByteString, compareBytes } from "../model/byte-string.ts";
import type { GroupingKey } from "../model/grouping-key.ts";
import type { Label, MetricFamily, MetricType } from "../model/metric-family.ts";
import { countLines, linesEnd, linesOf, linesStart } from "../record/family-block.ts";
import { FAILURE_TIME, PUSH_TIME } from "../state/entry.ts";
import { familyTree } from "../state/family-tree.ts";
import { familyStamp, type Group, type GroupContent, latestStamp } from "../state/group.ts";

/** What a family is, apart from its samples. Strings are byte strings. */
export interface FamilyHead {
  readonly name: ByteString;
  readonly type: MetricType;
  readonly help?: ByteString | undefined;
  readonly unit?: ByteString | undefined;
}

export interface FamilyView {
  /** When it was pushed: nanoseconds since the epoch. */
  readonly time: bigint;
  readonly family: MetricFamily;
}

/** A pushed family that is decoded only when asked for. */
export interface PushedFamilyView {
  readonly head: FamilyHead;
  /** When it was pushed: nanoseconds since the epoch. */
  readonly time: bigint;
  /** Sample lines in the text format, which is what Prometheus counts as series. */
  readonly series: number;
  /** Of those lines. */
  readonly bytes: number;
  decode(): MetricFamily;
}

/** A metric group as it is at one moment, whatever is pushed afterwards. Strings are byte strings. */
export interface GroupView {
  readonly key: GroupingKey;
  readonly labels: readonly Label[];
  /** Seconds since the epoch, 0 for never. */
  readonly pushTime: number;
  readonly failureTime: number;
  readonly lastPushSuccessful: boolean;
  /** When something was last pushed to it, with success or not: nanoseconds since the epoch. */
  readonly lastTouched: bigint;
  /** What its pushed families are, ordered by name: the same array for all groups that have equal ones. Nothing is decoded. */
  readonly heads: readonly FamilyHead[];
  /** Bytes of its sample lines. */
  readonly bytes: number;
  /** Counts the sample lines of its pushed families. Takes time in proportion to `bytes`, though little. */
  countSeries(): number;
  /** Its pushed families, ordered by name; none is decoded until asked for. */
  pushedFamilies(): PushedFamilyView[];
  /** Ordered by name, the two time metrics among them, decoded. */
  families(): FamilyView[];
  /** What was pushed in the text format 0.0.4, without the two time metrics. */
  text(): Uint8Array;
}

export function viewGroup(group: Group): GroupView {
  return new ContentView(group, group.keepContent());
}

class ContentView implements GroupView {
  readonly #group: Group;
  readonly #content: GroupContent;
  #key: GroupingKey | undefined;

  constructor(group: Group, content: GroupContent) {
    this.#group = group;
    this.#content = content;
  }

  get key(): GroupingKey {
    this.#key ??= this.#group.key;
    return this.#key;
  }

  get labels(): readonly Label[] {
    return this.key.labels;
  }

  get pushTime(): number {
    return this.#content.pushTime;
  }

  get failureTime(): number {
    return this.#content.failureTime;
  }

  get lastPushSuccessful(): boolean {
    return this.#content.failureTime <= this.#content.pushTime;
  }

  get lastTouched(): bigint {
    return latestStamp(this.#content);
  }

  get heads(): readonly FamilyHead[] {
    return this.#content.layout.descriptors;
  }

  get bytes(): number {
    const { body, layout } = this.#content;
    return linesEnd(body, layout.size, layout.size - 1) - linesStart(layout.size);
  }

  countSeries(): number {
    const { body, layout } = this.#content;
    return countLines(body, linesStart(layout.size));
  }

  pushedFamilies(): PushedFamilyView[] {
    const content = this.#content;
    return content.layout.descriptors.map((head, slot) => {
      const lines = linesOf(content.body, content.layout.size, slot);
      return {
        head,
        time: familyStamp(content, slot),
        series: countLines(lines, 0),
        bytes: lines.length,
        decode: () => familyTree(this.#group, content, slot),
      };
    });
  }

  families(): FamilyView[] {
    const content = this.#content;
    const times = [
      { time: content.failureStamp, family: familyTree(this.#group, content, FAILURE_TIME) },
      { time: content.pushStamp, family: familyTree(this.#group, content, PUSH_TIME) },
    ];
    const pushed = content.layout.descriptors.map((_, slot) => ({
      time: familyStamp(content, slot),
      family: familyTree(this.#group, content, slot),
    }));
    return [...pushed, ...times].sort((a, b) => compareBytes(a.family.name, b.family.name));
  }

  text(): Uint8Array {
    const { body, layout } = this.#content;
    const out = new ByteWriter(body.length + 256);
    for (const [slot, { name, type, help }] of layout.descriptors.entries()) {
      if (help !== undefined) writeHelpLine(out, name, help);
      writeTypeLine(out, name, type);
      out.writeBytes(linesOf(body, layout.size, slot));
    }
    return out.bytes();
  }
}
