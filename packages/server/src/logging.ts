import { type DestinationStream, type Logger, pino } from "pino";
import type { LogFormat, LogLevel } from "./config/flags.ts";

export type { Logger } from "pino";

/**
 * A logger that writes lines with the keys `ts`, `level`, `msg` and then those of the event, to standard error unless said
 * otherwise. Writing is synchronous, so that the last words before an exit are seen.
 */
export function createLogger(
  options: { level: LogLevel; format: LogFormat },
  destination: DestinationStream = pino.destination({ fd: 2, sync: true }),
): Logger {
  const render = options.format === "json" ? renderJson : renderLogfmt;
  return pino(
    {
      level: options.level,
      base: null,
      timestamp: () => `,"ts":"${new Date().toISOString()}"`,
      formatters: { level: (level) => ({ level }) },
      serializers: { err: (error: unknown) => (error instanceof Error ? error.message : error) },
    },
    { write: (line) => destination.write(render(line)) },
  );
}

/** Characters that could end a line early or steer a terminal: no text from outside gets to write a log line of its own. */
const UNSAFE = /[\x7f-\x9f\u2028-\u202e\u2066-\u2069\ufeff]/g;
const BARE = /^[^\s"=\\\x00-\x1f\x7f-\x9f]+$/u;

function escapeUnsafe(text: string): string {
  return text.replace(UNSAFE, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, "0")}`);
}

function renderJson(line: string): string {
  const { ts, level, msg, ...rest } = JSON.parse(line) as Record<string, unknown>;
  return `${escapeUnsafe(JSON.stringify({ ts, level, msg, ...rest }))}\n`;
}

function renderLogfmt(line: string): string {
  const { ts, level, msg, ...rest } = JSON.parse(line) as Record<string, unknown>;
  const pairs = Object.entries({ ts, level, msg, ...rest }).filter(([, value]) => value !== undefined);
  return `${pairs.map(([key, value]) => `${key}=${logfmtValue(value)}`).join(" ")}\n`;
}

function logfmtValue(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value);
  return BARE.test(text) ? escapeUnsafe(text) : escapeUnsafe(JSON.stringify(text));
}
