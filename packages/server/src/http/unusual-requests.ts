import http from "node:http";
import { Duplex } from "node:stream";
import { answerClientError } from "./client-error.ts";

/** What Node's HTTP parser reports, with the bytes that it stumbled over. */
export interface ParseError extends NodeJS.ErrnoException {
  readonly rawPacket?: Buffer;
}

const METHOD = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

/**
 * Takes requests that Go's HTTP server accepts and Node's parser does not, and puts them to the same handler in a form that it does:
 *
 * - Bytes above 0x7F in the request target, as clients send that do not escape their grouping key, are percent-encoded.
 * - A method that the parser does not know (`put`) becomes `PATCH`, which no route serves either: the answer is then 404 or 405.
 *
 * The connection is closed after the answer: these are rare, and a connection that is parsed normally again is the simplest to
 * reason about.
 */
export class UnusualRequests {
  /** Never listens; it is handed connections. */
  readonly #server: http.Server;

  constructor(options: http.ServerOptions, handle: http.RequestListener) {
    this.#server = http.createServer(options, handle);
    this.#server.on("clientError", (error, socket) => answerClientError(error, socket));
  }

  /** Takes the connection over if its request is of these kinds, and says whether it has. */
  adopt(error: ParseError, socket: Duplex): boolean {
    const packet = error.rawPacket;
    if (packet === undefined || !socket.writable) return false;
    const head = rewriteRequestLine(error.code, packet);
    if (head === undefined) return false;

    // The parser that failed gets nothing more. Listening for data takes the socket back from it.
    for (const event of ["data", "end", "drain", "timeout"]) socket.removeAllListeners(event);
    this.#server.emit("connection", new AdoptedConnection(socket, head));
    return true;
  }
}

/** The packet with another request line and a request to close; undefined if it is not of these kinds, or comes in pieces. */
function rewriteRequestLine(code: string | undefined, packet: Buffer): Buffer | undefined {
  const lineEnd = packet.indexOf("\n");
  const [method = "", target = "", protocol = "", ...more] = packet.toString("latin1", 0, lineEnd).trimEnd().split(" ");
  if (lineEnd < 0 || more.length > 0 || !/^HTTP\/1\.[01]$/.test(protocol) || !METHOD.test(method)) return undefined;
  let line: string;
  if (code === "HPE_INVALID_METHOD") line = `PATCH ${target}`;
  else if (code === "HPE_INVALID_URL" && /[\x80-\xff]/.test(target)) line = `${method} ${escapeHighBytes(target)}`;
  else return undefined;
  return Buffer.concat([
    Buffer.from(`${line} ${protocol}\r\nConnection: close\r\n`, "latin1"),
    packet.subarray(lineEnd + 1),
  ]);
}

function escapeHighBytes(target: string): string {
  return target.replace(/[\x80-\xff]/g, (byte) => `%${byte.charCodeAt(0).toString(16).toUpperCase()}`);
}

/** A connection, with its first bytes replaced by others. */
class AdoptedConnection extends Duplex {
  readonly #socket: Duplex;
  /** For logs, as on a socket. */
  readonly remoteAddress: string | undefined;

  constructor(socket: Duplex, head: Buffer) {
    super({ allowHalfOpen: true });
    this.#socket = socket;
    this.remoteAddress = (socket as { remoteAddress?: string }).remoteAddress;
    this.push(head);
    socket.on("data", (chunk: Buffer) => {
      if (!this.push(chunk)) socket.pause();
    });
    socket.on("end", () => this.push(null));
    socket.on("close", () => this.destroy());
    // The time that its first server has set still runs.
    socket.on("timeout", () => socket.destroy());
    socket.on("error", (error) => this.destroy(error));
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, encoding, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end(done);
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }
}
