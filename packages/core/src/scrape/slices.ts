import { setImmediate } from "node:timers/promises";
import type { Page } from "../state/page.ts";
import type { State } from "../state/state.ts";

/** How long to render before other tasks get a turn, in milliseconds. */
const SLICE_MS = 1.5;

/** Time to render in, before other tasks get theirs. */
export class Slice {
  #end = performance.now() + SLICE_MS;

  get isOver(): boolean {
    return performance.now() > this.#end;
  }

  async next(): Promise<void> {
    await setImmediate();
    this.#end = performance.now() + SLICE_MS;
  }
}

/** Renders all pages as of the moment of the call, while pushes go on. @param render is to read each page once, in any order */
export async function renderFrozen(
  state: State,
  render: (pages: readonly Page[], view: number, slice: Slice) => Promise<void>,
): Promise<void> {
  const frozen = state.sequence.freeze();
  try {
    await render(frozen.pages, frozen.view, new Slice());
  } finally {
    frozen.done();
  }
}
