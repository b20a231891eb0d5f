import { setFlagsFromString } from "node:v8";

/**
 * How V8 keeps the memory of a gateway's process: for the command line, to be imported before everything else. Libraries have no
 * business with it.
 *
 * What a push allocates is garbage as soon as it is answered, and what stays is overwritten in place. So a young generation of a
 * megabyte does as well as one of 32, and the old one need not grow fourfold before it is looked through. With 10,000 groups that is
 * half of the resident memory, for a few percent of the CPU (bench/README.md). Both settings are read at each garbage collection, so
 * that they take effect in a running V8; a `--max-semi-space-size` on Node's own command line would not reach who starts the
 * gateway as a script.
 */
setFlagsFromString("--semi-space-growth-factor=1");
setFlagsFromString("--heap-growing-percent=30");
