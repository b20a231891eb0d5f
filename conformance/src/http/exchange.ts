import { connect } from "node:net";

/** One answer, as it came over the wire. Header names are in lower case; repeated headers are joined by ", ". */
export interface RawAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Buffer;
}

/** What became of a connection on which bytes were sent: the answers, and why there were no more of them. */
export interface Exchange {
  readonly answers: readonly RawAnswer[];
  readonly ended: "closed" | "timeout" | "refused";
}

/**
 * Sends bytes on a fresh connection and reads until the server closes it (so ask for that: `Connection: close`), or until
 * `timeout` milliseconds have passed. Interim answers (1xx) are left out.
 */
export async function exchange(port: number, bytes: Uint8Array, timeout = 10_000): Promise<Exchange> {
  const received: Buffer[] = [];
  const ended = await new Promise<Exchange["ended"]>((resolve) => {
    const socket = connect(port, "127.0.0.1", () => socket.write(bytes));
    socket.setTimeout(timeout, () => {
      socket.destroy();
      resolve("timeout");
    });
    socket.on("data", (chunk) => received.push(chunk));
    socket.on("error", (error: NodeJS.ErrnoException) => resolve(error.code === "ECONNREFUSED" ? "refused" : "closed"));
    socket.on("close", () => resolve("closed"));
  });
  return { answers: parseAnswers(Buffer.concat(received)), ended };
}

function parseAnswers(bytes: Buffer): RawAnswer[] {
  const answers: RawAnswer[] = [];
  let rest = bytes;
  while (rest.length > 0) {
    const parsed = parseAnswer(rest);
    if (parsed === undefined) break;
    if (parsed.answer.status >= 200) answers.push(parsed.answer);
    rest = rest.subarray(parsed.length);
  }
  return answers;
}

/** The first answer in `bytes` and how many bytes it takes; undefined if what is there is not an answer or only a part of one. */
function parseAnswer(bytes: Buffer): { answer: RawAnswer; length: number } | undefined {
  const headEnd = bytes.indexOf("\r\n\r\n");
  if (headEnd < 0) return undefined;
  const [statusLine = "", ...headerLines] = bytes.toString("latin1", 0, headEnd).split("\r\n");
  const status = /^HTTP\/1\.[01] (\d{3})/.exec(statusLine)?.[1];
  if (status === undefined) return undefined;

  const headers: Record<string, string> = {};
  for (const line of headerLines) {
    const colon = line.indexOf(":");
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    headers[name] = headers[name] === undefined ? value : `${headers[name]}, ${value}`;
  }
  const start = headEnd + 4;
  const body = parseBody(bytes.subarray(start), Number(status), headers);
  return body && { answer: { status: Number(status), headers, body: body.bytes }, length: start + body.length };
}

function parseBody(
  bytes: Buffer,
  status: number,
  headers: Record<string, string>,
): { bytes: Buffer; length: number } | undefined {
  if (status < 200 || status === 204 || status === 304) return { bytes: Buffer.alloc(0), length: 0 };
  if (headers["transfer-encoding"] === "chunked") return parseChunks(bytes);
  const length = headers["content-length"] === undefined ? bytes.length : Number(headers["content-length"]);
  return bytes.length < length ? undefined : { bytes: bytes.subarray(0, length), length };
}

function parseChunks(bytes: Buffer): { bytes: Buffer; length: number } | undefined {
  const chunks: Buffer[] = [];
  let at = 0;
  for (;;) {
    const lineEnd = bytes.indexOf("\r\n", at);
    if (lineEnd < 0) return undefined;
    const size = Number.parseInt(bytes.toString("latin1", at, lineEnd), 16);
    const start = lineEnd + 2;
    if (!(start + size + 2 <= bytes.length)) return undefined;
    chunks.push(bytes.subarray(start, start + size));
    at = start + size + 2;
    if (size === 0) return { bytes: Buffer.concat(chunks), length: at };
  }
}
