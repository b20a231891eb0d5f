import { type IncomingHttpHeaders, type Server, STATUS_CODES } from "node:http";
import type { Socket } from "node:net";
import { errorHeaders, type PlainError } from "../http/respond.ts";
import { type PlainHead, PlainHeads } from "./plain-head.ts";
import { connectionSignal, lineSize, type PushExchange } from "./push-exchange.ts";
import type { PushRoute } from "./push-route.ts";

export interface PushConnectionsOptions {
  readonly push: PushRoute;
  readonly maxBodyBytes: number;
  /** Milliseconds that a connection may be open without a request, and idle after one; 0: without end. */
  readonly firstRequestTimeout: number;
  readonly keepAliveTimeout: number;
}

/** How much longer than was promised a connection is kept, so that a client which uses it at the last moment finds it open. As in Node. */
const GRACE_MS = 1000;

/**
 * Looks at each connection of a server before Node's HTTP parser does. As long as it brings nothing but plain pushes, one at a time and
 * each in one piece, they are read and answered here, for two thirds of what Node's HTTP server takes. With the first bytes that are anything
 * else, or that may be, the connection is handed to that server for good, with them: so what is read here is a small language, of
 * which every sentence means the same to any HTTP parser.
 */
export class PushConnections {
  readonly options: PushConnectionsOptions;
  readonly heads = new PlainHeads();
  readonly answers: Answers;
  readonly #open = new Set<PushConnection>();
  /** Is told when a connection has brought a push, the first one. */
  onUsed: (socket: Socket) => void = ignore;

