/** The processes of compose.yaml on this machine, without containers: redis-server, two gateways, haproxy, and prometheus if it is there. */
import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";

const here = fileURLToPath(new URL(".", import.meta.url));
const WAYSTATION = fileURLToPath(new URL("../../packages/server/src/cli.ts", import.meta.url));

/** Where everything listens, on 127.0.0.1. */
export interface Ports {
  /** Where clients push, and Prometheus scrapes. */
  readonly haproxy: number;
  readonly gateways: readonly [number, number];
  readonly redis: number;
  readonly prometheus: number;
}

export interface TopologyOptions {
  readonly ports: Ports;
  /** The programs, by name or path. Without `prometheus` there is none. */
  readonly programs: { readonly redis: string; readonly haproxy: string; readonly prometheus?: string | undefined };
  /** How often Prometheus scrapes. Default: as in prometheus.yml. */
  readonly scrapeInterval?: string;
}

export class Topology implements AsyncDisposable {
  readonly ports: Ports;
  readonly #options: TopologyOptions;
  readonly #folder = mkdtempSync(join(tmpdir(), "ha-redis-"));
  readonly #gateways = new Map<0 | 1, ChildProcess>();
  readonly #others: ChildProcess[] = [];

  private constructor(options: TopologyOptions) {
    this.#options = options;
    this.ports = options.ports;
  }

  /** Resolves once pushes are taken. Needs the programs and the ports. */
  static async start(options: TopologyOptions): Promise<Topology> {
    const topology = new Topology(options);
    try {
      await topology.#startAll();
      return topology;
    } catch (error) {
      await topology[Symbol.asyncDispose]();
      throw error;
    }
  }

  async #startAll(): Promise<void> {
    const { ports, programs } = this.#options;
    const [first, second] = ports.gateways;
    const redis = [`${here}redis.conf`, "--port", `${ports.redis}`, "--bind", "127.0.0.1", "--dir", this.#folder];
    this.#run(programs.redis, redis);
    this.startGateway(0);
    this.startGateway(1);
    this.#run(programs.haproxy, ["-db", "-f", `${here}haproxy.cfg`], {
      LISTEN: `127.0.0.1:${ports.haproxy}`,
      GATEWAY_1: `127.0.0.1:${first}`,
      GATEWAY_2: `127.0.0.1:${second}`,
    });
    // HAProxy checks each gateway twice: for pushes and for scrapes.
    await this.#until(async () => (await fetch(`${this.url}/metrics/job/started`, { method: "DELETE" })).ok);
    await this.#until(async () => (await fetch(`${this.url}/metrics`)).ok);
    if (programs.prometheus === undefined) return;
    const configuration = readFileSync(`${here}prometheus.yml`, "utf8")
      .replace("haproxy:9091", `127.0.0.1:${ports.haproxy}`)
      .replace("gateway-1:9091", `127.0.0.1:${first}`)
      .replace("gateway-2:9091", `127.0.0.1:${second}`)
      .replace("15s", this.#options.scrapeInterval ?? "15s");
    writeFileSync(join(this.#folder, "prometheus.yml"), configuration);
    this.#run(programs.prometheus, [
      `--config.file=${this.#folder}/prometheus.yml`,
      `--storage.tsdb.path=${this.#folder}/prometheus`,
      `--web.listen-address=127.0.0.1:${ports.prometheus}`,
    ]);
    await this.#until(() => isOpen(ports.prometheus));
  }

  /** Where to push and scrape. */
  get url(): string {
    return `http://127.0.0.1:${this.ports.haproxy}`;
  }

  /** Starts one of the two gateways, again if it was stopped. */
  startGateway(which: 0 | 1): void {
    const { ports } = this.#options;
    const child = this.#run(process.execPath, [
      WAYSTATION,
      `--web.listen-address=127.0.0.1:${ports.gateways[which]}`,
      `--storage=redis://127.0.0.1:${ports.redis}/0`,
      `--storage.lost-entries-dir=${this.#folder}/lost`,
      "--web.shutdown-delay=3s",
    ]);
    this.#gateways.set(which, child);
  }

  /** Ends one of the two gateways: by SIGTERM in good order, by SIGKILL as a crash does. */
  async stopGateway(which: 0 | 1, signal: "SIGTERM" | "SIGKILL"): Promise<void> {
    await end(this.#gateways.get(which)!, signal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#others.map((child) => end(child, "SIGKILL")));
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #run(program: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): ChildProcess {
    const child = spawn(program, args, { stdio: ["ignore", "ignore", "inherit"], env: { ...process.env, ...env } });
    child.on("error", () => {}); // its end is seen by whoever waits for it
    this.#others.push(child);
    return child;
  }

  async #until(works: () => Promise<boolean>): Promise<void> {
    for (let tries = 0; tries < 600; tries++) {
      const dead = this.#others.find(({ exitCode, pid }) => exitCode !== null || pid === undefined);
      if (dead) throw new Error(`${dead.spawnfile} did not start`);
      if (await works().catch(() => false)) return;
      await sleep(50);
    }
    throw new Error("not everything came up");
  }
}

async function end(child: ChildProcess, signal: NodeJS.Signals): Promise<void> {
  if (child.pid === undefined || child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, "exit");
  child.kill(signal);
  await exited;
}

async function isOpen(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    return true;
  } finally {
    socket.destroy();
  }
}

export function isInstalled(program: string): boolean {
  return spawnSync(program, ["--version"], { stdio: "ignore" }).error === undefined;
}
