import type { DataSet } from "../data/data-set.ts";
import { runModule } from "../programs/module-run.ts";
import type { OpenLoopInput, OpenLoopResult } from "./open-loop-child.ts";

export interface OpenLoad {
  readonly port: number;
  readonly data: DataSet;
  /** Pushes per second, sent when they are due, whether earlier ones were answered or not. */
  readonly rate: number;
  readonly seconds: number;
}

/**
 * Pushes at a fixed rate from a process of its own, and measures each from the moment at which it was due: a push that had to wait
 * for a slow one before it counts its waiting, unlike with {@link LoadTool}s.
 */
export function runOpenLoop({ data, ...load }: OpenLoad): Promise<OpenLoopResult> {
  const input: OpenLoopInput = { ...load, shape: data.shape.name, groups: data.groups };
  return runModule(new URL("open-loop-child.ts", import.meta.url), input);
}
