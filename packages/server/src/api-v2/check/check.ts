import { setImmediate } from "node:timers/promises";
import {
  fromByteString,
  type Gateway,
  type GroupingKey,
  isWaystationError,
  type MetricFamily,
  parseText,
  repairText,
  type WaystationError,
} from "@waystation/core";
import { PREFACE } from "../push-log.ts";
import type { CheckError, CheckedFamily, CheckResult, CheckWarning } from "../schema.ts";
import { LineIndex } from "./line-index.ts";
import { lintFamily } from "./lint.ts";

/** Errors that are looked for: each one takes another pass. */
const MAX_ERRORS = 20;
const MAX_WARNINGS = 500;
const MAX_FAMILIES = 1_000;

export interface CheckOptions {
  readonly gateway: Gateway;
  readonly utf8Names: boolean;
  /** Is text from Windows mended before it is read? */
  readonly lenientText: boolean;
  /** The group that it would be pushed to. */
  readonly key: GroupingKey;
}

/** Reads an exposition in the text format 0.0.4, as a push of it would be read, and stores nothing. */
export async function checkText(body: Uint8Array, options: CheckOptions): Promise<CheckResult> {
  const { families, errors } = await readAll(options.lenientText ? repairText(body) : body, options.utf8Names);
  if (errors.length === 0) {
    const refusal = refusalOf(body, options);
    if (refusal !== undefined) errors.push({ message: refusal.message.replace(PREFACE, ""), line: null, column: null });
  }
  const lines = new LineIndex(Buffer.from(body).toString("utf8"));
  return {
    valid: errors.length === 0,
    errors,
    warnings: families.flatMap((family) => warningsOf(family, lines)).slice(0, MAX_WARNINGS),
    families: families.slice(0, MAX_FAMILIES).map(familyOf),
    series: families.reduce((sum, { metrics }) => sum + metrics.length, 0),
  };
}

/** Why the push would be refused as a whole. */
function refusalOf(body: Uint8Array, { gateway, key }: CheckOptions): WaystationError | undefined {
  try {
    return gateway.check({ key, body });
  } catch (error) {
    if (isWaystationError(error, "LIMIT", "TOO_LARGE")) return error;
    throw error;
  }
}

/** Parses; a line that cannot be read is noted, blanked, and all is read again, so that more than one error is found. */
async function readAll(
  body: Uint8Array,
  utf8Names: boolean,
): Promise<{ families: MetricFamily[]; errors: CheckError[] }> {
  const rest = Buffer.from(body);
  const errors: CheckError[] = [];
  for (;;) {
    try {
      return { families: parseText(rest, { utf8Names }), errors };
    } catch (error) {
      if (!isWaystationError(error, "PARSE")) throw error;
      errors.push(checkError(error));
      const blanked = error.position !== undefined && blankLine(rest, error.position.line);
      if (!blanked || errors.length === MAX_ERRORS) return { families: [], errors };
      await setImmediate();
    }
  }
}

/** The message without what stands beside it anyway. */
function checkError({ message, position }: WaystationError): CheckError {
  const problem = message.replace(/^text format parsing error in line \d+: /, "").replace(/ \(column \d+\)$/, "");
  return { message: problem, line: position?.line ?? null, column: position?.column ?? null };
}

/** Returns whether there was anything on the line. */
function blankLine(text: Buffer, line: number): boolean {
  let start = 0;
  for (let number = 1; number < line; number++) {
    const end = text.indexOf(LF, start);
    if (end < 0) return false;
    start = end + 1;
  }
  const end = text.indexOf(LF, start);
  const stop = end < 0 ? text.length : end;
  const empty = text.subarray(start, stop).every((byte) => byte === BLANK);
  text.fill(BLANK, start, stop);
  return !empty;
}

const LF = 0x0a;
const BLANK = 0x20;

function warningsOf(family: MetricFamily, lines: LineIndex): CheckWarning[] {
  const metric = fromByteString(family.name);
  return lintFamily(family).map(({ rule, message }) => ({ metric, rule, message, line: lines.of(metric) }));
}

function familyOf({ name, type, help, metrics }: MetricFamily): CheckedFamily {
  return {
    name: fromByteString(name),
    type,
    help: help === undefined ? null : fromByteString(help),
    metrics: metrics.length,
  };
}
