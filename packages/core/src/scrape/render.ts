import { setImmediate } from "node:timers/promises";
import { ByteWriter } from "../exposition/byte-writer.ts";
import type { ExpositionFormat } from "../exposition/negotiation.ts";
import type { EscapingScheme } from "../model/names.ts";
import type { Page } from "../state/page.ts";
import type { State } from "../state/state.ts";
import { FamilyCollector } from "./families.ts";
import { writeFamilyIn } from "./family-writers.ts";
import type { PageCodec } from "./page-codecs.ts";
import { writeTextPage } from "./text-page.ts";

/** How long to render before other tasks get a turn, in milliseconds. */
const SLICE_MS = 1.5;

/** The text exposition of everything pushed, as of the moment of the call, one part a page; rendered in slices while pushes go on. */
export async function renderPages<Part>(
  state: State,
  codec: PageCodec<Part>,
  escaping: EscapingScheme,
): Promise<Part[]> {
  const parts: Part[] = [];
  const out = new ByteWriter(64 * 1024);
  await visitPages(state, (page, view) => {
    out.reset();
    parts.push(keptPart(page, codec, escaping) ?? renderPage(page, view, codec, escaping, out));
  });
  return parts;
}

/** The same in a format in which a family is one message, in pieces. */
export async function renderFamilies(state: State, format: ExpositionFormat): Promise<Uint8Array[]> {
  const out = new ByteWriter(64 * 1024);
  const collector = new FamilyCollector();
  await visitPages(state, (page, view) => {
    for (const family of collector.add(page.shownIn(view))) writeFamilyIn(format, out, family);
  });
  for (const family of collector.finish()) writeFamilyIn(format, out, family);
  return [out.bytes()];
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

function keptPart<Part>(page: Page, codec: PageCodec<Part>, escaping: EscapingScheme): Part | undefined {
  if (!codec.kept || !page.unchangedInView) return undefined;
  const shared = page.cached<KeptPart<Part>>(codec.name);
  if (shared !== undefined && (shared.plain || escaping === "allow-utf-8")) return shared.part;
  return page.cached<KeptPart<Part>>(`${codec.name} ${escaping}`)?.part;
}

function renderPage<Part>(
  page: Page,
  view: number,
  codec: PageCodec<Part>,
  escaping: EscapingScheme,
  out: ByteWriter,
): Part {
  const unchanged = page.unchangedInView;
  const plain = writeTextPage(out, page.shownIn(view), escaping);
  const part = codec.encode(out.bytes());
  if (codec.kept && unchanged) {
    page.keep(plain || escaping === "allow-utf-8" ? codec.name : `${codec.name} ${escaping}`, {
      part,
      plain,
    } satisfies KeptPart<Part>);
  }
  return part;
}
