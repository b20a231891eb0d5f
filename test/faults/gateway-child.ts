import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { freePort } from "../../conformance/src/gateway-process.ts";

const CLI = fileURLToPath(new URL("../../packages/server/src/cli.ts", import.meta.url));

/** A gateway that is started with something in front of its command line, and need not come up. */
export class GatewayChild implements AsyncDisposable {
  readonly port: number;
  readonly process: ChildProcess;
  output = "";

  private constructor(process: ChildProcess, port: number) {
    this.process = process;
    this.port = port;
    process.stderr!.setEncoding("utf8").on("data", (text: string) => {
      this.output = (this.output + text).slice(-10_000);
    });
  }

  /** @param wrap a command that runs the rest of its arguments */
  static async spawn(flags: readonly string[], wrap: readonly string[] = []): Promise<GatewayChild> {
    const port = await freePort();
    const line = [...wrap, process.execPath, CLI, `--web.listen-address=127.0.0.1:${port}`, ...flags];
    const child = spawn(line[0]!, line.slice(1), { stdio: ["ignore", "ignore", "pipe"] });
    return new GatewayChild(child, port);
  }

  /** Resolves once it listens, with undefined, or with the exit code if it gives up. */
  async settled(): Promise<number | undefined> {
    for (let i = 0; i < 600; i++) {
      if (this.process.exitCode !== null) return this.process.exitCode;
      const answer = await this.request("GET", "/-/ready").catch(() => undefined);
      if (answer?.status === 200) return undefined;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    throw new Error(`neither listening nor gone:\n${this.output}`);
  }

  async request(method: string, path: string, body?: string): Promise<{ status: number; text: string }> {
    const answer = await fetch(`http://127.0.0.1:${this.port}${path}`, { method, ...(body !== undefined && { body }) });
    return { status: answer.status, text: await answer.text() };
  }

  async stop(signal: NodeJS.Signals = "SIGTERM"): Promise<void> {
    if (this.process.exitCode !== null || this.process.signalCode !== null) return;
    const exited = once(this.process, "exit");
    this.process.kill(signal);
    await exited;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop("SIGKILL");
  }
}
