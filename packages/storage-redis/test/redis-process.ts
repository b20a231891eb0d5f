import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { accessSync, constants } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { connect, createServer } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";

/** A Redis (or Valkey) server of this test's own: on a free port of the loopback, with a folder of its own, without persistence. */
export class RedisProcess {
  readonly port: number;
  /** Holds what the server persists; it outlives `kill` and `restart`, and goes with `stop`. */
  readonly folder: string;
  readonly #program: string;
  readonly #args: readonly string[];
  #child: ChildProcess | undefined;
  #output = "";

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
    const server = new RedisProcess(program, await freePort(), folder, ["--save", "", ...args]);
    await server.restart();
    return server;
  }

  /** Starts a Sentinel with these lines of configuration, which it rewrites. */
  static async startSentinel(lines: readonly string[]): Promise<RedisProcess> {
    const program = findProgram("redis-server", "valkey-server");
    const folder = await mkdtemp(join(tmpdir(), "waystation-sentinel-"));
    const file = join(folder, "sentinel.conf");
    await writeFile(file, `${lines.join("\n")}\n`);
    const server = new RedisProcess(program, await freePort(), folder, [file, "--sentinel"]);
    await server.restart();
    return server;
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
    const collect = (chunk: Buffer) => {
      this.#output = (this.#output + chunk).slice(-4000);
    };
    child.stdout.on("data", collect);
    child.stderr.on("data", collect);
    process.once("exit", killAtExit(child));
    for (let tries = 0; tries < 200; tries++) {
      if (child.exitCode !== null) break;
      if (await answers(this.port)) return;
      await sleep(25);
    }
    await this.stop();
    throw new Error(`${this.#program} did not come up on port ${this.port}:\n${this.#output}`);
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

/** A port that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

/** Does a server there answer to commands? A refusal (no password given, still loading) is an answer but for the loading. */
async function answers(port: number): Promise<boolean> {
  const socket = connect(port, "127.0.0.1");
  try {
    await once(socket, "connect");
    socket.write("PING\r\n");
    const [reply] = (await once(socket, "data")) as [Buffer];
    return !reply.toString().startsWith("-LOADING");
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}

function killAtExit(child: ChildProcess): () => void {
  const kill = () => child.kill("SIGKILL");
  child.once("exit", () => process.removeListener("exit", kill));
  return kill;
}
