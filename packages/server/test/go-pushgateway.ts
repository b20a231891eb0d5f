import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { createInterface } from "node:readline";

/** For `test`: runs only where the environment names the program to compare with. */
export const needsGoPushgateway =
  process.env["PEER_PUSHGATEWAY"] === undefined
    ? { skip: "PEER_PUSHGATEWAY does not name a Go Pushgateway" }
    : { timeout: 60_000 };

/** A recorded file; see fixtures/go-pushgateway/README.md. */
export function recorded(name: "everything" | "empty" | "unchecked", file: string): Buffer {
  return readFileSync(new URL(`fixtures/go-pushgateway/${name}/${file}`, import.meta.url));
}

/** The Go program itself, on a port of its own choice. */
export class GoPushgateway {
  readonly url: string;
  readonly #process: ChildProcess;

  private constructor(url: string, process: ChildProcess) {
    this.url = url;
    this.#process = process;
  }

  static async start(...flags: string[]): Promise<GoPushgateway> {
    const program = spawn(process.env["PEER_PUSHGATEWAY"]!, ["--web.listen-address=127.0.0.1:0", ...flags], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    const lines: string[] = [];
    for await (const line of createInterface({ input: program.stderr })) {
      lines.push(line);
      const address = /Listening on.* address=(\S+)/.exec(line)?.[1];
      if (address !== undefined) {
        program.stderr.resume();
        return new GoPushgateway(`http://${address}`, program);
      }
    }
    throw new Error(`the Go Pushgateway did not start:\n${lines.join("\n")}`);
  }

  async push(
    method: "PUT" | "POST",
    path: string,
    body: string | Uint8Array,
    contentType = "text/plain",
  ): Promise<number> {
    const response = await fetch(`${this.url}/metrics${path}`, {
      method,
      body: Buffer.from(body),
      headers: { "Content-Type": contentType },
    });
    await response.arrayBuffer();
    return response.status;
  }

  /** Ends it as a service manager would: it writes its persistence file then. */
  async stop(): Promise<void> {
    if (this.#process.exitCode !== null) return;
    const exited = once(this.#process, "exit");
    this.#process.kill("SIGTERM");
    await exited;
  }
}
