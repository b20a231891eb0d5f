import type { Page } from "../state/page.ts";

/**
 * Pages that follow each other and are rendered into one part, which holds until one of them changes. Compressing long runs costs less
 * than compressing page by page, and can be left to another thread; but a change then makes the whole run stale.
 */
export interface Run<Part> {
  readonly pages: readonly Page[];
  /** How far its first page is from the first to the last of those that begin with the same family: from 0 to 1. */
  readonly position: number;
  readonly rendered: RenderedRun<Part>;
}

/** What pages keep of the run that they were rendered in. */
export interface RenderedRun<Part> {
  /** How many pages it has. */
  readonly length: number;
  /** Would every escaping scheme have given the same? */
  plain: boolean;
  /** Undefined until it is there, and for good if rendering it failed. */
  part: Part | undefined;
}

export interface RunRules<Part> {
  /** The run that a page was rendered in, if the page has not changed since then. */
  known(page: Page): RenderedRun<Part> | undefined;
  /** Is the page another one in each rendering? It is never known, and a run of its own. */
  isFleeting(page: Page): boolean;
  /** About how many bytes to render together; less than half of that is rendered page by page. 0: always page by page. */
  readonly bytes: number;
}

/**
 * Cuts all pages into runs. Those that are known stay as they are. What has to be rendered anew becomes long runs where most of it has
 * changed; where little has, as when one page of a run was pushed to, each page of that run becomes one of its own: so a change costs more
 * than its own page only once.
 */
export function planRuns<Part>(pages: readonly Page[], { known, isFleeting, bytes }: RunRules<Part>): Run<Part>[] {
  const runs: Run<Part>[] = [];
  const positions = positionsOf(pages);
  /** Runs that have changed in part; true: so little that their pages are to stand alone. */
  const broken = new Map<RenderedRun<Part>, boolean>();
  /** Where the pages begin that are in no run yet. */
  let from = 0;
  const add = (to: number, rendered = { length: to - from, plain: true, part: undefined } as RenderedRun<Part>) => {
    runs.push({ pages: pages.slice(from, to), position: positions[from]!, rendered });
    from = to;
  };
  const addStale = (to: number) => {
    for (const end of cut(pages, from, to, bytes)) add(end);
  };
  for (let at = 0; at < pages.length; ) {
    const page = pages[at]!;
    const run = known(page);
    if (run !== undefined && !broken.has(run)) {
      const unchanged = pages.slice(at, at + run.length).filter((other) => known(other) === run).length;
      if (unchanged === run.length) {
        addStale(at);
        at += run.length;
        add(at, run);
        continue;
      }
      broken.set(run, unchanged > run.length / 2);
    }
    at++;
    if (run === undefined ? isFleeting(page) : broken.get(run)) {
      addStale(at - 1);
      add(at);
    }
  }
  addStale(pages.length);
  return runs;
}

/** The ends of the runs that pages `[from, to)` are cut into, all of about the same length. */
function* cut(pages: readonly Page[], from: number, to: number, bytes: number): Generator<number> {
  let total = 0;
  for (let i = from; i < to; i++) total += pages[i]!.bytes;
  const share = total < bytes / 2 ? 0 : total / Math.ceil(total / bytes);
  let sum = 0;
  for (let i = from; i < to; i++) {
    sum += pages[i]!.bytes;
    if (sum < share && i + 1 < to) continue;
    sum = 0;
    yield i + 1;
  }
}

/** See {@link Run.position}. */
function positionsOf(pages: readonly Page[]): Float64Array {
  const positions = new Float64Array(pages.length);
  for (let from = 0, to = 0; from < pages.length; from = to) {
    const family = pages[from]!.families[0];
    while (to < pages.length && pages[to]!.families[0] === family) to++;
    for (let i = from; i < to; i++) positions[i] = (i - from) / (to - from);
  }
  return positions;
}
