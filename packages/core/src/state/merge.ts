import { type ByteString, compareBytes } from "../model/byte-string.ts";
import { type Descriptor, encodeLayout } from "../record/descriptor.ts";
import { type FamilySide, linesOf, linesStart, NO_SIDES } from "../record/family-block.ts";
import type { BodyStore } from "./body-store.ts";
import { familyStamp, type GroupContent } from "./group.ts";
import type { LayoutTable } from "./layout.ts";

type Families = Pick<GroupContent, "layout" | "body" | "sides">;

/** Of the state: where the result's layout and body come from. */
interface Tables {
  readonly layouts: LayoutTable;
  readonly bodies: BodyStore;
}

/** A family, where it is, and when it was pushed. */
interface Part {
  readonly descriptor: Descriptor;
  readonly from: Families;
  readonly slot: number;
  readonly stamp: bigint;
}

/** A group's families with those that were pushed, which take the place of old ones of the same name as a whole. */
export function mergeBlock(
  old: GroupContent,
  pushed: Families,
  stamp: bigint,
  tables: Tables,
): Families & Pick<GroupContent, "familyStamps"> {
  const merged: Part[] = [
    ...old.layout.descriptors.flatMap((descriptor, slot) =>
      pushed.layout.slotOf(descriptor.name) === undefined
        ? [{ descriptor, from: old, slot, stamp: familyStamp(old, slot) }]
        : [],
    ),
    ...pushed.layout.descriptors.map((descriptor, slot) => ({ descriptor, from: pushed, slot, stamp })),
  ].sort((a, b) => compareBytes(a.descriptor.name, b.descriptor.name));
  return joinFamilies(merged, stamp, tables);
}

/** A group's families but one. */
export function withoutFamily(
  old: GroupContent,
  name: ByteString,
  tables: Tables,
): Families & Pick<GroupContent, "familyStamps"> {
  const kept = old.layout.descriptors
    .map((descriptor, slot): Part => ({ descriptor, from: old, slot, stamp: familyStamp(old, slot) }))
    .filter(({ descriptor }) => descriptor.name !== name);
  return joinFamilies(kept, old.pushStamp, tables);
}

/** @param merged ordered by name; @param stamp of the group's last push */
function joinFamilies(
  merged: readonly Part[],
  stamp: bigint,
  { layouts, bodies }: Tables,
): Families & Pick<GroupContent, "familyStamps"> {
  const lines = merged.map(({ from, slot }) => linesOf(from.body, from.layout.size, slot));
  const sides = new Map<number, FamilySide>();
  for (const [slot, part] of merged.entries()) {
    const side = part.from.sides.get(part.slot);
    if (side !== undefined) sides.set(slot, side);
  }
  return {
    layout: layouts.resolve(encodeLayout(merged.map(({ descriptor }) => descriptor))),
    body: joinBody(lines, bodies),
    sides: sides.size > 0 ? sides : NO_SIDES,
    familyStamps: merged.every((part) => part.stamp === stamp) ? undefined : merged.map((part) => part.stamp),
  };
}

function joinBody(lines: readonly Uint8Array[], bodies: BodyStore): Uint8Array {
  const start = linesStart(lines.length);
  const body = bodies.allocate(lines.reduce((sum, { length }) => sum + length, start));
  const ends = new DataView(body.buffer, body.byteOffset);
  let end = start;
  for (const [slot, part] of lines.entries()) {
    body.set(part, end);
    end += part.length;
    ends.setUint32(slot * 4, end - start, true);
  }
  return body;
}
