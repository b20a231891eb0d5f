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
 * The last line is `N passed, N failed`, with `, N skipped` if any were. The exit code is 0 only if nothing failed. A run that
 * takes longer than `--minutes` (10; 120 for soak) is ended and has failed.
 */
import { spawn, spawnSync } from "node:child_process";
import { globSync } from "node:fs";
import { availableParallelism } from "node:os";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";

const root = fileURLToPath(new URL("..", import.meta.url));
const { values: options, positionals: words } = parseArgs({
  allowPositionals: true,
  options: {
    name: { type: "string" },
    soak: { type: "boolean", default: false },
    minutes: { type: "string" },
  },
});
const minutes = Number(options.minutes ?? (options.soak ? 120 : 10));

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

const environment = { ...process.env };
if (options.soak) {
  environment["WAYSTATION_SOAK"] = "1";
  environment["CRASH_ROUNDS"] ??= "100";
}
const peers = spawnSync(fileURLToPath(new URL("peers", import.meta.url)), ["--check"], { encoding: "utf8" });
if (peers.status === 0) environment["PEER_PUSHGATEWAY"] ??= `${peers.stdout.trim()}/prometheus-pushgateway`;

const runner = spawn(
  process.execPath,
  [
    "--test",
    `--test-concurrency=${availableParallelism()}`,
    `--test-reporter=${fileURLToPath(new URL("test-reporter.ts", import.meta.url))}`,
    "--test-reporter-destination=stdout",
    ...(options.name === undefined ? [] : [`--test-name-pattern=${options.name}`]),
    ...files,
  ],
  {
    cwd: root,
    stdio: "inherit",
    // A process group of its own, so that everything that tests have started can be ended with it.
    detached: true,
    env: environment,
  },
);

let ended: string | undefined;
/** The runner reports what it has on SIGTERM; whatever does not end by that is killed. */
function end(reason: string): void {
  if (ended !== undefined) return;
  ended = reason;
  console.error(`\n${reason}`);
  runner.kill("SIGTERM");
  setTimeout(killGroup, 5_000).unref();
}

function killGroup(): void {
  try {
    process.kill(-runner.pid!, "SIGKILL");
  } catch {
    // Nobody is left.
  }
}

const overall = setTimeout(() => end(`Ended after ${minutes} minutes.`), minutes * 60_000);
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => end(`Ended by ${signal}.`));

runner.on("exit", (code) => {
  clearTimeout(overall);
  killGroup();
  // A runner that was killed has not counted.
  if (code === null) console.log("\n0 passed, 1 failed");
  process.exitCode = code === 0 && ended === undefined ? 0 : 1;
});
