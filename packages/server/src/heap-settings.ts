import { setFlagsFromString } from "node:v8";

// How V8 keeps the memory of a gateway's process small, for the command line: libraries have no business with it. All these are flags
// that a running V8 looks at each time, so that they work however the gateway was started; `--max-semi-space-size` and its like would
// have to be on Node's own command line.

/**
 * To be called before anything is loaded. What a push allocates is garbage as soon as it is answered, and what stays is overwritten in
 * place: so a young generation of a megabyte or two does as well as one of 32. It does not shrink again once loading has made it large.
 */
export function keepYoungGenerationSmall(): void {
  setFlagsFromString("--semi-space-growth-factor=1");
}

/**
 * To be called once everything is loaded, which these would slow down. The old generation need not grow fourfold before it is looked
 * through. And of two optimising compilers the quick one is of use in the first seconds only, while what it works with, on every thread
 * of its pool at once, stays in the heaps of those threads for good.
 */
export function keepHeapSmall(): void {
  setFlagsFromString("--heap-growing-percent=30");
  setFlagsFromString("--no-maglev");
}
