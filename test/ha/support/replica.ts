import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { Client } from "./client.ts";

const PROGRAM = fileURLToPath(new URL("../../../packages/server/src/cli.ts", import.meta.url));
/** How long a start may take, in milliseconds: machines that run tests are busy. */
const START_PATIENCE = 40_000;
/** How much of what it prints is kept, in characters. */
const KEPT_OUTPUT = 256 * 1024;

/** A gateway in a process of its own, always on the same port, which can be killed, held up and started again. */
export class ReplicaProcess {
  readonly port: number;
  readonly client: Client;
  readonly #flags: readonly string[];
  #child: ChildProcess | undefined;
  #output = "";

  constructor(port: number, flags: readonly string[]) {
    this.port = port;
    this.#flags = [`--web.listen-address=127.0.0.1:${port}`, ...flags];
    this.client = new Client(port);
  }

  /** What it has printed, over all its starts: the last of it. */
  get output(): string {
    return this.#output;
  }

  get isRunning(): boolean {
    return this.#child !== undefined && this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** Starts the process, without waiting until it is ready. */
  launch(): void {
    const child = spawn(process.execPath, [PROGRAM, ...this.#flags], { stdio: ["ignore", "ignore", "pipe"] });
    this.#child = child;
    child.stderr!.setEncoding("utf8").on("data", (text: string) => {
      this.#output = (this.#output + text).slice(-KEPT_OUTPUT);
    });
    const killAtExit = () => child.kill("SIGKILL");
    process.once("exit", killAtExit);
    child.once("exit", () => process.removeListener("exit", killAtExit));
  }

  async start(): Promise<void> {
    this.launch();
    await this.untilReady();
  }

  async untilReady(patience = START_PATIENCE): Promise<void> {
    const end = performance.now() + patience;
    while (performance.now() < end) {
      if (!this.isRunning) throw new Error(`the replica has ended:\n${this.#output.slice(-4000)}`);
      const answer = await this.client.request("GET", "/-/ready", { timeout: 1000 }).catch(() => undefined);
      if (answer?.status === 200) return;
      await sleep(25);
    }
    throw new Error(`the replica did not become ready:\n${this.#output.slice(-4000)}`);
  }

  /** As by `kill -9`. */
  kill(): Promise<void> {
    return this.#end("SIGKILL");
  }

  /** As an orchestrator ends it, or a `kill`. */
  terminate(): Promise<void> {
    return this.#end("SIGTERM");
  }

  /** Holds the process up, as a host does that is suspended or overloaded, until `resume`. */
  pause(): void {
    this.#child!.kill("SIGSTOP");
  }

  resume(): void {
    this.#child!.kill("SIGCONT");
  }

  async stop(): Promise<void> {
    this.client.close();
    await this.kill();
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    if (!this.isRunning) return;
    const exited = once(this.#child!, "exit");
    this.#child!.kill(signal);
    await exited;
  }
}
