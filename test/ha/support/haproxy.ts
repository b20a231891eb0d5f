import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { freePort } from "../../../conformance/src/gateway-process.ts";
import { findProgram } from "../../support/programs.ts";
import { Client } from "./client.ts";

const EXAMPLE = new URL("../../../examples/ha-redis/haproxy.cfg", import.meta.url);

/** Why a test that needs it is skipped, or false if it can run. */
export const NO_HAPROXY = findProgram("haproxy") === undefined && "no haproxy here (Debian: apt-get install haproxy)";

/** A real HAProxy before gateways of this machine, configured as in examples/ha-redis. */
export class HaProxy implements AsyncDisposable {
  readonly client: Client;
  readonly #child: ChildProcess;
  readonly #folder: string;

  private constructor(port: number, child: ChildProcess, folder: string) {
    this.client = new Client(port);
    this.#child = child;
    this.#folder = folder;
  }

  /** @param ports those of the gateways, at least two */
  static async start(ports: readonly number[]): Promise<HaProxy> {
    const port = await freePort();
    const folder = mkdtempSync(join(tmpdir(), "haproxy-"));
    const file = join(folder, "haproxy.cfg");
    const others = ports.slice(2).map((other, i) => `  server gateway-${i + 3} 127.0.0.1:${other} check\n`);
    writeFileSync(file, readFileSync(EXAMPLE, "utf8").replaceAll(/^ *server gateway-2 .*\n/gm, `$&${others.join("")}`));
    const child = spawn(findProgram("haproxy")!, ["-db", "-f", file], {
      stdio: ["ignore", "pipe", "pipe"],
      env: {
        ...process.env,
        LISTEN: `127.0.0.1:${port}`,
        GATEWAY_1: `127.0.0.1:${ports[0]}`,
        GATEWAY_2: `127.0.0.1:${ports[1]}`,
      },
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (text) => (output += text));
    const proxy = new HaProxy(port, child, folder);
    const killAtExit = () => child.kill("SIGKILL");
    process.once("exit", killAtExit);
    child.once("exit", () => process.removeListener("exit", killAtExit));
    for (let tries = 0; tries < 400 && child.exitCode === null; tries++) {
      // It checks each gateway twice: for pushes and for scrapes.
      const answers = await Promise.all(
        [["GET", "/-/ready"] as const, ["DELETE", "/metrics/job/started"] as const].map(([method, path]) =>
          proxy.client.request(method, path, { timeout: 1000 }).catch(() => undefined),
        ),
      );
      if (answers.every((answer) => answer?.status === 200 || answer?.status === 202)) return proxy;
      await sleep(25);
    }
    await proxy[Symbol.asyncDispose]();
    throw new Error(`HAProxy did not come up:\n${output}`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.client.close();
    if (this.#child.exitCode === null && this.#child.signalCode === null) {
      const exited = once(this.#child, "exit");
      this.#child.kill("SIGKILL");
      await exited;
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }
}
