import { setImmediate } from "node:timers/promises";

/** How long a request may keep the event loop to itself, milliseconds: pushes and scrapes come in between. */
const SLICE_MS = 2;
/** How many elements to take between looks at the clock. */
const STRIDE = 64;

/** Visits each element, in slices of the event loop. */
export async function inSlices<Element>(elements: Iterable<Element>, visit: (element: Element) => void): Promise<void> {
  let sliceEnd = performance.now() + SLICE_MS;
  let count = 0;
  for (const element of elements) {
    visit(element);
    if (++count % STRIDE === 0 && performance.now() > sliceEnd) {
      await setImmediate();
      sliceEnd = performance.now() + SLICE_MS;
    }
  }
}
