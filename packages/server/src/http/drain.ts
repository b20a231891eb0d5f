import type http from "node:http";
import type { Socket } from "node:net";
import tls from "node:tls";
import type { PushConnections } from "../push/push-connections.ts";
import type { AnyHttpServer } from "./http-servers.ts";

/** How long requests under way may take, milliseconds; then their connections are cut. */
const DRAIN_MS = 5_000;
/** How long a new connection is given to bring the request that it was made for. */
const UNUSED_MS = 250;
/** How often to look for connections that have become idle meanwhile. */
const STEP_MS = 50;

/** Follows a server's connections from the start, to be able to close it in good order. */
export class Drain {
  readonly #server: AnyHttpServer;
  readonly #connections = new Set<Socket>();
  /** Those that have not brought a request yet, with when they came; Node counts them as busy. */
  readonly #unused = new Map<Socket, number>();
  readonly #pushes: PushConnections | undefined;
  #leaving = false;

  /** @param pushes those that answer some requests before the server sees them */
  constructor(server: AnyHttpServer, pushes?: PushConnections) {
    this.#server = server;
    this.#pushes = pushes;
    server.on("connection", (socket: Socket) => {
      this.#connections.add(socket);
      socket.once("close", () => this.#connections.delete(socket));
    });
    server.on(server instanceof tls.Server ? "secureConnection" : "connection", (socket: Socket) => {
      // The server itself closes HTTP/2 sessions once they are idle, and their requests do not tell their socket.
      if ("alpnProtocol" in socket && socket.alpnProtocol === "h2") return;
      this.#unused.set(socket, performance.now());
      socket.once("close", () => this.#unused.delete(socket));
    });
    if (pushes !== undefined) pushes.onUsed = (socket) => this.#unused.delete(socket);
    server.prependListener("request", (req: http.IncomingMessage, res: http.ServerResponse) => {
      this.#unused.delete(req.socket);
      if (this.#leaving && req.httpVersionMajor === 1) res.shouldKeepAlive = false;
    });
  }

  /** From now on every answer ends its connection, so that clients which keep connections open go elsewhere. HTTP/2 is closed later. */
  leave(): void {
    this.#leaving = true;
    this.#pushes?.leave();
  }

  /** Stops accepting and waits for requests under way, not for connections that are merely open. */
  finish(): Promise<void> {
    return new Promise((resolve) => {
      const closeIdle = setInterval(() => this.#closeIdle(), STEP_MS);
      const cut = setTimeout(() => {
        for (const socket of this.#connections) socket.destroy();
      }, DRAIN_MS);
      this.#server.close(() => {
        clearInterval(closeIdle);
        clearTimeout(cut);
        resolve();
      });
      this.#closeIdle();
    });
  }

  #closeIdle(): void {
    // The HTTP/2 server has this method too, as it also serves HTTP/1.1; its type does not say so.
    (this.#server as http.Server).closeIdleConnections();
    this.#pushes?.closeIdleConnections();
    const settled = performance.now() - UNUSED_MS;
    for (const [socket, since] of this.#unused) {
      if (since < settled) socket.destroy();
    }
  }
}
