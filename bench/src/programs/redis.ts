import { connect } from "node:net";
import { Child } from "./child.ts";
import { freePort } from "./free-port.ts";

/** A Redis server of the bench's own, which syncs what it was told to disk before it answers. */
export class RedisServer extends Child {
  readonly url: string;

  private constructor(program: string, port: number, folder: string) {
    const durable = ["--appendonly", "yes", "--appendfsync", "always", "--maxmemory-policy", "noeviction"];
    super(program, ["--port", `${port}`, "--bind", "127.0.0.1", "--dir", folder, "--save", "", ...durable]);
    this.url = `redis://127.0.0.1:${port}`;
  }

  /** @param folder where it keeps its files; an empty one */
  static async start(program: string, folder: string): Promise<RedisServer> {
    const port = await freePort();
    const server = new RedisServer(program, port, folder);
    await server.waitUntil(() => accepts(port), 20_000, 20);
    return server;
  }
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1", () => {
      socket.destroy();
      resolve(true);
    });
    socket.once("error", () => resolve(false));
  });
}
