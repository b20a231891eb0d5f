/**
 * Numbers as the exposition formats spell them: read and written exactly like Go's `strconv.ParseFloat` and
 * `strconv.FormatFloat(v, 'g', -1, 64)`, which is what the text format is defined by.
 */

const PLUS = 0x2b;
const MINUS = 0x2d;
const DOT = 0x2e;
const ZERO = 0x30;
const TO_LOWER_CASE = 0x20;
const LOWER_E = 0x65;

/** The powers of ten that a double holds exactly. */
const POWERS_OF_TEN = Array.from({ length: 23 }, (_, exponent) => Number(`1e${exponent}`));

const INF = Buffer.from("inf");
const INFINITY = Buffer.from("infinity");
const NAN = Buffer.from("nan");

/** Beyond any exponent that matters, yet far from overflow. */
const EXPONENT_LIMIT = 100_000;

/**
 * Reads the whole of `bytes[start, end)` as a number. Undefined if that is not a number to Go's parser (which also refuses what
 * is too large for a double, and knows neither a signed NaN nor, in this format, hexadecimal digits or underscores).
 */
export function readFloat(bytes: Uint8Array, start: number, end: number): number | undefined {
  let at = start;
  const negative = bytes[at] === MINUS;
  if (negative || bytes[at] === PLUS) {
    at++;
  }
  const firstDigit = at;
  let mantissa = 0;
  let scale = 0;
  for (; at < end; at++) {
    const digit = bytes[at]! - ZERO;
    if (digit >>> 0 > 9) {
      break;
    }
    mantissa = mantissa * 10 + digit;
  }
  let digits = at - firstDigit;
  if (at < end && bytes[at] === DOT) {
    const firstDecimal = ++at;
    for (; at < end; at++) {
      const digit = bytes[at]! - ZERO;
      if (digit >>> 0 > 9) {
        break;
      }
      mantissa = mantissa * 10 + digit;
    }
    scale = firstDecimal - at;
    digits -= scale;
  }
  if (digits === 0) {
    return parseSpecial(bytes, start, end);
  }
  if (at < end) {
    const exponent = parseExponent(bytes, at, end);
    if (exponent === undefined) {
      return undefined;
    }
    scale += exponent;
  }
  // An integer below 2^53 and a power of ten up to 10^22 are exact, so that one multiplication or division rounds correctly.
  if (mantissa <= Number.MAX_SAFE_INTEGER && scale >= -22 && scale <= 22) {
    const value = scale < 0 ? mantissa / POWERS_OF_TEN[-scale]! : mantissa * POWERS_OF_TEN[scale]!;
    return negative ? -value : value;
  }
  const value = Number(latin1(bytes, start, end));
  return Number.isFinite(value) ? value : undefined;
}

/** Like {@link readFloat}, for text. */
export function parseFloatText(text: string): number | undefined {
  return readFloat(Buffer.from(text, "utf8"), 0, Buffer.byteLength(text));
}

/** Reads `e`, an optional sign and at least one digit, up to `end`. */
function parseExponent(bytes: Uint8Array, start: number, end: number): number | undefined {
  let at = start;
  if ((bytes[at]! | TO_LOWER_CASE) !== LOWER_E) {
    return undefined;
  }
  at++;
  const negative = bytes[at] === MINUS;
  if (negative || bytes[at] === PLUS) {
    at++;
  }
  if (at >= end) {
    return undefined;
  }
  let exponent = 0;
  for (; at < end; at++) {
    const digit = bytes[at]! - ZERO;
    if (digit >>> 0 > 9) {
      return undefined;
    }
    if (exponent < EXPONENT_LIMIT) {
      exponent = exponent * 10 + digit;
    }
  }
  return negative ? -exponent : exponent;
}

function parseSpecial(bytes: Uint8Array, start: number, end: number): number | undefined {
  const negative = bytes[start] === MINUS;
  const word = negative || bytes[start] === PLUS ? start + 1 : start;
  if (isWord(bytes, word, end, INF) || isWord(bytes, word, end, INFINITY)) {
    return negative ? -Infinity : Infinity;
  }
  return isWord(bytes, start, end, NAN) ? NaN : undefined;
}

function isWord(bytes: Uint8Array, start: number, end: number, word: Uint8Array): boolean {
  if (end - start !== word.length) {
    return false;
  }
  for (let i = 0; i < word.length; i++) {
    if ((bytes[start + i]! | TO_LOWER_CASE) !== word[i]) {
      return false;
    }
  }
  return true;
}

function latin1(bytes: Uint8Array, start: number, end: number): string {
  return Buffer.from(bytes.buffer, bytes.byteOffset + start, end - start).toString("latin1");
}

/**
 * The shortest spelling that reads back as the same number, with an exponent if that is below -4 or above 5 (`1e+06`, `1e-05`).
 * Negative zero is `0`, as in the text format.
 */
export function formatFloat(value: number): string {
  const magnitude = Math.abs(value);
  if ((magnitude >= 1e-4 && magnitude < 1e6) || magnitude === 0) {
    return String(value);
  }
  if (magnitude === Infinity) {
    return value > 0 ? "+Inf" : "-Inf";
  }
  return Number.isNaN(value) ? "NaN" : padExponent(value.toExponential());
}

/** Like {@link formatFloat}, but negative zero is `-0`, as in the query API. */
export function formatFloatSigned(value: number): string {
  return Object.is(value, -0) ? "-0" : formatFloat(value);
}

/** JavaScript writes `1e+6` and `1e-5` where Go has at least two digits of exponent. */
function padExponent(text: string): string {
  const oneDigit = text.length - 2;
  const sign = text.charCodeAt(oneDigit);
  return sign === PLUS || sign === MINUS ? `${text.slice(0, -1)}0${text.slice(-1)}` : text;
}
