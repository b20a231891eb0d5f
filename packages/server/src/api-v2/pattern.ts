import { RE2JS } from "re2js";
import { ApiError } from "./api-error.ts";

/**
 * Regular expressions from requests, run by an engine without backtracking: matching takes time in proportion to the length of the
 * text times the size of the compiled pattern. Both are bounded here, and so is the time to compile.
 */

const MAX_LENGTH = 200;
const MAX_REPEATS = 100;
const MAX_PROGRAM = 500;
/** Characters times instructions; a match that takes this many takes some 40 ms. */
const MAX_WORK = 250_000;
/** Matches are remembered per value: most label values occur in many groups. */
const REMEMBERED = 1_000;

/** @returns whether a text as a whole matches, as in PromQL; throws `TOO_COSTLY` for texts too long for this pattern */
export function compilePattern(pattern: string): (text: string) => boolean {
  const compiled = compile(pattern);
  const size = compiled.programSize();
  if (size > MAX_PROGRAM) throw refused(pattern, `it compiles to ${size} instructions, of at most ${MAX_PROGRAM}`);
  const known = new Map<string, boolean>();
  return (text) => {
    let matches = known.get(text);
    if (matches !== undefined) return matches;
    if (text.length * size > MAX_WORK) {
      throw new ApiError(
        "TOO_COSTLY",
        `a label value of ${text.length} characters is too long to match against this pattern`,
      );
    }
    matches = compiled.matches(text);
    if (known.size >= REMEMBERED) known.clear();
    known.set(text, matches);
    return matches;
  };
}

function compile(pattern: string): RE2JS {
  if (pattern.length > MAX_LENGTH) throw refused(pattern, `it is longer than ${MAX_LENGTH} characters`);
  // Repeats multiply when they nest, and so does the time to compile.
  const unescaped = pattern.replace(/\\[\s\S]/g, "x");
  if (unescaped.includes("){")) throw refused(pattern, "a group is repeated by a count: write it out");
  const repeats = [...unescaped.matchAll(/\{(\d+)(?:,(\d*))?\}/g)];
  const total = repeats.reduce((sum, [, least, most]) => sum + Math.max(Number(least), Number(most || 0)), 0);
  if (total > MAX_REPEATS) throw refused(pattern, `its repeat counts add up to more than ${MAX_REPEATS}`);
  try {
    return RE2JS.compile(pattern, RE2JS.DOTALL);
  } catch (error) {
    throw refused(pattern, (error as Error).message);
  }
}

function refused(pattern: string, reason: string): ApiError {
  const shown = pattern.length > 60 ? `${pattern.slice(0, 60)}…` : pattern;
  return new ApiError("INVALID_SELECTOR", `cannot match by the pattern ${JSON.stringify(shown)}: ${reason}`);
}
