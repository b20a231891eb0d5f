import { ByteWriter } from "../exposition/byte-writer.ts";
import type { ExpositionFormat } from "../exposition/negotiation.ts";
import type { ByteString } from "../model/byte-string.ts";
import type { MetricFamily } from "../model/metric-family.ts";
import type { EscapingScheme } from "../model/names.ts";
import type { Group } from "../state/group.ts";
import type { State } from "../state/state.ts";
import type { BodyMemory } from "./body-memory.ts";
import { encodeMessageParts, joinMessageParts, type MessagePart } from "./delimited-page.ts";
import { FamilyCollector } from "./families.ts";
import { writeFamilyIn } from "./family-writers.ts";
import { joinOwnFamilies } from "./own-families.ts";
import type { PageCodec } from "./page-codecs.ts";
import { type RunWriter, renderRuns } from "./render-runs.ts";
import { renderFrozen } from "./slices.ts";
import { writeTextPage } from "./text-page.ts";

export interface Rendering<Part> {
  readonly parts: readonly Part[];
  /** Families of the program that are in the parts, or must not appear at all. */
  readonly settled: ReadonlySet<ByteString>;
  /** Where the parts are, if it can be given back before they are collected. */
  readonly memory?: BodyMemory;
}

/** Pages may be somewhat larger than they say, and runs than they should be. */
const ROOM_BYTES = 64 * 1024;

/**
 * The text exposition of everything pushed, as of the moment of the call, in parts of one or more pages; rendered in slices while
 * pushes go on.
 *
 * @param own families of the program itself, to be shown where pushes have such families too
 */
export async function renderPages<Part>(
  state: State,
  { name, kept, runBytes, encode }: PageCodec<Part>,
  escaping: EscapingScheme,
  own: readonly MetricFamily[],
): Promise<Rendering<Part>> {
  const joined = joinOwnFamilies(state, own);
  const idle: ByteWriter[] = [];
  const begin = (): RunWriter<Part> => {
    const out = idle.pop() ?? new ByteWriter(runBytes + ROOM_BYTES);
    const release = () => {
      out.reset();
      idle.push(out);
    };
    return {
      add: (view) => writeTextPage(out, view, escaping, joined),
      end: () => {
        const part = encode(out.bytes());
        if (part instanceof Promise) return part.finally(release);
        release();
        return part;
      },
    };
  };
  const parts = await renderRuns(state, escaping, joined, { name, kept, runBytes, begin });
  return { parts, settled: joined.settled };
}

/** The same as delimited protobuf, in pieces. */
export async function renderDelimited(
  state: State,
  escaping: EscapingScheme,
  own: readonly MetricFamily[],
): Promise<Rendering<Uint8Array>> {
  const joined = joinOwnFamilies(state, own);
  const begin = (): RunWriter<MessagePart[]> => {
    const parts: MessagePart[] = [];
    return {
      add: (view) => {
        const { part, plain } = encodeMessageParts(view, escaping, joined);
        parts.push(...part);
        return plain;
      },
      end: () => parts,
    };
  };
  const parts = await renderRuns(state, escaping, joined, { name: "delimited", kept: true, runBytes: 0, begin });
  return { parts: joinMessageParts(parts), settled: joined.settled };
}

/** The same in any format, family by family. @param shows which groups to show. Default: all */
export async function renderFamilies(
  state: State,
  format: ExpositionFormat,
  own: readonly MetricFamily[],
  shows?: (group: Group) => boolean,
): Promise<Rendering<Uint8Array>> {
  const out = new ByteWriter(64 * 1024);
  const joined = joinOwnFamilies(state, own);
  const collector = new FamilyCollector(joined, shows);
  await renderFrozen(state, async (pages, view, slice) => {
    for (const page of pages) {
      for (const family of collector.add(page.shownIn(view))) writeFamilyIn(format, out, family);
      if (slice.isOver) await slice.next();
    }
  });
  for (const family of collector.finish()) writeFamilyIn(format, out, family);
  return { parts: [out.bytes()], settled: joined.settled };
}
