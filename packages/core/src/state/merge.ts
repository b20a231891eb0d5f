import { type ByteString, compareBytes } from "../model/byte-string.ts";
import { type Descriptor, encodeLayout } from "../record/descriptor.ts";
import { type FamilySide, linesOf, linesStart, NO_SIDES } from "../record/family-block.ts";
import { familyStamp, type GroupContent, newBody } from "./group.ts";
import type { LayoutTable } from "./layout.ts";

type Families = Pick<GroupContent, "layout" | "body" | "sides">;

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
  layouts: LayoutTable,
): Families & Pick<GroupContent, "familyStamps"> {
  const merged: Part[] = [
    ...old.layout.descriptors.flatMap((descriptor, slot) =>
      pushed.layout.slotOf(descriptor.name) === undefined
        ? [{ descriptor, from: old, slot, stamp: familyStamp(old, slot) }]
        : [],
    ),
    ...pushed.layout.descriptors.map((descriptor, slot) => ({ descriptor, from: pushed, slot, stamp })),
  ].sort((a, b) => compareBytes(a.descriptor.name, b.descriptor.name));
  return joinFamilies(merged, stamp, layouts);
}

/** A group's families but one. */
export function withoutFamily(
  old: GroupContent,
  name: ByteString,
  layouts: LayoutTable,
): Families & Pick<GroupContent, "familyStamps"> {
  const kept = old.layout.descriptors
    .map((descriptor, slot): Part => ({ descriptor, from: old, slot, stamp: familyStamp(old, slot) }))
    .filter(({ descriptor }) => descriptor.name !== name);
  return joinFamilies(kept, old.pushStamp, layouts);
}

/** @param merged ordered by name; @param stamp of the group's last push */
function joinFamilies(
  merged: readonly Part[],
  stamp: bigint,
  layouts: LayoutTable,
): Families & Pick<GroupContent, "familyStamps"> {
  const lines = merged.map(({ from, slot }) => linesOf(from.body, from.layout.size, slot));
  const sides = new Map<number, FamilySide>();
  for (const [slot, part] of merged.entries()) {
    const side = part.from.sides.get(part.slot);
    if (side !== undefined) sides.set(slot, side);
  }
  return {
    layout: layouts.resolve(encodeLayout(merged.map(({ descriptor }) => descriptor))),
    body: joinBody(lines),
    sides: sides.size > 0 ? sides : NO_SIDES,
    familyStamps: merged.every((part) => part.stamp === stamp) ? undefined : merged.map((part) => part.stamp),
  };
}

function joinBody(lines: readonly Uint8Array[]): Uint8Array {
  const start = linesStart(lines.length);
  const body = newBody(lines.reduce((sum, { length }) => sum + length, start));
  const ends = new DataView(body.buffer);
  let end = start;
  for (const [slot, part] of lines.entries()) {
    body.set(part, end);
    end += part.length;
    ends.setUint32(slot * 4, end - start, true);
  }
  return body;
}
