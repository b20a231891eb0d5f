import assert from "node:assert/strict";
import { Redis } from "ioredis";
import { RedisProcess } from "./redis-process.ts";

/** The name by which the Sentinels know the primary. */
const NAME = "main";

/** A primary with two replicas, and three Sentinels that take it for down after half a second without an answer. */
export class RedisWithSentinels {
  /** As it was in the beginning. */
  readonly primary: RedisProcess;
  readonly #servers: readonly RedisProcess[];
  readonly #sentinels: readonly RedisProcess[];

  private constructor(servers: readonly RedisProcess[], sentinels: readonly RedisProcess[]) {
    this.primary = servers[0]!;
    this.#servers = servers;
    this.#sentinels = sentinels;
  }

  /** Starts all of them, with these settings of the servers, and waits until they know each other. */
  static async start(settings: readonly string[] = []): Promise<RedisWithSentinels> {
    const options = ["--repl-diskless-sync-delay", "0", ...settings];
    const servers = [await RedisProcess.start(options)];
    const sentinels: RedisProcess[] = [];
    const { port } = servers[0]!;
    const lines = [
      `sentinel monitor ${NAME} 127.0.0.1 ${port} 2`,
      `sentinel down-after-milliseconds ${NAME} 500`,
      `sentinel failover-timeout ${NAME} 3000`,
    ];
    const started = () => new RedisWithSentinels(servers, sentinels);
    try {
      for (let i = 0; i < 2; i++) {
        servers.push(await RedisProcess.start([...options, "--replicaof", "127.0.0.1", String(port)]));
      }
      for (let i = 0; i < 3; i++) sentinels.push(await RedisProcess.startSentinel(lines));
      await started().#untilKnown();
      return started();
    } catch (error) {
      await started().stop();
      throw error;
    }
  }

  /** A storage URL without options. */
  get url(): string {
    return `redis+sentinel://${this.#sentinels.map(({ port }) => `127.0.0.1:${port}`).join(",")}/${NAME}`;
  }

  async stop(): Promise<void> {
    await Promise.all([...this.#sentinels, ...this.#servers].map((server) => server.stop()));
  }

  async #untilKnown(): Promise<void> {
    const sentinel = new Redis(this.#sentinels[0]!.url, { disconnectTimeout: 50 });
    try {
      for (let tries = 0; ; tries++) {
        const [state] = (await sentinel.call("SENTINEL", "masters")) as string[][];
        const value = (name: string) => state![state!.indexOf(name) + 1];
        if (value("num-slaves") === "2" && value("num-other-sentinels") === "2") return;
        assert.ok(tries < 300, "the Sentinels do not find each other");
        await new Promise((resolve) => setTimeout(resolve, 50));
      }
    } finally {
      sentinel.disconnect();
    }
  }
}
