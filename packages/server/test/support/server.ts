import http from "node:http";
import net from "node:net";
import { after } from "node:test";
import type { Journal } from "@waystation/core";
import { FLAGS, type FlagName, type FlagValues } from "../../src/config/flags.ts";
import { resolveSettings } from "../../src/config/settings.ts";
import { createLogger, type Logger } from "../../src/logging.ts";
import { type RunningServer, startServer } from "../../src/start-server.ts";

export interface Answer {
  readonly status: number;
  readonly headers: http.IncomingHttpHeaders;
  readonly body: Buffer;
  readonly text: string;
}

export interface RequestOptions {
  readonly body?: string | Uint8Array;
  readonly headers?: http.OutgoingHttpHeaders;
}

/** A gateway in this process that listens on a port of its own; its log lines are kept. */
export interface TestServer extends RunningServer {
  readonly port: number;
  readonly logLines: readonly string[];
  /** `request("PUT /metrics/job/a", …)` on a connection of its own. */
  request(line: string, options?: RequestOptions): Promise<Answer>;
  /** Sends bytes as they are; resolves with all that comes back until the connection closes. */
  raw(bytes: string | Uint8Array): Promise<string>;
}

/** Stopped when the test file is done, if not before. */
export async function startTestServer(flags: Partial<FlagValues> = {}, journal?: Journal): Promise<TestServer> {
  const { logger, lines: logLines } = testLogger();
  const values = { ...flagDefaults(), storage: "memory:", "web.listen-address": ["127.0.0.1:0"], ...flags };
  const given = new Set(Object.keys(flags) as FlagName[]);
  if (flags["persistence.file"] === undefined) given.add("storage");
  const server = await startServer({
    settings: resolveSettings({ values, given }),
    logger,
    ...(journal && { journal }),
  });
  after(() => server.stop());
  const port = server.addresses[0]!.port;
  return {
    ...server,
    port,
    logLines,
    request: (line, options) => request(port, line, options),
    raw: (bytes) => raw(port, bytes),
  };
}

export function testLogger(): { readonly logger: Logger; readonly lines: readonly string[] } {
  const lines: string[] = [];
  return {
    logger: createLogger({ level: "debug", format: "logfmt" }, { write: (line) => void lines.push(line) }),
    lines,
  };
}

export function flagDefaults(): FlagValues {
  return Object.fromEntries(Object.entries(FLAGS).map(([name, flag]) => [name, flag.default])) as unknown as FlagValues;
}

export function request(port: number, line: string, { body, headers }: RequestOptions = {}): Promise<Answer> {
  const [method, path] = line.split(" ", 2) as [string, string];
  // Node's client gives no length to bodies of methods that rarely have one.
  const length = body === undefined ? {} : { "Content-Length": Buffer.byteLength(body) };
  return new Promise((resolve, reject) => {
    const req = http.request({
      port,
      host: "127.0.0.1",
      method,
      path,
      headers: { ...length, ...headers },
      agent: false,
    });
    req.on("response", (res) => {
      res.once("error", reject);
      collect(res).then((bytes) => {
        resolve({ status: res.statusCode!, headers: res.headers, body: bytes, text: bytes.toString() });
      }, reject);
    });
    req.on("error", reject);
    req.end(body);
  });
}

async function collect(stream: AsyncIterable<Buffer>): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function raw(port: number, bytes: string | Uint8Array): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = net.connect(port, "127.0.0.1", () => socket.write(bytes));
    collect(socket).then((all) => resolve(all.toString("latin1")), reject);
  });
}
