import { setImmediate } from "node:timers/promises";
import { ByteWriter } from "../exposition/byte-writer.ts";
import type { ExpositionFormat } from "../exposition/negotiation.ts";
import type { ByteString } from "../model/byte-string.ts";
import type { MetricFamily } from "../model/metric-family.ts";
import type { EscapingScheme } from "../model/names.ts";
import type { Group } from "../state/group.ts";
import type { Page, PageView } from "../state/page.ts";
import type { State } from "../state/state.ts";
import { encodeMessageParts, joinMessageParts } from "./delimited-page.ts";
import { FamilyCollector } from "./families.ts";
import { writeFamilyIn } from "./family-writers.ts";
import { joinOwnFamilies, type OwnFamilies } from "./own-families.ts";
import type { PageCodec } from "./page-codecs.ts";
import { writeTextPage } from "./text-page.ts";

/** How long to render before other tasks get a turn, in milliseconds. */
const SLICE_MS = 1.5;

export interface Rendering<Part> {
  readonly parts: readonly Part[];
  /** Families of the program that are in the parts, or must not appear at all. */
  readonly settled: ReadonlySet<ByteString>;
}

/**
 * The text exposition of everything pushed, as of the moment of the call, one part a page; rendered in slices while pushes go on.
 *
 * @param own families of the program itself, to be shown where pushes have such families too
 */
export async function renderPages<Part>(
  state: State,
  codec: PageCodec<Part>,
  escaping: EscapingScheme,
  own: readonly MetricFamily[],
): Promise<Rendering<Part>> {
  const out = new ByteWriter(64 * 1024);
  return renderKept(state, escaping, own, {
    name: codec.name,
    kept: codec.kept,
    render: (view, joined) => {
      out.reset();
      const plain = writeTextPage(out, view, escaping, joined);
      return { part: codec.encode(out.bytes()), plain };
    },
  });
}

/** The same as delimited protobuf, in pieces. */
export async function renderDelimited(
  state: State,
  escaping: EscapingScheme,
  own: readonly MetricFamily[],
): Promise<Rendering<Uint8Array>> {
  const { parts, settled } = await renderKept(state, escaping, own, {
    name: "delimited",
    kept: true,
    render: (view, joined) => encodeMessageParts(view, escaping, joined),
  });
  return { parts: joinMessageParts(parts), settled };
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
  await visitPages(state, (page, view) => {
    for (const family of collector.add(page.shownIn(view))) writeFamilyIn(format, out, family);
  });
  for (const family of collector.finish()) writeFamilyIn(format, out, family);
  return { parts: [out.bytes()], settled: joined.settled };
}

async function visitPages(state: State, visit: (page: Page, view: number) => void): Promise<void> {
  const frozen = state.sequence.freeze();
  try {
    let sliceEnd = performance.now() + SLICE_MS;
    for (const page of frozen.pages) {
      visit(page, frozen.view);
      if (performance.now() > sliceEnd) {
        await setImmediate();
        sliceEnd = performance.now() + SLICE_MS;
      }
    }
  } finally {
    frozen.done();
  }
}

/** How a page is rendered in one form. */
interface PageRenderer<Part> {
  readonly name: string;
  /** Is the result worth keeping until the page changes? */
  readonly kept: boolean;
  render(view: PageView, own: OwnFamilies): KeptPart<Part>;
}

interface KeptPart<Part> {
  readonly part: Part;
  /** Would every escaping scheme have given the same? */
  readonly plain: boolean;
}

async function renderKept<Part>(
  state: State,
  escaping: EscapingScheme,
  own: readonly MetricFamily[],
  renderer: PageRenderer<Part>,
): Promise<Rendering<Part>> {
  const parts: Part[] = [];
  const joined = joinOwnFamilies(state, own);
  const keptName = `${renderer.name} ${escaping}`;
  await visitPages(state, (page, view) => {
    const keep = renderer.kept && page.isUnchangedIn(view) && !joined.pages.has(page);
    const known = keep ? keptPart<Part>(page, renderer.name, escaping) : undefined;
    if (known !== undefined) {
      parts.push(known);
      return;
    }
    const rendered = renderer.render(page.shownIn(view), joined);
    if (keep) page.keep(rendered.plain || escaping === "allow-utf-8" ? renderer.name : keptName, rendered);
    parts.push(rendered.part);
  });
  return { parts, settled: joined.settled };
}

function keptPart<Part>(page: Page, name: string, escaping: EscapingScheme): Part | undefined {
  const shared = page.cached<KeptPart<Part>>(name);
  if (shared !== undefined && (shared.plain || escaping === "allow-utf-8")) return shared.part;
  return page.cached<KeptPart<Part>>(`${name} ${escaping}`)?.part;
}
