import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

/** What happens to bytes on their way to the server (`up`) or back (`down`). */
type Way = "up" | "down";

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
}

/**
 * A proxy on the loopback that fails on demand: it cuts connections, refuses new ones, delays, or swallows bytes of one way and delivers
 * them late, even after the client has gone.
 */
export class TcpProxy {
  readonly #target: { readonly port: number; readonly host: string };
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  /** Bytes that wait for `release`, while a way is held up. */
  readonly #held: Record<Way, (() => void)[] | undefined> = { up: undefined, down: undefined };
  #delay = 0;
  #refusing = false;

  private constructor(port: number, host: string) {
    this.#target = { port, host };
    this.#server = createServer({ allowHalfOpen: true }, (client) => this.#accept(client));
  }

  /** Starts a proxy of that server. */
  static async start(port: number, host = "127.0.0.1"): Promise<TcpProxy> {
    const proxy = new TcpProxy(port, host);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  get url(): string {
    return `redis://127.0.0.1:${this.port}`;
  }

  /** Resets all connections. */
  cut(): void {
    for (const { client, server } of this.#pairs) {
      client.resetAndDestroy();
      server.resetAndDestroy();
    }
  }

  /** Resets all connections and refuses new ones until `accept`. */
  refuse(): void {
    this.#refusing = true;
    this.cut();
  }

  accept(): void {
    this.#refusing = false;
  }

  /** Delays all bytes of both ways by `ms` from now on. */
  delay(ms: number): void {
    this.#delay = ms;
  }

  /** Keeps back all bytes of one way; what the client sent is delivered by `release` even if the client is gone by then. */
  hold(way: Way): void {
    this.#held[way] ??= [];
  }

  /** Delivers what was kept back, in order. */
  release(way: Way): void {
    const held = this.#held[way] ?? [];
    this.#held[way] = undefined;
    for (const deliver of held) deliver();
  }

  async stop(): Promise<void> {
    for (const { client, server } of this.#pairs) {
      client.destroy();
      server.destroy();
    }
    this.#server.close();
    await once(this.#server, "close");
  }

  #accept(client: Socket): void {
    client.on("error", () => {});
    if (this.#refusing) {
      client.resetAndDestroy();
      return;
    }
    const server = connect({ ...this.#target, allowHalfOpen: true });
    server.on("error", () => client.destroy());
    const pair: Pair = { client, server };
    this.#pairs.add(pair);
    this.#forward(client, server, "up");
    this.#forward(server, client, "down");
    server.once("close", () => {
      this.#pairs.delete(pair);
      client.destroy();
    });
  }

  #forward(from: Socket, to: Socket, way: Way): void {
    const pass = (action: () => void): void => {
      const deliver = () => {
        if (!to.destroyed) action();
      };
      const held = this.#held[way];
      if (held) held.push(deliver);
      else if (this.#delay > 0) setTimeout(deliver, this.#delay);
      else deliver();
    };
    from.on("data", (chunk: Buffer) => pass(() => to.write(chunk)));
    // The end goes the same way as the bytes before it, and never overtakes them.
    from.on("close", () => pass(() => to.end()));
    from.on("end", () => pass(() => to.end()));
  }
}
