import type { EscapingScheme } from "../model/names.ts";
import type { Page, PageView } from "../state/page.ts";
import type { State } from "../state/state.ts";
import type { OwnFamilies } from "./own-families.ts";
import { planRuns, type RenderedRun } from "./page-runs.ts";
import { renderFrozen } from "./slices.ts";

/** How pages are rendered in one form. */
export interface RunRenderer<Part> {
  readonly name: string;
  /** Is a part worth keeping until one of its pages changes? */
  readonly kept: boolean;
  /** About how many bytes to render together. 0: each page alone. */
  readonly runBytes: number;
  /** To be called before the first page of a run, while other runs may still be being encoded. */
  begin(): RunWriter<Part>;
}

export interface RunWriter<Part> {
  /** @returns whether every escaping scheme would have given the same */
  add(view: PageView): boolean;
  /** @returns a promise if the run is encoded on another thread */
  end(): Part | Promise<Part>;
}

/**
 * Everything pushed, as of the moment of the call, in parts of one or more pages. What has not changed since an earlier rendering is
 * taken from there.
 */
export async function renderRuns<Part>(
  state: State,
  escaping: EscapingScheme,
  own: OwnFamilies,
  { name, kept, runBytes, begin }: RunRenderer<Part>,
): Promise<Part[]> {
  const isFleeting = (page: Page) => own.pages.has(page);
  const known = (page: Page) => (kept && !isFleeting(page) ? knownRun<Part>(page, name, escaping) : undefined);
  const results: RenderedRun<Part>[] = [];
  // One at a time, while the next run is rendered: more would take the processor from pushes.
  let encoding: Promise<void> | undefined;
  await renderFrozen(state, async (pages, view, slice) => {
    const runs = planRuns(pages, { known, isFleeting, bytes: runBytes });
    for (const { rendered } of runs) results.push(rendered);
    // All families of some groups, one after the other, while these groups are in the processor's caches.
    const stale = runs.filter(({ rendered }) => rendered.part === undefined).sort((a, b) => a.position - b.position);
    for (const { pages, rendered } of stale) {
      const writer = begin();
      for (const page of pages) {
        rendered.plain = writer.add(page.shownIn(view)) && rendered.plain;
        if (slice.isOver) await slice.next();
      }
      await encoding;
      const keptName = rendered.plain || escaping === "allow-utf-8" ? name : exactName(name, escaping);
      if (kept && pages.every((page) => page.isUnchangedIn(view) && !isFleeting(page))) {
        for (const page of pages) page.keep(keptName, rendered);
      }
      encoding = settle(rendered, writer.end());
    }
  });
  await encoding;
  return results.map(({ part }) => part!);
}

/** @returns a promise if the part is not there yet */
function settle<Part>(rendered: RenderedRun<Part>, part: Part | Promise<Part>): Promise<void> | undefined {
  if (!(part instanceof Promise)) {
    rendered.part = part;
    return undefined;
  }
  const settled = part.then((done) => {
    rendered.part = done;
  });
  // It is waited for sooner or later, but not if something else fails before.
  settled.catch(() => undefined);
  return settled;
}

function exactName(name: string, escaping: EscapingScheme): string {
  return `${name} ${escaping}`;
}

function knownRun<Part>(page: Page, name: string, escaping: EscapingScheme): RenderedRun<Part> | undefined {
  const shared = page.cached<RenderedRun<Part>>(name);
  const isShared = shared !== undefined && (shared.plain || escaping === "allow-utf-8");
  const run = isShared ? shared : page.cached<RenderedRun<Part>>(exactName(name, escaping));
  return run?.part === undefined ? undefined : run;
}
