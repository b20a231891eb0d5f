import { isUtf8 } from "node:buffer";
import { WaystationError } from "../errors.ts";
import { type ByteString, fromByteString } from "../model/byte-string.ts";

export const LF = 0x0a;
export const CR = 0x0d;
export const SPACE = 0x20;
export const QUOTE = 0x22;
export const HASH = 0x23;
export const COMMA = 0x2c;
export const EQUALS = 0x3d;
export const BACKSLASH = 0x5c;
export const LOWER_N = 0x6e;
export const OPENING_BRACE = 0x7b;
export const CLOSING_BRACE = 0x7d;

/** What a byte may be, as bits of {@link BYTE_CLASSES}. LF is of no class that a loop skips, so that every loop ends at it. */
export const METRIC_NAME_START = 1;
export const METRIC_NAME_PART = 2;
export const LABEL_NAME_START = 4;
export const LABEL_NAME_PART = 8;
/** Blank or tab. */
export const BLANK = 16;
/** Any byte of a word: all but blank, tab and LF. */
export const WORD = 32;
/** Between quotes, a byte that stands for itself: all but quote, backslash and LF. */
export const PLAIN_IN_QUOTES = 64;

export const BYTE_CLASSES = Uint8Array.from({ length: 256 }, (_, byte) => {
  const character = String.fromCharCode(byte);
  return (
    (/[a-zA-Z_:]/.test(character) ? METRIC_NAME_START : 0) |
    (/[a-zA-Z0-9_:]/.test(character) ? METRIC_NAME_PART : 0) |
    (/[a-zA-Z_]/.test(character) ? LABEL_NAME_START : 0) |
    (/[a-zA-Z0-9_]/.test(character) ? LABEL_NAME_PART : 0) |
    (/[ \t]/.test(character) ? BLANK : 0) |
    (/[ \t\n]/.test(character) ? 0 : WORD) |
    (/["\\\n]/.test(character) ? 0 : PLAIN_IN_QUOTES)
  );
});

/** Longer pieces of a body are cut in messages. */
const QUOTED_LIMIT = 60;

/** A power of two: how many different names are remembered. */
const KNOWN_NAMES = 256;

/**
 * The cursor of the text parsers: a position in a body, and how to read what the formats have in common. Only whole lines are read:
 * bytes after the last LF are not, which saves all loops a test for the end.
 */
export class TextScanner {
  readonly bytes: Buffer;
  /** The end of the last whole line. */
  readonly end: number;
  /** Index of the next byte to be read. */
  at = 0;
  /** Is the text that {@link readQuoted} read last plain ASCII? */
  ascii = true;
  readonly #format: string;
  /** Names seen, by hash: the same few come again and again, and finding one is cheaper than decoding it. */
  readonly #knownNames: (ByteString | undefined)[] = new Array(KNOWN_NAMES).fill(undefined);

  /** @param format What error messages call the format. */
  constructor(body: Uint8Array, format: string) {
    this.bytes = Buffer.from(body.buffer, body.byteOffset, body.byteLength);
    this.end = this.bytes.lastIndexOf(LF) + 1;
    this.#format = format;
  }

  skipBlanks(): void {
    while ((BYTE_CLASSES[this.bytes[this.at]!]! & BLANK) !== 0) {
      this.at++;
    }
  }

  /** Moves to the start of the next line. */
  skipLine(): void {
    this.at = this.bytes.indexOf(LF, this.at) + 1;
  }

  /** Moves to the end of the word that begins here, which may be empty; returns where it began. */
  skipWord(): number {
    const start = this.at;
    let at = start;
    while ((BYTE_CLASSES[this.bytes[at]!]! & WORD) !== 0) {
      at++;
    }
    this.at = at;
    return start;
  }

  slice(start: number, end: number): ByteString {
    return this.bytes.toString("latin1", start, end);
  }

  /** Does `bytes[start, at)`, read last, spell the ASCII word? */
  isWord(start: number, word: string): boolean {
    return this.at - start === word.length && this.slice(start, this.at) === word;
  }

  /** Reads an unquoted name whose bytes are of these classes; empty if there is none. */
  readName(startClass: number, partClass: number): ByteString {
    const { bytes } = this;
    const start = this.at;
    let at = start;
    if ((BYTE_CLASSES[bytes[at]!]! & startClass) === 0) {
      return "";
    }
    let hash = 0;
    do {
      hash = (hash * 31 + bytes[at]!) | 0;
      at++;
    } while ((BYTE_CLASSES[bytes[at]!]! & partClass) !== 0);
    this.at = at;
    const slot = (hash ^ (hash >>> 8)) & (KNOWN_NAMES - 1);
    const known = this.#knownNames[slot];
    if (known !== undefined && spells(bytes, start, at, known)) {
      return known;
    }
    const name = this.slice(start, at);
    this.#knownNames[slot] = name;
    return name;
  }

  /** Reads from one quote to the next and undoes the escapes `\\`, `\"` and `\n`. */
  readQuoted(): ByteString {
    const { bytes } = this;
    const opening = this.at;
    let text = "";
    let start = opening + 1;
    let allBits = 0;
    for (let at = start; ; at++) {
      const byte = bytes[at]!;
      if ((BYTE_CLASSES[byte]! & PLAIN_IN_QUOTES) !== 0) {
        allBits |= byte;
        continue;
      }
      if (byte === LF) {
        throw this.error(`unescaped new-line, expected '"' to end ${this.quote(opening, at)}`, at);
      }
      const plain = start === at ? "" : this.slice(start, at);
      text = text === "" ? plain : text + plain;
      if (byte === QUOTE) {
        this.at = at + 1;
        this.ascii = allBits < 0x80;
        return text;
      }
      at++;
      text += this.unescape(at);
      start = at + 1;
    }
  }

  /** Decodes `bytes[start, end)` and undoes the same escapes. */
  unescapeRange(start: number, end: number): ByteString {
    let text = "";
    let plain = start;
    for (let at = start; at < end; at++) {
      if (this.bytes[at] === BACKSLASH) {
        text += this.slice(plain, at) + this.unescape(++at);
        plain = at + 1;
      }
    }
    return text + this.slice(plain, end);
  }

  /** The character that a backslash and the byte at `at` stand for. */
  unescape(at: number): ByteString {
    switch (this.bytes[at]) {
      case BACKSLASH:
        return "\\";
      case QUOTE:
        return '"';
      case LOWER_N:
        return "\n";
      default:
        throw this.error(
          `invalid escape sequence, expected '\\\\', '\\"' or '\\n', found ${this.quote(at - 1, at + 1)}`,
          at - 1,
        );
    }
  }

  /** Is what {@link readQuoted} read last, from the quote at `start`, UTF-8? */
  isUtf8(start: number): boolean {
    return this.ascii || isUtf8(this.bytes.subarray(start, this.at));
  }

  /** Names the byte here, for a message. */
  found(): string {
    if (this.at >= this.bytes.length) {
      return "the end of the body";
    }
    return this.bytes[this.at] === LF ? "the end of the line" : this.quote(this.at, this.at + 1);
  }

  /** `bytes[start, end)` for a message. */
  quote(start: number, end: number): string {
    const limit = start + QUOTED_LIMIT;
    const text = quoteForMessage(this.slice(start, Math.min(end, limit)));
    return end > limit ? `${text}…` : text;
  }

  /** An error that points to `at`. */
  error(problem: string, at = this.at): WaystationError {
    const { bytes } = this;
    let line = 1;
    let lineStart = 0;
    for (let lf = bytes.indexOf(LF); lf >= 0 && lf < at; lf = bytes.indexOf(LF, lineStart)) {
      line++;
      lineStart = lf + 1;
    }
    const column = at - lineStart + 1;
    return new WaystationError(
      "PARSE",
      `${this.#format} parsing error in line ${line}: ${problem} (column ${column})`,
      {
        position: { line, column },
      },
    );
  }
}

/** A name or value as messages show it. */
export function quoteForMessage(text: ByteString): string {
  return JSON.stringify(fromByteString(text));
}

function spells(bytes: Uint8Array, start: number, end: number, text: ByteString): boolean {
  const length = end - start;
  if (text.length !== length) {
    return false;
  }
  for (let i = 0; i < length; i++) {
    if (bytes[start + i] !== text.charCodeAt(i)) {
      return false;
    }
  }
  return true;
}
