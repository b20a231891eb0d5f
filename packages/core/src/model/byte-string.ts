import { isUtf8 } from "node:buffer";

/**
 * Names and label values are kept as byte strings: JavaScript strings with one character (U+0000 to U+00FF) per UTF-8 byte.
 *
 * Comparing two of them with `<` is then bytewise order, which is what the exposition formats sort by (UTF-16 order differs above
 * the basic plane); they convert to and from bytes with the fast `latin1` routines, take one byte per character in memory, and
 * carry text that is not valid UTF-8 without loss.
 */
export type ByteString = string;

const NON_ASCII = /[^\0-\x7f]/;

/** Encodes ordinary text. Lone surrogates become U+FFFD, as in `TextEncoder`. */
export function toByteString(text: string): ByteString {
  return NON_ASCII.test(text) ? Buffer.from(text, "utf8").toString("latin1") : text;
}

/** Decodes to ordinary text. Bytes that are not UTF-8 become U+FFFD. */
export function fromByteString(bytes: ByteString): string {
  return NON_ASCII.test(bytes) ? Buffer.from(bytes, "latin1").toString("utf8") : bytes;
}

export function isValidUtf8(bytes: ByteString): boolean {
  return !NON_ASCII.test(bytes) || isUtf8(Buffer.from(bytes, "latin1"));
}

/** Bytewise order, for `Array.prototype.sort`. */
export function compareBytes(a: ByteString, b: ByteString): number {
  return a < b ? -1 : a > b ? 1 : 0;
}
