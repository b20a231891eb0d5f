import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { TestLine } from "./events.ts";

export interface FileOptions {
  /** Working directory. */
  readonly root: string;
  readonly env: NodeJS.ProcessEnv;
  /** Only tests whose name matches this pattern. */
  readonly name: string | undefined;
  /** Milliseconds after which the file is ended. */
  readonly timeout: number;
  /** Ends the file. */
  readonly signal: AbortSignal;
}

export interface FileResult {
  readonly file: string;
  /** Those that are done, in order; a file that ended badly has one more that failed, which says how. */
  readonly tests: readonly TestLine[];
  /** What the file has printed. */
  readonly output: string;
  readonly seconds: number;
}

export function failures({ tests }: FileResult): TestLine[] {
  return tests.filter(({ outcome }) => outcome === "failed");
}

const REPORTER = fileURLToPath(new URL("events.ts", import.meta.url));

/**
 * Runs one test file in a process group of its own, and kills whatever is left of that group when the file is done or its time is up,
 * so that no test can hold up or disturb others.
 */
export async function runFile(file: string, { root, env, name, timeout, signal }: FileOptions): Promise<FileResult> {
  const folder = mkdtempSync(join(tmpdir(), "test-events-"));
  const events = join(folder, "events");
  const pattern = name === undefined ? [] : [`--test-name-pattern=${name}`];
  const start = performance.now();
  const child = spawn(
    process.execPath,
    [`--test-reporter=${REPORTER}`, `--test-reporter-destination=${events}`, ...pattern, file],
    { cwd: root, env, detached: true, stdio: ["ignore", "pipe", "pipe"] },
  );
  const output: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => output.push(chunk));
  child.stderr.on("data", (chunk: Buffer) => output.push(chunk));

  let ended: string | undefined;
  const end = (reason: string) => {
    ended ??= reason;
    killGroup(child.pid!);
  };
  const limit = setTimeout(end, timeout, `the file took longer than ${timeout / 60_000} minutes`);
  const abort = () => end("the run was ended");
  signal.addEventListener("abort", abort);
  if (signal.aborted) abort();
  const [code, by] = await new Promise<[number | null, string | null]>((resolve) => {
    child.on("exit", (...how) => resolve(how));
  });
  clearTimeout(limit);
  signal.removeEventListener("abort", abort);
  killGroup(child.pid!);

  const lines = readLines(events);
  rmSync(folder, { recursive: true });
  const tests = lines.filter(({ outcome }) => outcome !== "began");
  const trouble = ended ?? troubleOf(code, by, lines.length > 0 || name !== undefined);
  const last = lines.at(-1);
  if (trouble !== undefined && (ended !== undefined || !tests.some(({ outcome }) => outcome === "failed"))) {
    const title = last?.outcome === "began" ? last.title : last === undefined ? "(the file)" : `(after) ${last.title}`;
    tests.push({ outcome: "failed", title, reason: trouble });
  }
  return { file, tests, output: Buffer.concat(output).toString(), seconds: (performance.now() - start) / 1000 };
}

/** What is wrong with how the file's process ended, apart from its tests. */
function troubleOf(code: number | null, signal: string | null, hasTests: boolean): string | undefined {
  if (code === null) return `the file ended by ${signal}`;
  if (code !== 0) return `the file ended with exit code ${code}`;
  return hasTests ? undefined : "the file has no tests";
}

function killGroup(leader: number): void {
  try {
    process.kill(-leader, "SIGKILL");
  } catch {
    // Nobody is left.
  }
}

function readLines(path: string): TestLine[] {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch {
    return []; // The file did not get as far as its first test.
  }
  // What follows the last line feed was cut off.
  return text
    .split("\n")
    .slice(0, -1)
    .map((line) => JSON.parse(line) as TestLine);
}
