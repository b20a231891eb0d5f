import { negotiateFormat } from "../src/exposition/negotiation.ts";
import { parseText } from "../src/exposition/text-parser.ts";
import { type GroupingKey, groupingKey } from "../src/model/grouping-key.ts";
import { encodePush, type PushMode } from "../src/push/encode-push.ts";
import { decodeRecord, encodeRecord, type GatewayRecord } from "../src/record/record.ts";
import { BodyMemory } from "../src/scrape/body-memory.ts";
import { identityIn } from "../src/scrape/page-codecs.ts";
import { renderPages } from "../src/scrape/render.ts";
import type { State } from "../src/state/state.ts";

export interface PushSettings {
  readonly mode?: PushMode;
  readonly unchecked?: boolean;
  /** Nanoseconds since the epoch. */
  readonly time?: bigint;
}

/** Names and values may be any UTF-8. */
export function keyOf(labels: Readonly<Record<string, string>>): GroupingKey {
  return groupingKey(labels, { utf8Names: true });
}

/** The record that a gateway makes of a push of text, gone through its bytes as through a journal. */
export function pushRecord(labels: Readonly<Record<string, string>>, body: string, settings: PushSettings = {}) {
  const { mode = "replace", unchecked = false, time = 1n } = settings;
  const families = parseText(Buffer.from(body), { utf8Names: true });
  return throughBytes(encodePush(families, { key: keyOf(labels), mode, unchecked, time }));
}

export function deleteRecord(labels: Readonly<Record<string, string>>, time = 1n): GatewayRecord {
  return throughBytes(encodeRecord({ kind: "delete", key: keyOf(labels).id, time }));
}

export function wipeRecord(time = 1n): GatewayRecord {
  return throughBytes(encodeRecord({ kind: "wipe", time }));
}

export function throughBytes(record: Uint8Array): GatewayRecord {
  return decodeRecord(Buffer.from(record));
}

/** The pushed part of the exposition in the text format. */
export async function exposedText(state: State, accept = "text/plain;escaping=allow-utf-8"): Promise<string> {
  const { parts } = await renderPages(state, identityIn(new BodyMemory()), negotiateFormat(accept).escaping, []);
  return Buffer.concat(parts).toString("utf8");
}
