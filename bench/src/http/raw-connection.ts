import { once } from "node:events";
import { connect, type Socket } from "node:net";

/**
 * A kept connection that sends requests as prepared bytes and reads of the answers only what a bench needs. One request is under way
 * at a time. An HTTP client would take several times the CPU, which a gateway on the same machine then lacks.
 */
export class RawConnection {
  readonly #socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  #waiting: PromiseWithResolvers<number> | undefined;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on("data", (bytes) => this.#read(bytes));
    socket.on("error", (error) => this.#fail(error));
    socket.on("close", () => this.#fail(new Error("the gateway closed the connection")));
  }

  static async open(port: number): Promise<RawConnection> {
    const socket = connect(port, "127.0.0.1");
    await once(socket, "connect");
    return new RawConnection(socket);
  }

  get idle(): boolean {
    return this.#waiting === undefined;
  }

  /** Resolves with the status of the answer once all of it is there. */
  send(request: Uint8Array): Promise<number> {
    if (this.#waiting !== undefined) throw new Error("a request is under way");
    this.#waiting = Promise.withResolvers();
    this.#socket.write(request);
    return this.#waiting.promise;
  }

  close(): void {
    this.#socket.destroy();
  }

  #read(bytes: Buffer): void {
    this.#received = this.#received.length === 0 ? bytes : Buffer.concat([this.#received, bytes]);
    const answer = readAnswer(this.#received);
    if (answer === undefined || this.#waiting === undefined) return;
    const { resolve } = this.#waiting;
    this.#received = this.#received.subarray(answer.length);
    this.#waiting = undefined;
    resolve(answer.status);
  }

  #fail(error: Error): void {
    this.#waiting?.reject(error);
    this.#waiting = undefined;
  }
}

/** The answer at the beginning of the bytes, undefined until it is complete. Its body must have a Content-Length, as those to pushes do. */
export function readAnswer(bytes: Buffer): { status: number; length: number } | undefined {
  const end = bytes.indexOf("\r\n\r\n");
  if (end < 0) return undefined;
  const head = bytes.toString("latin1", 0, end + 2);
  const declared = /\r\ncontent-length: *(\d+)\r\n/i.exec(head);
  if (declared === null) throw new Error(`an answer without Content-Length: ${head}`);
  const length = end + 4 + Number(declared[1]);
  return bytes.length < length ? undefined : { status: Number(head.slice(9, 12)), length };
}
