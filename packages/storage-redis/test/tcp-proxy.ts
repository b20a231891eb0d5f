import { once } from "node:events";
import { connect, createServer, type Server, type Socket } from "node:net";

/** Bytes on their way to the server (`up`), or back (`down`). */
type Way = "up" | "down";

interface Pair {
  readonly client: Socket;
  readonly server: Socket;
  readonly lanes: Readonly<Record<Way, Lane>>;
}

/** One way of one connection: delivers in order, whatever is held up or delayed. */
class Lane {
  readonly #to: Socket;
  readonly #waiting: { readonly due: number; readonly deliver: (to: Socket) => void }[] = [];
  #timer: NodeJS.Timeout | undefined;
  #held: boolean;

  constructor(to: Socket, held: boolean) {
    this.#to = to;
    this.#held = held;
  }

  pass(delay: number, deliver: (to: Socket) => void): void {
    this.#waiting.push({ due: performance.now() + delay, deliver });
    this.#pump();
  }

  hold(held: boolean): void {
    this.#held = held;
    this.#pump();
  }

  /** What waits now, to be delivered elsewhere. */
  get waiting(): readonly ((to: Socket) => void)[] {
    return this.#waiting.map(({ deliver }) => deliver);
  }

  #pump(): void {
    clearTimeout(this.#timer);
    while (!this.#held && this.#waiting.length > 0) {
      const left = this.#waiting[0]!.due - performance.now();
      if (left > 0) {
        this.#timer = setTimeout(() => this.#pump(), left);
        return;
      }
      const { deliver } = this.#waiting.shift()!;
      if (!this.#to.destroyed) deliver(this.#to);
    }
  }
}

/**
 * A proxy on the loopback that fails on demand: it cuts connections, refuses new ones, delays, or swallows bytes of one way and delivers
 * them late, even after the client has gone, or twice.
 */
export class TcpProxy {
  #target: { readonly port: number; readonly host: string };
  readonly #server: Server;
  readonly #pairs = new Set<Pair>();
  readonly #repeating = new Set<Socket>();
  readonly #held: Record<Way, boolean> = { up: false, down: false };
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

  /** Resets all connections of clients; what they have sent still reaches the server. */
  cutClients(): void {
    for (const { client } of this.#pairs) client.resetAndDestroy();
  }

  /** Resets all connections and refuses new ones until `accept`. */
  refuse(): void {
    this.#refusing = true;
    this.cut();
  }

  accept(): void {
    this.#refusing = false;
  }

  /** Resets all connections; new ones lead to another server on this host. */
  redirect(port: number): void {
    this.#target = { ...this.#target, port };
    this.cut();
  }

  /** Delays all bytes of both ways by `ms` from now on. */
  delay(ms: number): void {
    this.#delay = ms;
  }

  /** Keeps back all bytes of one way; what the client sent is delivered by `release` even if the client is gone by then. */
  hold(way: Way): void {
    this.#hold(way, true);
  }

  /** Delivers what was kept back, in order. */
  release(way: Way): void {
    this.#hold(way, false);
  }

  /** Remembers the requests that are kept back, and gives a function that delivers them, by connections of its own. */
  copy(): () => void {
    const copies = [...this.#pairs].map(({ lanes }) => lanes.up.waiting);
    return () => {
      for (const requests of copies) {
        if (requests.length > 0) this.#repeat(requests);
      }
    };
  }

  async stop(): Promise<void> {
    for (const socket of this.#repeating) socket.destroy();
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
    const pair: Pair = {
      client,
      server,
      lanes: { up: new Lane(server, this.#held.up), down: new Lane(client, this.#held.down) },
    };
    this.#pairs.add(pair);
    this.#forward(client, pair.lanes.up);
    this.#forward(server, pair.lanes.down);
    server.once("close", () => {
      this.#pairs.delete(pair);
      client.destroy();
    });
  }

  #repeat(requests: readonly ((to: Socket) => void)[]): void {
    const server = connect(this.#target);
    this.#repeating.add(server);
    server.on("error", () => {});
    server.once("close", () => this.#repeating.delete(server));
    for (const deliver of requests) deliver(server);
    server.end();
    server.resume();
  }

  #forward(from: Socket, lane: Lane): void {
    from.on("data", (chunk: Buffer) => lane.pass(this.#delay, (to) => to.write(chunk)));
    // The end goes the same way as the bytes before it.
    from.once("end", () => lane.pass(this.#delay, (to) => to.end()));
    from.once("close", () => lane.pass(this.#delay, (to) => to.end()));
  }

  #hold(way: Way, held: boolean): void {
    this.#held[way] = held;
    for (const { lanes } of this.#pairs) lanes[way].hold(held);
  }
}
