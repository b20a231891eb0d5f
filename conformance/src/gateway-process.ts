import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { exchange } from "./http/exchange.ts";
import { requestBytes } from "./http/request.ts";

/** Flags for gateways that are compared. An empty persistence file means that nothing is kept. */
export const COMMON_FLAGS = ["--web.enable-admin-api", "--web.enable-lifecycle", "--persistence.file="];

const START_TIMEOUT = 20_000;

/**
 * A gateway that was started from a command line, be it the Go Pushgateway or Waystation. In the command, `{port}` and `{dir}` stand for
 * a free port and an empty folder; `--web.listen-address` is added if the command does not name a port.
 */
export class GatewayProcess implements AsyncDisposable {
  readonly port: number;
  readonly #child: ChildProcess;
  readonly #folder: string;
  #output = "";

  private constructor(child: ChildProcess, port: number, folder: string) {
    this.#child = child;
    this.port = port;
    this.#folder = folder;
    for (const stream of [child.stdout, child.stderr]) {
      stream?.setEncoding("utf8").on("data", (text: string) => {
        this.#output = (this.#output + text).slice(-4_000);
      });
    }
  }

  /** Resolves once `/-/ready` answers 200. `flags` are words for the shell. */
  static async start(command: string, flags: readonly string[] = COMMON_FLAGS): Promise<GatewayProcess> {
    const port = await freePort();
    const folder = mkdtempSync(join(tmpdir(), "conformance-"));
    const listen = command.includes("{port}") ? [] : [`--web.listen-address=127.0.0.1:${port}`];
    const line = [command, ...listen, ...flags].join(" ");
    const filled = line.replaceAll("{port}", String(port)).replaceAll("{dir}", folder);
    const child = spawn("sh", ["-c", `exec ${filled}`], { stdio: ["ignore", "pipe", "pipe"] });
    const gateway = new GatewayProcess(child, port, folder);

    const deadline = Date.now() + START_TIMEOUT;
    while (child.exitCode === null && Date.now() < deadline) {
      const { answers } = await exchange(port, requestBytes({ method: "GET", target: "/-/ready" }, port), 1_000);
      if (answers[0]?.status === 200) return gateway;
      await sleep(50);
    }
    await gateway.stop();
    throw new Error(`did not become ready: ${filled}\n${gateway.output}`);
  }

  get url(): string {
    return `http://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.#child.pid!;
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null;
  }

  /** The last of what the process has printed. */
  get output(): string {
    return this.#output;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  /** Ends the process by a signal, and resolves once it is gone; its folder stays. */
  async kill(signal: NodeJS.Signals): Promise<void> {
    if (!this.running) return;
    const exited = once(this.#child, "exit");
    this.#child.kill(signal);
    await exited;
  }

  /** Asks the process to end, kills it if it does not within five seconds, and removes its folder. */
  async stop(): Promise<void> {
    if (this.running) {
      const exited = once(this.#child, "exit");
      this.#child.kill("SIGTERM");
      await Promise.race([exited, sleep(5_000, undefined, { ref: false })]);
      if (this.running) {
        this.#child.kill("SIGKILL");
        await exited;
      }
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

export async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
