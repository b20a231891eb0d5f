import { type ChildProcess, type SpawnOptions, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { setTimeout as sleep } from "node:timers/promises";

/** How long a program may take to end by itself, in milliseconds. */
const END_PATIENCE = 20_000;
/** Clock ticks in a second, as `/proc` counts CPU time on every Linux that Node runs on. */
const TICKS_PER_SECOND = 100;

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** Has the child killed should this process end before it. */
export function track(child: ChildProcess): ChildProcess {
  running.add(child);
  child.once("exit", () => running.delete(child));
  return child;
}

/** A program that the bench has started, and ends. */
export class Child implements AsyncDisposable {
  readonly #child: ChildProcess;
  /** Rejects if it could not be started. */
  readonly #failed: Promise<never>;
  #output = "";

  constructor(program: string, args: readonly string[], options: SpawnOptions = {}) {
    this.#child = track(spawn(program, args, { ...options, stdio: ["ignore", "pipe", "pipe"] }));
    this.#failed = once(this.#child, "error").then(([error]) => {
      throw error;
    });
    this.#failed.catch(() => {});
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.#output = (this.#output + text).slice(-4_000);
      });
    }
  }

  get pid(): number {
    return this.#child.pid!;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null && this.#child.pid !== undefined;
  }

  /** The last of what it has printed. */
  get output(): string {
    return this.#output;
  }

  /** Resolves once `isReady` does with true. @throws if the program ends before, or does not get there in time */
  async waitUntil(isReady: () => Promise<boolean>, patience: number, interval: number): Promise<void> {
    if (this.#child.pid === undefined) await this.#failed;
    const deadline = performance.now() + patience;
    while (this.running && performance.now() < deadline) {
      if (await isReady()) return;
      await sleep(interval);
    }
    await this.stop("SIGKILL");
    throw new Error(`${this.#child.spawnargs.join(" ")} did not become ready:\n${this.#output}`);
  }

  /** Ends it, by force if it does not end by itself. */
  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    if (!this.running) return;
    const exited = once(this.#child, "exit");
    this.#child.kill(signal);
    await Promise.race([exited, sleep(END_PATIENCE, undefined, { ref: false })]);
    if (!this.running) return;
    this.#child.kill("SIGKILL");
    await exited;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Bytes of memory that are resident now. NaN where there is no `/proc`. */
  get residentBytes(): number {
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(this.#proc("status"))?.[1]) * 1024;
  }

  /** Seconds of CPU time that all its threads have used. NaN where there is no `/proc`. */
  get cpuSeconds(): number {
    // After the name, which may contain anything, in parentheses: state is the third field, user and system time the 14th and 15th.
    const [user, system] = this.#proc("stat").split(") ").at(-1)!.split(" ").slice(11, 13);
    return (Number(user) + Number(system)) / TICKS_PER_SECOND;
  }

  #proc(file: "status" | "stat"): string {
    try {
      return readFileSync(`/proc/${this.pid}/${file}`, "latin1");
    } catch {
      return "";
    }
  }
}