  /** Takes the connections of a server that listens for them by itself. */
  constructor(server: Server, options: PushConnectionsOptions) {
    this.options = options;
    this.answers = new Answers(options.keepAliveTimeout);
    const [serve] = server.listeners("connection");
    server.removeAllListeners("connection");
    server.on("connection", (socket: Socket) => {
      const connection = new PushConnection(socket, this, {
        handOver: () => {
          this.#open.delete(connection);
          serve!.call(server, socket);
        },
        timedOut: () => {
          const error = Object.assign(new Error("no request came"), { code: "ERR_HTTP_REQUEST_TIMEOUT" });
          server.emit("clientError", error, socket);
        },
      });
      this.#open.add(connection);
      socket.once("close", () => this.#open.delete(connection));
    });
  }

  /** Those that have brought pushes, and whose last answer is sent; Node's HTTP server knows nothing of them. */
  closeIdleConnections(): void {
    for (const connection of this.#open) if (connection.isIdle) connection.socket.destroy();
  }

  /** From now on every answer ends its connection. */
  leave(): void {
    this.answers.last = true;
  }
}

interface Elsewhere {
  /** To the HTTP server. */
  readonly handOver: () => void;
  /** Before anything had come. */
  readonly timedOut: () => void;
}

/** One connection, and the push on it that is being answered. */
class PushConnection implements PushExchange {
  readonly socket: Socket;
  readonly #shared: PushConnections;
  readonly #elsewhere: Elsewhere;
  #used = false;
  #answering = false;
  /** What came while a push was being answered. */
  #early: Buffer | undefined;
  #signal: AbortSignal | undefined;
  method = "";
  #target = "";
  /** The header lines of the last push. */
  #lines = "";
  /** What they say. */
  #head!: PlainHead;

  constructor(socket: Socket, shared: PushConnections, elsewhere: Elsewhere) {
    this.socket = socket;
    this.#shared = shared;
    this.#elsewhere = elsewhere;
    socket.on("data", this.#receive);
    socket.on("end", this.#end);
    socket.on("timeout", this.#timeout);
    socket.on("error", ignore);
    socket.setTimeout(shared.options.firstRequestTimeout);
  }

  get isIdle(): boolean {
    return this.#used && !this.#answering && this.socket.writableLength === 0;
  }

  get headers(): IncomingHttpHeaders {
    return this.#head.headers;
  }

  get size(): number {
    return lineSize(this.method, this.#target) + this.#head.size + this.#head.contentLength;
  }

  get signal(): AbortSignal {
    this.#signal ??= connectionSignal(this.socket);
    return this.#signal;
  }

  readonly #receive = (chunk: Buffer): void => {
    if (this.#answering) {
      // Pipelined, which is rare: what comes after it waits in the socket.
      this.#early = this.#early === undefined ? chunk : Buffer.concat([this.#early, chunk]);
      this.socket.pause();
    } else if (!this.#take(chunk)) {
      this.#handOver(chunk);
    }
  };

  /** Answers the push that the chunk is, if it is one, all of it and nothing else. */
  #take(chunk: Buffer): boolean {
    const lineEnd = chunk.indexOf(CARRIAGE_RETURN);
    if (lineEnd < 0) return false;
    const line = chunk.toString("latin1", 0, lineEnd);
    const method = line.startsWith("PUT ") ? "PUT" : line.startsWith("POST ") ? "POST" : undefined;
    if (method === undefined || !line.endsWith(PROTOCOL)) return false;
    const headEnd = this.#readHead(chunk, lineEnd);
    if (headEnd < 0) return false;
    const bodyStart = headEnd + HEAD_END.length;
    const { contentLength } = this.#head;
    if (chunk.length !== bodyStart + contentLength) return false;
    // No space in it, and what may stand in a query is for Node's parser to say.
    const target = line.slice(method.length + 1, -PROTOCOL.length);
    const { push, maxBodyBytes } = this.#shared.options;
    const tail = target.includes("?") ? undefined : push.plainTail(target);
    if (tail === undefined || contentLength > maxBodyBytes) return false;

    this.method = method;
    this.#target = target;
    this.#answering = true;
    if (!this.#used) {
      this.#used = true;
      this.#shared.onUsed(this.socket);
      const { keepAliveTimeout } = this.#shared.options;
      this.socket.setTimeout(keepAliveTimeout === 0 ? 0 : keepAliveTimeout + GRACE_MS);
    }
    push.handleWhole(this, tail, chunk.subarray(bodyStart));
    return true;
  }

  /** Reads the header lines after the request line. @returns where the head ends; -1 if it is not a plain one */
  #readHead(chunk: Buffer, lineEnd: number): number {
    const start = lineEnd + LINE_END.length;
    const known = start + this.#lines.length;
    // A client says the same each time.
    if (this.#lines !== "" && endsHead(chunk, known) && chunk.toString("latin1", start, known) === this.#lines) {
      return chunk[lineEnd + 1] === LINE_FEED ? known : -1;
    }
    const end = chunk.indexOf(HEAD_END, lineEnd);
    if (end < start || chunk[lineEnd + 1] !== LINE_FEED) return -1;
    const lines = chunk.toString("latin1", start, end);
    const head = this.#shared.heads.read(lines);
    if (head === undefined) return -1;
    this.#lines = lines;
    this.#head = head;
    return end;
  }

  succeed(status: number): void {
    this.#send(this.#shared.answers.empty(status), "latin1");
  }

  fail(error: PlainError): void {
    this.#send(this.#shared.answers.error(error), "utf8");
  }

  #send(answer: string, encoding: "latin1" | "utf8"): void {
    this.#answering = false;
    const { socket } = this;
    if (!socket.writable) return;
    const early = this.#early;
    this.#early = undefined;
    if (this.#shared.answers.last) {
      // Both ways, as Node's HTTP server does: whoever keeps its end open has nothing more to say here.
      socket.write(answer, encoding);
      socket.destroySoon();
      return;
    }
    const taken = socket.write(answer, encoding);
    if (early !== undefined) {
      this.#handOver(early);
    } else if (!taken) {
      // Whoever does not read answers gets no more of them.
      socket.pause();
      socket.once("drain", () => socket.resume());
    }
  }

  #handOver(chunk: Buffer): void {
    const { socket } = this;
    socket.off("data", this.#receive);
    socket.off("end", this.#end);
    socket.off("timeout", this.#timeout);
    socket.off("error", ignore);
    socket.setTimeout(0);
    socket.pause();
    socket.unshift(chunk);
    this.#elsewhere.handOver();
    socket.resume();
  }

  /** A client that has no more to say has gone, as far as Node's HTTP server is concerned: what it pushed need not be stored. */
  readonly #end = (): void => {
    this.socket.end();
  };

  /** A push has a time-out of its own. */
  readonly #timeout = (): void => {
    if (this.#answering) return;
    if (this.#used) this.socket.destroy();
    else this.#elsewhere.timedOut();
  };
}

const PROTOCOL = " HTTP/1.1";
const LINE_END = "\r\n";
const HEAD_END = "\r\n\r\n";
const CARRIAGE_RETURN = 0x0d;
const LINE_FEED = 0x0a;

function endsHead(chunk: Buffer, at: number): boolean {
  return (
    chunk[at] === CARRIAGE_RETURN &&
    chunk[at + 1] === LINE_FEED &&
    chunk[at + 2] === CARRIAGE_RETURN &&
    chunk[at + 3] === LINE_FEED
  );
}

/** Failures end the connection, which the gateway is told of by its signal. */
function ignore(): void {}

/** The texts of answers, as Node's HTTP server writes them. */
class Answers {
  /** Does each answer end its connection? */
  last = false;
  readonly #keepAlive: string;
  /** Since the epoch. */
  #second = 0;
  #date = "";
  /** Of this second. */
  readonly #empty = new Map<number, string>();

  /** @param keepAliveTimeout milliseconds; 0: connections are kept without end */
  constructor(keepAliveTimeout: number) {
    const seconds = Math.floor(keepAliveTimeout / 1000);
    this.#keepAlive = `Connection: keep-alive\r\n${keepAliveTimeout > 0 ? `Keep-Alive: timeout=${seconds}\r\n` : ""}`;
  }

  empty(status: number): string {
    this.#tick();
    const known = this.#empty.get(status);
    if (known !== undefined && !this.last) return known;
    const answer = this.#head(status, { "Content-Length": "0" });
    this.#empty.set(status, answer);
    return answer;
  }

  error(error: PlainError): string {
    this.#tick();
    return `${this.#head(error.status, errorHeaders(error))}${error.message}\n`;
  }

  #head(status: number, headers: Readonly<Record<string, string>>): string {
    let head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n`;
    for (const [name, value] of Object.entries(headers)) head += `${name}: ${value}\r\n`;
    return `${head}Date: ${this.#date}\r\n${this.last ? "Connection: close\r\n" : this.#keepAlive}\r\n`;
  }

  #tick(): void {
    const now = Date.now();
    const second = Math.floor(now / 1000);
    if (second === this.#second) return;
    this.#second = second;
    this.#date = new Date(now).toUTCString();
    this.#empty.clear();
  }
}
