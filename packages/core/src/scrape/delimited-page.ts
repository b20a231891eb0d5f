import { writeFamilyHead, writeFamilyUnit, writeMetric } from "../exposition/protobuf-encoder.ts";
import { WireWriter } from "../exposition/protobuf-writer.ts";
import { type EscapingScheme, escapeFamily, isLegacyMetricName } from "../model/names.ts";
import { HEAD } from "../state/entry.ts";
import type { FamilyHead } from "../state/family.ts";
import { exposedFamilyTree } from "../state/family-tree.ts";
import type { GroupContent } from "../state/group.ts";
import type { PageView } from "../state/page.ts";
import { joinOwn, type OwnFamilies } from "./own-families.ts";
import { isQuoted } from "./text-page.ts";

/**
 * A stretch of one family's protobuf message. A family is one message with its length in front, and may span many pages, so a page
 * is kept as the stretches of the messages that it has a part in.
 */
export interface MessagePart {
  /** Does the message begin here? */
  readonly begins: boolean;
  readonly bytes: Uint8Array;
  /** What follows the last metric; only where the message begins. */
  readonly end: Uint8Array;
}

const NOTHING = new Uint8Array(0);

/** @returns also whether all names are legacy ones, so that every escaping scheme gives the same bytes */
export function encodeMessageParts(
  view: PageView,
  escaping: EscapingScheme,
  own: OwnFamilies,
): { part: MessagePart[]; plain: boolean } {
  const part: MessagePart[] = [];
  const out = new WireWriter(16 * 1024);
  let plain = true;
  let begins = false;
  let end: Uint8Array = NOTHING;
  const finish = () => {
    if (out.length > 0) part.push({ begins, bytes: out.toBytes(), end });
    out.clear();
  };
  const { families, groups, slots } = view;
  for (const [i, { name }] of families.entries()) {
    const group = groups[i];
    if (slots[i] === HEAD) {
      finish();
      const head = escapeFamily(joinOwn(view.shown(i) as FamilyHead, own), escaping);
      writeFamilyHead(out, head.name, head.help, head.type);
      for (const metric of head.metrics) writeMetric(out, head.type, metric);
      begins = true;
      end = encodeUnit(head.unit);
      plain &&= isLegacyMetricName(name);
    } else {
      const content = view.shown(i) as GroupContent;
      const family = escapeFamily(exposedFamilyTree(group!, content, slots[i]!), escaping);
      for (const metric of family.metrics) writeMetric(out, family.type, metric);
      plain &&= !isQuoted(group!, content, slots[i]!);
    }
  }
  finish();
  return { part, plain };
}

/** The delimited messages that the parts make up. */
export function joinMessageParts(pages: readonly (readonly MessagePart[])[]): Uint8Array[] {
  const messages: Uint8Array[] = [];
  let current: Uint8Array[] = [];
  let end: Uint8Array = NOTHING;
  const finish = () => {
    if (current.length === 0) return;
    const length = current.reduce((sum, { length }) => sum + length, end.length);
    messages.push(varint(length), ...current, end);
    current = [];
  };
  for (const part of pages.flat()) {
    if (part.begins) {
      finish();
      end = part.end;
    }
    current.push(part.bytes);
  }
  finish();
  return messages;
}

function encodeUnit(unit: string | undefined): Uint8Array {
  if (unit === undefined) return NOTHING;
  const out = new WireWriter(16 + unit.length);
  writeFamilyUnit(out, unit);
  return out.toBytes();
}

function varint(value: number): Uint8Array {
  const bytes: number[] = [];
  let rest = value;
  for (; rest >= 0x80; rest = Math.floor(rest / 0x80)) bytes.push((rest % 0x80) | 0x80);
  return Uint8Array.from([...bytes, rest]);
}
