import { execFile } from "node:child_process";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { DataSet } from "../data/data-set.ts";
import { track } from "../programs/child.ts";
import { findProgram, versionOf } from "../programs/programs.ts";
import type { Load, LoadResult, LoadTool } from "./load.ts";

const SCRIPT = fileURLToPath(new URL("../../wrk/push.lua", import.meta.url));
const run = promisify(execFile);

/** What the script prints at the end: numbers of requests and errors, then microseconds. */
interface Summary {
  readonly requests: number;
  readonly errors: number;
  readonly duration: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** wrk, which takes the least CPU of all load generators; undefined if it is not on the PATH. */
export function findWrk(folder: string): LoadTool | undefined {
  const program = findProgram("wrk");
  if (program === undefined) return undefined;
  const plans = new Map<DataSet, string>();
  return {
    name: versionOf([program], "-v").replace(/ Copyright.*/, ""),
    async run({ port, data, connections, seconds, start }: Load): Promise<LoadResult> {
      let plan = plans.get(data);
      if (plan === undefined) {
        plan = join(folder, `plan-${plans.size}`);
        writePlan(plan, data);
        plans.set(data, plan);
      }
      const shape = ["-t1", `-c${connections}`, `-d${seconds}s`, "--timeout=30s", "-s", SCRIPT];
      const running = run(program, [...shape, `http://127.0.0.1:${port}`, plan, String(start)], {
        timeout: (seconds + 60) * 1000,
        killSignal: "SIGKILL",
      });
      track(running.child);
      const { stdout } = await running;
      const summary = JSON.parse(stdout.slice(stdout.lastIndexOf("\n{"))) as Summary;
      return {
        requests: summary.requests,
        errors: summary.errors,
        rate: (summary.requests / summary.duration) * 1e6,
        p50: summary.p50 / 1000,
        p99: summary.p99 / 1000,
        max: summary.max / 1000,
      };
    },
  };
}

/** The form that `wrk/push.lua` reads: three numbers and the target's prefix, a line each, then each body after a line with its length. */
function writePlan(file: string, { groups, shape, versions, targetPrefix, bodies }: DataSet): void {
  const parts: (string | Buffer)[] = [`${groups}\n${shape.kinds.length}\n${versions}\n${targetPrefix}\n`];
  for (const body of bodies) parts.push(`${body.length}\n`, body);
  writeFileSync(file, Buffer.concat(parts.map((part) => Buffer.from(part))));
}
