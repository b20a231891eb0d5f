import { closeSync, fdatasyncSync, openSync, rmSync, statfsSync, writeSync } from "node:fs";
import { availableParallelism, cpus, release, totalmem, type } from "node:os";
import { join } from "node:path";
import { formatNumber, summarize } from "./report/summary.ts";

/** What results depend on. */
export interface Machine {
  readonly processor: string;
  readonly cores: number;
  readonly memoryGiB: number;
  readonly system: string;
  /** Milliseconds that it takes to write and sync 4 KiB in the folder that durable pushes go to, median. */
  readonly syncMs: number;
  readonly node: string;
  readonly goPushgateway: string;
  readonly load: string;
}

const SYNCS = 100;
const TMPFS = 0x01021994;

/** @param folder where durable pushes are written */
export function describeMachine(folder: string, programs: Pick<Machine, "goPushgateway" | "load">): Machine {
  return {
    processor: cpus()[0]?.model ?? "unknown",
    cores: availableParallelism(),
    memoryGiB: Math.round(totalmem() / 2 ** 30),
    system: `${type()} ${release()}`,
    syncMs: measureSync(folder),
    node: process.version,
    ...programs,
  };
}

export function formatMachine(machine: Machine): string {
  const { processor, cores, memoryGiB, system, syncMs, node, goPushgateway, load } = machine;
  return (
    `${processor}, ${cores} cores, ${memoryGiB} GiB, ${system}; a synced write takes ${formatNumber(syncMs)} ms. ` +
    `Node ${node}; ${goPushgateway}; load by ${load}.`
  );
}

/** On a file system in memory nothing is durable, and durable pushes look faster than they are. */
export function isInMemory(folder: string): boolean {
  return statfsSync(folder).type === TMPFS;
}

function measureSync(folder: string): number {
  const file = join(folder, "sync");
  const descriptor = openSync(file, "w");
  try {
    const page = Buffer.alloc(4096, 1);
    const times = Array.from({ length: SYNCS }, () => {
      const started = performance.now();
      writeSync(descriptor, page);
      fdatasyncSync(descriptor);
      return performance.now() - started;
    });
    return summarize(times)!.median;
  } finally {
    closeSync(descriptor);
    rmSync(file);
  }
}
