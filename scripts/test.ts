/**
 * Runs the tests: every `*.test.ts` of the repository, or those whose path contains one of the words given.
 *
 *   pnpm test                       everything
 *   pnpm test exposition            the files with "exposition" in their path
 *   pnpm test --name 'merge'        the tests whose name matches the pattern
 *   pnpm test:soak                  the long forms: tests read WAYSTATION_SOAK=1 and repeat more often, CRASH_ROUNDS=100 among them
 *
 * Tests that compare with the Go Pushgateway find it by PEER_PUSHGATEWAY, which is set here if `scripts/peers` has fetched one.
 *
 * The last line is `N passed, N failed`, with `, N skipped` if any were. The exit code is 0 only if nothing failed. Each file runs in
 * a process of its own, as many at once as there are processors, and has five minutes; the whole has `--minutes`, 20. For soak it is
 * two hours and four.
 *
 * A file that failed runs once more when all others are done: with real browsers, balancers and servers on a busy machine, a step can
 * come too late. Whoever passes only then is named in the summary as unsteady. A counterexample, of a property, of the fuzzer or of a
 * recorded history, is a finding on any machine: it stays.
 */
import { spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import type { TestLine } from "./test/events.ts";
import { printFile, printSummary } from "./test/print.ts";
import { type FileResult, failures, runFile } from "./test/run-file.ts";

/** A file in which more failed than this is broken, not unsteady. */
const MANY = 3;

const root = fileURLToPath(new URL("..", import.meta.url));
const { values: options, positionals: words } = parseArgs({
  allowPositionals: true,
  options: {
    name: { type: "string" },
    soak: { type: "boolean", default: false },
    minutes: { type: "string" },
  },
});
const minutes = Number(options.minutes ?? (options.soak ? 240 : 20));
const minutesOfFile = options.soak ? 120 : 5;

const files = globSync("{packages,bench,conformance,examples,scripts,test}/**/*.test.ts", {
  cwd: root,
  exclude: (path) => path.endsWith("node_modules") || path.endsWith("dist"),
})
  .filter((file) => words.length === 0 || words.some((word) => file.includes(word)))
  .toSorted((a, b) => (a < b ? -1 : 1));
if (files.length === 0) {
  console.error(`No test file has ${words.join(" or ")} in its path.`);
  process.exit(1);
}

const env = { ...process.env };
if (options.soak) {
  env["WAYSTATION_SOAK"] = "1";
  env["CRASH_ROUNDS"] ??= "100";
}
const peers = spawnSync(fileURLToPath(new URL("peers", import.meta.url)), ["--check"], { encoding: "utf8" });
if (peers.status === 0) env["PEER_PUSHGATEWAY"] ??= `${peers.stdout.trim()}/prometheus-pushgateway`;

const run = new AbortController();
const end = (reason: string) => {
  console.log(`\n${reason}`);
  run.abort();
};
const limit = setTimeout(end, minutes * 60_000, `Ended after ${minutes} minutes.`);
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.once(signal, () => end(`Ended by ${signal}.`));

const results = new Map<string, FileResult>();
const runAndPrint = async (file: string): Promise<FileResult> => {
  const timeout = minutesOfFile * 60_000;
  const result = await runFile(file, { root, env, name: options.name, timeout, signal: run.signal });
  printFile(result);
  return result;
};
const waiting = files.values();
await Promise.all(
  Array.from({ length: availableParallelism() }, async () => {
    for (const file of waiting) {
      if (run.signal.aborted) return;
      results.set(file, await runAndPrint(file));
    }
  }),
);
const unsteady: FileResult[] = [];
for (const first of results.values()) {
  const failed = failures(first);
  if (run.signal.aborted || failed.length === 0 || failed.length > MANY || failed.some(isFinding)) continue;
  console.log(`Once more: ${first.file}`);
  const second = await runAndPrint(first.file);
  if (failures(second).length > 0) continue;
  unsteady.push(first);
  results.set(first.file, second);
}
clearTimeout(limit);
printSummary([...results.values()], unsteady);
const failed = [...results.values()].some((result) => failures(result).length > 0);
process.exitCode = failed || run.signal.aborted ? 1 : 0;

function isFinding({ reason = "" }: TestLine): boolean {
  return /Property failed after|\b\d+ violations;|\bFUZZ_SEED=\d+, run \d+:/.test(reason);
}
