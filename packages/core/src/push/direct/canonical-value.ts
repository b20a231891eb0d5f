import { formatFloat, readFloat } from "../../exposition/float.ts";

const MINUS = 0x2d;
const DOT = 0x2e;
const ZERO = 0x30;

/**
 * Is `bytes[start, end)` a number in the spelling that the exposition would give it? Says so only where that is plain to see: a
 * decimal without exponent, of at most 15 digits (so that it is the shortest spelling of its double), at most 6 of them before the
 * point, no superfluous zeros, at most three zeros right after `0.`, and not -0.
 */
export function isCanonicalDecimal(bytes: Uint8Array, start: number, end: number): boolean {
  const first = bytes[start] === MINUS ? start + 1 : start;
  if (end - first > 16) return false;
  let at = first;
  while (at < end && (bytes[at]! - ZERO) >>> 0 <= 9) at++;
  const integerDigits = at - first;
  if (integerDigits === 0 || integerDigits > 6) return false;
  if (bytes[first] === ZERO && (integerDigits > 1 || (first > start && at === end))) return false;
  if (at === end) return true;
  if (bytes[at] !== DOT || at + 1 === end || bytes[end - 1] === ZERO) return false;
  const fraction = at + 1;
  for (at = fraction; at < end; at++) if ((bytes[at]! - ZERO) >>> 0 > 9) return false;
  // The last digit is not zero, so a number that begins with 0.000 has a digit within the next place, or an exponent below -4.
  return (
    bytes[first] !== ZERO ||
    bytes[fraction] !== ZERO ||
    bytes[fraction + 1] !== ZERO ||
    bytes[fraction + 2] !== ZERO ||
    (fraction + 3 < end && bytes[fraction + 3] !== ZERO)
  );
}

/** The canonical spelling of a number; undefined if it is none, or one that sample lines do not keep (-0). */
export function canonicalSpelling(bytes: Uint8Array, start: number, end: number): string | undefined {
  const value = readFloat(bytes, start, end);
  return value === undefined || Object.is(value, -0) ? undefined : formatFloat(value);
}
