/** Reading the text format byte by byte. */

export const LF = 0x0a;
export const SPACE = 0x20;
export const QUOTE = 0x22;
export const HASH = 0x23;
export const COMMA = 0x2c;
export const EQUALS = 0x3d;
export const BACKSLASH = 0x5c;
export const UNDERSCORE = 0x5f;
export const OPENING_BRACE = 0x7b;
export const CLOSING_BRACE = 0x7d;

const IN_LABEL_NAME = 1;
const IN_METRIC_NAME = 2;
const DIGIT = 4;

/** What a byte can be part of, in the legacy character set. */
const CLASSES = new Uint8Array(256);
for (let byte = 0; byte < 256; byte++) {
  const character = String.fromCharCode(byte);
  if (/[a-zA-Z0-9_]/.test(character)) CLASSES[byte] = IN_LABEL_NAME | IN_METRIC_NAME;
  if (/[0-9]/.test(character)) CLASSES[byte] = CLASSES[byte]! | DIGIT;
  if (character === ":") CLASSES[byte] = IN_METRIC_NAME;
}

/** Where the metric name that begins at `start` ends; `start` itself if there is none. */
export function nameEndAt(bytes: Uint8Array, start: number): number {
  return endOf(bytes, start, IN_METRIC_NAME);
}

/** The same for a label name. */
export function labelNameEndAt(bytes: Uint8Array, start: number): number {
  return endOf(bytes, start, IN_LABEL_NAME);
}

function endOf(bytes: Uint8Array, start: number, inName: number): number {
  if (CLASSES[bytes[start]!]! & DIGIT) return start;
  let at = start;
  while (CLASSES[bytes[at]!]! & inName) at++;
  return at;
}

export function startsWith(bytes: Uint8Array, start: number, prefix: Uint8Array): boolean {
  for (let i = 0; i < prefix.length; i++) if (bytes[start + i] !== prefix[i]) return false;
  return true;
}

export function includes(bytes: Uint8Array, start: number, end: number, byte: number): boolean {
  for (let i = start; i < end; i++) if (bytes[i] === byte) return true;
  return false;
}

export function equals(bytes: Uint8Array, start: number, end: number, word: Uint8Array): boolean {
  return end - start === word.length && startsWith(bytes, start, word);
}

/** Bytewise order of `a[aStart, aEnd)` and `b[bStart, bEnd)`. */
export function compareParts(
  a: Uint8Array,
  aStart: number,
  aEnd: number,
  b: Uint8Array,
  bStart: number,
  bEnd: number,
): number {
  let i = aStart;
  let j = bStart;
  while (i < aEnd && j < bEnd) {
    const order = a[i++]! - b[j++]!;
    if (order !== 0) return order;
  }
  return aEnd - i - (bEnd - j);
}

/** Writes a number as u32, little endian; returns the place after it. */
export function writeCount(out: Uint8Array, at: number, count: number): number {
  out[at] = count;
  out[at + 1] = count >>> 8;
  out[at + 2] = count >>> 16;
  out[at + 3] = count >>> 24;
  return at + 4;
}

/** Writes the length of `bytes[start, end)`, then these bytes; returns the place after them. */
export function writePart(out: Uint8Array, at: number, bytes: Uint8Array, start: number, end: number): number {
  let to = writeCount(out, at, end - start);
  for (let i = start; i < end; i++) out[to++] = bytes[i]!;
  return to;
}
