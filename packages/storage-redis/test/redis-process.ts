import { type ChildProcess, spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { accessSync, constants } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

// A runner that has lost its patience ends this process by a signal, after which nothing would end the servers.
for (const signal of ["SIGTERM", "SIGINT"] as const) process.once(signal, () => process.exit(1));

/** A Redis (or Valkey) server of this test's own: on a free port of the loopback, with a folder of its own, without persistence. */
export class RedisProcess {
  readonly port: number;
  /** Holds what the server persists; it outlives `kill` and `restart`, and goes with `stop`. */
  readonly folder: string;
  readonly #program: string;
  readonly #args: readonly string[];
  #child: ChildProcess | undefined;

  private constructor(program: string, port: number, folder: string, args: readonly string[]) {
    this.#program = program;
    this.port = port;
    this.folder = folder;
    this.#args = args;
  }

  /**
   * Starts a server and waits until it answers.
   *
   * @param args Further settings: `["--appendonly", "yes"]`.
   * @param program `redis-server`, or what a test names.
   */
  static async start(
    args: readonly string[] = [],
    program = findProgram("redis-server", "valkey-server"),
  ): Promise<RedisProcess> {
    const folder = await mkdtemp(join(tmpdir(), "waystation-redis-"));
    return RedisProcess.#onFreePort((port) => new RedisProcess(program, port, folder, ["--save", "", ...args]));
  }

  /** Starts a Sentinel with these lines of configuration, which it rewrites. */
  static async startSentinel(lines: readonly string[]): Promise<RedisProcess> {
    const program = findProgram("redis-server", "valkey-server");
    const folder = await mkdtemp(join(tmpdir(), "waystation-sentinel-"));
    const file = join(folder, "sentinel.conf");
    await writeFile(file, `${lines.join("\n")}\n`);
    return RedisProcess.#onFreePort((port) => new RedisProcess(program, port, folder, [file, "--sentinel"]));
  }

  /** Another test may take a port in the moment between finding and using it. */
  static async #onFreePort(make: (port: number) => RedisProcess): Promise<RedisProcess> {
    for (let tries = 1; ; tries++) {
      const server = make(await freePort());
      try {
        await server.restart();
        return server;
      } catch (error) {
        if (tries < 5 && /in use/.test(String(error))) continue;
        await server.stop();
        throw error;
      }
    }
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  get pid(): number {
    return this.#child!.pid!;
  }

  /** Starts it again, on the same port and folder, after `kill`. */
  async restart(args: readonly string[] = []): Promise<void> {
    const basics = ["--port", this.port, "--bind", "127.0.0.1", "--dir", this.folder, "--daemonize", "no"];
    const child = spawn(this.#program, [...this.#args, ...basics.map(String), ...args], {
      stdio: ["ignore", "pipe", "pipe"],
    });
    this.#child = child;
    process.once("exit", killAtExit(child));
    // Its own word counts: an answer on the port could come from a server that was there before.
    let output = "";
    const { promise: settled, resolve: settle } = Promise.withResolvers<void>();
    const collect = (chunk: Buffer) => {
      output = (output + chunk).slice(-10_000);
      if (/Ready to accept connections|Sentinel ID is/.test(output)) settle();
    };
    child.stdout.on("data", collect);
    child.stderr.on("data", collect);
    child.once("close", () => settle());
    const timer = setTimeout(settle, 10_000);
    await settled;
    clearTimeout(timer);
    if (child.exitCode === null && /Ready|Sentinel ID/.test(output)) return;
    await this.kill();
    throw new Error(`${this.#program} did not come up on port ${this.port}:\n${output}`);
  }

  /** As by `kill -9`. */
  kill(): Promise<void> {
    return this.#end("SIGKILL");
  }

  /** Holds the process up, as if its host were overloaded, until `resume`. */
  pause(): void {
    this.#child!.kill("SIGSTOP");
  }

  resume(): void {
    this.#child!.kill("SIGCONT");
  }

  /** Ends it and removes its folder. */
  async stop(): Promise<void> {
    await this.#end("SIGKILL");
    await rm(this.folder, { recursive: true, force: true });
  }

  async #end(signal: NodeJS.Signals): Promise<void> {
    const child = this.#child;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill(signal);
    await exited;
  }
}

/** The first of these programs that is on the PATH, or an error that names the remedy. */
export function findProgram(...names: string[]): string {
  const program = names.map(programOnPath).find((path) => path !== undefined);
  if (program !== undefined) return program;
  throw new Error(
    `${names[0]} is not on the PATH: install it with the package manager (Debian: apt-get install redis-server)`,
  );
}

export function programOnPath(name: string): string | undefined {
  for (const folder of (process.env["PATH"] ?? "").split(delimiter)) {
    try {
      accessSync(join(folder, name), constants.X_OK);
      return join(folder, name);
    } catch {
      // not in this folder
    }
  }
  return undefined;
}

/**
 * A port that was free a moment ago, from a range that no outgoing connection uses; free also with 10,000 added, which the nodes of a
 * cluster use among themselves.
 */
export async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(10_000, 22_000);
    if ((await isFree(port)) && (await isFree(port + 10_000))) return port;
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
    return true;
  } catch {
    return false;
  } finally {
    server.close();
  }
}

function killAtExit(child: ChildProcess): () => void {
  const kill = () => child.kill("SIGKILL");
  child.once("exit", () => process.removeListener("exit", kill));
  return kill;
}
