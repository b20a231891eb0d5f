import type { ByteWriter } from "../exposition/byte-writer.ts";
import { formatFloat } from "../exposition/float.ts";
import { writeFamily, writeMetric } from "../exposition/text-encoder.ts";
import type { ByteString } from "../model/byte-string.ts";
import { type EscapingScheme, escapeFamily, isLegacyMetricName } from "../model/names.ts";
import { linesEnd } from "../record/family-block.ts";
import { FAILURE_TIME, HEAD, PUSH_TIME } from "../state/entry.ts";
import type { FamilyHead } from "../state/family.ts";
import { exposedFamilyTree } from "../state/family-tree.ts";
import type { Group, GroupContent } from "../state/group.ts";
import type { PageView } from "../state/page.ts";
import { joinOwn, type OwnFamilies } from "./own-families.ts";

/**
 * Writes a page in the text format 0.0.4. Sample lines are stored as they are to be printed, unless names must be escaped.
 *
 * @returns whether all names are legacy ones, so that every escaping scheme gives the same bytes
 */
export function writeTextPage(out: ByteWriter, view: PageView, escaping: EscapingScheme, own: OwnFamilies): boolean {
  let plain = true;
  const { families, groups, slots } = view;
  for (let i = 0; i < slots.length; i++) {
    const family = families[i]!;
    const group = groups[i];
    const slot = slots[i]!;
    if (slot === HEAD) {
      writeFamily(out, escapeFamily(joinOwn(view.shown(i) as FamilyHead, own), escaping));
      plain &&= isLegacyMetricName(family.name);
    } else {
      const content = view.shown(i) as GroupContent;
      const quoted = isQuoted(group!, content, slot);
      if (quoted && escaping !== "allow-utf-8") writeEscaped(out, group!, content, slot, escaping);
      else if (isTimeSlot(slot)) writeTime(out, family.name, group!, content, slot);
      else writeLines(out, content, slot);
      plain &&= !quoted;
    }
  }
  return plain;
}

/** Are there names in what a group shows that are outside the legacy character set? */
export function isQuoted(group: Group, content: GroupContent, slot: number): boolean {
  return isTimeSlot(slot) ? group.quoted : content.layout.descriptors[slot]!.quoted;
}

function isTimeSlot(slot: number): boolean {
  return slot === PUSH_TIME || slot === FAILURE_TIME;
}

function writeTime(out: ByteWriter, name: ByteString, group: Group, content: GroupContent, slot: number): void {
  const value = slot === PUSH_TIME ? content.pushTime : content.failureTime;
  out.writeLatin1(`${name}{${group.timeLabels}} ${formatFloat(value)}\n`);
}

function writeLines(out: ByteWriter, { layout, body }: GroupContent, slot: number): void {
  out.writePart(body, linesEnd(body, layout.size, slot - 1), linesEnd(body, layout.size, slot));
}

function writeEscaped(
  out: ByteWriter,
  group: Group,
  content: GroupContent,
  slot: number,
  escaping: EscapingScheme,
): void {
  const tree = escapeFamily(exposedFamilyTree(group, content, slot), escaping);
  for (const metric of tree.metrics) writeMetric(out, tree.name, tree.type, metric);
}
