import { get } from "node:http";
import { Child } from "./child.ts";
import { freePort } from "./free-port.ts";

/** Even a large persisted state is loaded in this time, in milliseconds. */
const START_PATIENCE = 120_000;
/** Milliseconds between two looks at whether it is ready: what a measured start can be too long by. */
const READY_INTERVAL = 3;

/** How to start one of the two programs. */
export interface GatewayProgram {
  readonly name: string;
  readonly command: readonly string[];
}

/** A gateway in a process of its own, on a free port of the loopback. */
export class Gateway extends Child {
  readonly port: number;
  /** Milliseconds from the start of the process until it was ready for pushes. */
  readyAfter = Number.NaN;

  private constructor(program: GatewayProgram, port: number, flags: readonly string[]) {
    const [file, ...args] = program.command;
    super(file!, [...args, `--web.listen-address=127.0.0.1:${port}`, ...flags]);
    this.port = port;
  }

  /** Resolves once it is ready. */
  static async start(program: GatewayProgram, flags: readonly string[]): Promise<Gateway> {
    const started = performance.now();
    const gateway = new Gateway(program, await freePort(), flags);
    await gateway.waitUntil(() => isReady(gateway.port), START_PATIENCE, READY_INTERVAL);
    gateway.readyAfter = performance.now() - started;
    return gateway;
  }
}

function isReady(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    get({ host: "127.0.0.1", port, path: "/-/ready", agent: false, timeout: 5_000 }, (answer) => {
      answer.resume();
      resolve(answer.statusCode === 200);
    }).on("error", () => resolve(false));
  });
}
