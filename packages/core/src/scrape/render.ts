import { setImmediate } from "node:timers/promises";
import { ByteWriter } from "../exposition/byte-writer.ts";
import type { ExpositionFormat } from "../exposition/negotiation.ts";
import type { ByteString } from "../model/byte-string.ts";
import type { MetricFamily } from "../model/metric-family.ts";
import type { EscapingScheme } from "../model/names.ts";
import type { Page } from "../state/page.ts";
import type { State } from "../state/state.ts";
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
  const parts: Part[] = [];
  const out = new ByteWriter(64 * 1024);
  const joined = joinOwnFamilies(state, own);
  const job = { codec, escaping, out, own: joined };
  await visitPages(state, (page, view) => {
    parts.push((joined.pages.has(page) ? undefined : keptPart(page, job)) ?? renderPage(page, view, job));
  });
  return { parts, settled: joined.settled };
}

/** The same in a format in which a family is one message, in pieces. */
export async function renderFamilies(
  state: State,
  format: ExpositionFormat,
  own: readonly MetricFamily[],
): Promise<Rendering<Uint8Array>> {
  const out = new ByteWriter(64 * 1024);
  const joined = joinOwnFamilies(state, own);
  const collector = new FamilyCollector(joined);
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

interface KeptPart<Part> {
  readonly part: Part;
  /** Would every escaping scheme have given the same? */
  readonly plain: boolean;
}

interface RenderJob<Part> {
  readonly codec: PageCodec<Part>;
  readonly escaping: EscapingScheme;
  /** Reused from page to page. */
  readonly out: ByteWriter;
  readonly own: OwnFamilies;
}

function keptPart<Part>(page: Page, { codec, escaping }: RenderJob<Part>): Part | undefined {
  if (!codec.kept || !page.unchangedInView) return undefined;
  const shared = page.cached<KeptPart<Part>>(codec.name);
  if (shared !== undefined && (shared.plain || escaping === "allow-utf-8")) return shared.part;
  return page.cached<KeptPart<Part>>(`${codec.name} ${escaping}`)?.part;
}

function renderPage<Part>(page: Page, view: number, { codec, escaping, out, own }: RenderJob<Part>): Part {
  const keep = codec.kept && page.unchangedInView && !own.pages.has(page);
  out.reset();
  const plain = writeTextPage(out, page.shownIn(view), escaping, own);
  const part = codec.encode(out.bytes());
  if (keep) {
    const name = plain || escaping === "allow-utf-8" ? codec.name : `${codec.name} ${escaping}`;
    page.keep(name, { part, plain } satisfies KeptPart<Part>);
  }
  return part;
}
