/**
 * Loaded into a gateway (`--import`, with `--expose-gc`): on SIGUSR2 it collects all garbage and writes to standard error what is
 * still alive, in bytes: `live N`.
 */
import { setImmediate } from "node:timers/promises";

process.on("SIGUSR2", async () => {
  // Finalisers of the first round let go of what the second one collects.
  for (let round = 0; round < 3; round++) {
    globalThis.gc?.();
    await setImmediate();
  }
  const { heapUsed, external } = process.memoryUsage();
  process.stderr.write(`live ${heapUsed + external}\n`);
});
