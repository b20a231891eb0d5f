import type { DataSet } from "../data/data-set.ts";

/** Pushes as fast as answers come: each connection has one request under way at any time. */
export interface Load {
  readonly port: number;
  readonly data: DataSet;
  readonly connections: number;
  /** A whole number. */
  readonly seconds: number;
  /** Which push to begin with: group `start mod groups`, version `⌊start / groups⌋`; those that follow come in order. */
  readonly start: number;
}

export interface LoadResult {
  readonly requests: number;
  /** Answers other than 2xx, and requests that got none. */
  readonly errors: number;
  /** Requests per second. */
  readonly rate: number;
  /** Milliseconds. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** A load generator, which runs in a process of its own. */
export interface LoadTool {
  readonly name: string;
  run(load: Load): Promise<LoadResult>;
}

/** @throws if anything was not answered with success: rates of refused pushes say nothing */
export async function runLoad(tool: LoadTool, load: Load): Promise<LoadResult> {
  const result = await tool.run(load);
  if (result.errors > 0) throw new Error(`${result.errors} errors in a load of ${result.requests} pushes`);
  if (result.requests === 0) throw new Error(`no push was answered within ${load.seconds} s: use more --seconds`);
  return result;
}
