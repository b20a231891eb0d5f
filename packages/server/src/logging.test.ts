import assert from "node:assert/strict";
import { test } from "node:test";
import type { LogFormat, LogLevel } from "./config/flags.ts";
import { createLogger, type Logger } from "./logging.ts";

function capture(format: LogFormat, level: LogLevel = "info"): { logger: Logger; lines: string[] } {
  const lines: string[] = [];
  return { logger: createLogger({ level, format }, { write: (line) => void lines.push(line) }), lines };
}

test("logfmt lines begin with ts, level and msg", () => {
  const { logger, lines } = capture("logfmt");
  logger.info({ address: "127.0.0.1:9091", groups: 3 }, "listening now");
  assert.match(
    lines[0]!,
    /^ts=\d{4}-\d\d-\d\dT[\d:.]+Z level=info msg="listening now" address=127\.0\.0\.1:9091 groups=3\n$/,
  );
});

test("JSON lines have the same keys", () => {
  const { logger, lines } = capture("json");
  logger.warn({ err: new Error("no") }, "careful");
  const { ts, ...rest } = JSON.parse(lines[0]!) as Record<string, unknown>;
  assert.ok(Date.parse(String(ts)));
  assert.deepEqual(rest, { level: "warn", msg: "careful", err: "no" });
});

test("below the level nothing is written", () => {
  const { logger, lines } = capture("logfmt", "error");
  logger.warn("quiet");
  assert.deepEqual(lines, []);
});

test("text from outside cannot forge a line or steer a terminal", () => {
  const nasty = 'x\nts=now level=error msg=forged \r\x1b[2J\x9b31m "quoted" \u2028\u202e=\\';
  for (const format of ["logfmt", "json"] as const) {
    const { logger, lines } = capture(format);
    logger.info({ path: nasty }, nasty);
    assert.equal(lines.length, 1);
    assert.match(lines[0]!, /^[^\n]*\n$/);
    assert.doesNotMatch(lines[0]!.slice(0, -1), /[\x00-\x1f\x7f-\x9f\u2028\u202e]/);
    assert.ok(format === "logfmt" || (JSON.parse(lines[0]!) as { path: string }).path === nasty);
  }
});
