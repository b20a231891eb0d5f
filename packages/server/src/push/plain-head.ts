import type { IncomingHttpHeaders } from "node:http";

/** What the header lines of a push say. */
export interface PlainHead {
  readonly headers: IncomingHttpHeaders;
  readonly contentLength: number;
  /** Bytes of names and values. */
  readonly size: number;
}

const TEXT = /^[\x20-\x7e]*$/;
/**
 * Headers that say nothing about how a request is to be read but for the length of its body, each in lower case with what its value
 * may be.
 */
const UNDERSTOOD: Readonly<Record<string, RegExp>> = {
  host: /^[A-Za-z0-9.:_[\]-]+$/,
  "content-length": /^\d{1,9}$/,
  connection: /^keep-alive$/i,
  "user-agent": TEXT,
  accept: TEXT,
  "accept-encoding": TEXT,
  "content-type": TEXT,
  "content-encoding": TEXT,
  "x-forwarded-for": TEXT,
  "x-forwarded-host": TEXT,
  "x-forwarded-proto": TEXT,
  "x-real-ip": TEXT,
};

const LINE = /^([A-Za-z-]+): ?(.*)$/s;

/**
 * Reads header lines that are plain: each header at most once, none but those that are understood here, host and length among them,
 * no space around a value but the usual one. Whatever a head can say otherwise is for a real HTTP parser: undefined.
 *
 * @param lines as latin1, with a line end between them
 */
export function readPlainHead(lines: string): PlainHead | undefined {
  const headers: Record<string, string> = {};
  let size = 0;
  for (const line of lines.split("\r\n")) {
    const [, name = "", value = ""] = LINE.exec(line) ?? [];
    const key = name.toLowerCase();
    const allowed = Object.hasOwn(UNDERSTOOD, key) ? UNDERSTOOD[key] : undefined;
    if (!allowed?.test(value) || value !== value.trim() || Object.hasOwn(headers, key)) return undefined;
    headers[key] = value;
    size += name.length + value.length;
  }
  const length = headers["content-length"];
  if (headers["host"] === undefined || length === undefined) return undefined;
  return { headers, contentLength: Number(length), size };
}

/** Characters of a head that is remembered, and how many of them are: a client sends much the same one each time. */
const MAX_CHARACTERS = 1024;
const MAX_HEADS = 512;

/** {@link readPlainHead}, with a memory. */
export class PlainHeads {
  readonly #known = new Map<string, PlainHead>();

  read(lines: string): PlainHead | undefined {
    if (lines.length > MAX_CHARACTERS) return undefined;
    let head = this.#known.get(lines);
    if (head === undefined) {
      head = readPlainHead(lines);
      if (head === undefined) return undefined;
      if (this.#known.size >= MAX_HEADS) this.#known.clear();
      this.#known.set(lines, head);
    }
    return head;
  }
}
