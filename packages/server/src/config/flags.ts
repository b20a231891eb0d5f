import { WaystationError } from "@waystation/core";
import { formatByteSize, parseByteSize } from "./byte-size.ts";
import { formatDuration, parseDuration } from "./duration.ts";

/**
 * All flags, in the order of `--help`. Names, meanings and defaults of the Go Pushgateway's own flags are the Go Pushgateway's.
 */
export interface Flag<Value> {
  readonly group: (typeof FLAG_GROUPS)[number];
  /** What the value is called in `--help`; a flag without one is a switch. */
  readonly placeholder?: string;
  readonly default: Value;
  readonly repeatable?: boolean;
  readonly help: string;
  /** @throws `CONFIG`, saying what is wrong with the text */
  parse(text: string): Value;
  /** As shown by `--help`, the status page and `/api/v1/status`. */
  format(value: Value): string;
}

export const FLAG_GROUPS = ["Web", "Storage", "Push", "Log"] as const;

const asIs = { parse: (text: string): string => text, format: (value: string): string => value };

const onOff = {
  parse(text: string): boolean {
    if (text !== "true" && text !== "false") throw invalid(text, "write true or false");
    return text === "true";
  },
  format: String,
};

export const FLAGS = {
  "web.listen-address": {
    group: "Web",
    placeholder: "address",
    default: [":9091"] as readonly string[],
    repeatable: true,
    help: "Address to listen on, host:port or :port. Repeatable.",
    parse: (text: string): readonly string[] => text.split(",").map(checkedAddress),
    format: (value: readonly string[]): string => value.join(","),
  },
  "web.systemd-socket": {
    group: "Web",
    default: false,
    help: "Listen on the sockets that systemd passes (Linux), instead of on addresses.",
    ...onOff,
  },
  "web.config.file": {
    group: "Web",
    placeholder: "file",
    default: "",
    help: "TLS, client certificates, basic authentication, response headers and rate limit, as in Prometheus' exporter-toolkit.",
    ...asIs,
  },
  "web.access-file": {
    group: "Web",
    placeholder: "file",
    default: "",
    help: "Tokens and users with roles (push, scrape, read, delete, admin), each for some groups or all. Without it everybody may do everything.",
    ...asIs,
  },
  "web.cors-origin": {
    group: "Web",
    placeholder: "origin",
    default: [] as readonly string[],
    repeatable: true,
    help: "Origin, like https://ci.example.org, whose pages may push from browsers. Repeatable.",
    parse: (text: string): readonly string[] => text.split(",").map(checkedOrigin),
    format: (value: readonly string[]): string => value.join(","),
  },
  "web.telemetry-path": {
    group: "Web",
    placeholder: "path",
    default: "/metrics",
    help: "Path that Prometheus scrapes.",
    ...asIs,
  },
  "web.external-url": {
    group: "Web",
    placeholder: "url",
    default: "",
    help: "URL by which the gateway is reached from outside, if a proxy adds a path.",
    parse(text: string): string {
      if (text !== "" && !URL.canParse(text) && !text.startsWith("/"))
        throw invalid(text, "write a URL like https://example.org/push");
      return text;
    },
    format: (value: string): string => value,
  },
  "web.route-prefix": {
    group: "Web",
    placeholder: "path",
    default: "",
    help: "Prefix of all paths served. Default: the path of --web.external-url; / means none.",
    ...asIs,
  },
  "web.enable-lifecycle": { group: "Web", default: false, help: "Allow shutdown by PUT or POST to /-/quit.", ...onOff },
  "web.enable-admin-api": {
    group: "Web",
    default: false,
    help: "Allow wiping everything by PUT to /api/v1/admin/wipe.",
    ...onOff,
  },
  "web.health-without-auth": {
    group: "Web",
    default: false,
    help: "Answer /-/healthy and /-/ready without basic authentication.",
    ...onOff,
  },
  "web.enable-openmetrics": {
    group: "Web",
    default: false,
    help:
      "Serve OpenMetrics to whoever prefers it, as Prometheus does; counters are then named with _total. Default: only to clients " +
      "that accept nothing else.",
    ...onOff,
  },
  "web.shutdown-delay": {
    group: "Web",
    placeholder: "duration",
    default: 0,
    help:
      "How long to go on serving after SIGTERM, with /-/ready answering 503 and connections being closed after their next answer, so " +
      "that a balancer sends everything elsewhere before this ends.",
    parse: nonNegativeDuration,
    format: formatDuration,
  },
  "web.max-requests-in-flight": {
    group: "Web",
    placeholder: "number",
    default: 10_000,
    help: "Most requests that are answered at a time; more get 503.",
    parse: positiveNumber,
    format: String,
  },
  "web.max-body-bytes-in-flight": {
    group: "Web",
    placeholder: "size",
    default: 256 * 2 ** 20,
    help: "Most bytes that the bodies of requests being answered may take together; more get 503.",
    parse: parseByteSize,
    format: formatByteSize,
  },
  "web.header-timeout": {
    group: "Web",
    placeholder: "duration",
    default: 60_000,
    help: "How long the head of a request may take to arrive.",
    parse: parseTimeout,
    format: formatDuration,
  },
  "web.request-timeout": {
    group: "Web",
    placeholder: "duration",
    default: 5 * 60_000,
    help: "How long a request may take to arrive, body included.",
    parse: parseTimeout,
    format: formatDuration,
  },
  "web.keep-alive-timeout": {
    group: "Web",
    placeholder: "duration",
    default: 75_000,
    help: "How long an idle connection stays open. Should be longer than a balancer in front keeps its own (60s, as a rule).",
    parse: parseTimeout,
    format: formatDuration,
  },
  exposition: {
    group: "Web",
    placeholder: "which",
    default: "all" as ExpositionMode,
    help:
      "Which of several replicas expose what was pushed: all, for scrapes through a balancer, or elected, where each replica is " +
      "scraped; the others then expose only metrics of their own.",
    parse: oneOf("all", "elected"),
    format: (value: ExpositionMode): string => value,
  },
  storage: {
    group: "Storage",
    placeholder: "url",
    default: "sqlite:./waystation.db",
    help: "Where pushes are kept: sqlite:FILE, file:DIRECTORY, redis://HOST:6379/0, or memory: (nothing outlives the process).",
    ...asIs,
  },
  "persistence.file": {
    group: "Storage",
    placeholder: "file",
    default: "",
    help:
      "As with the Go Pushgateway: keep pushes in FILE.waystation/. A FILE that the Go Pushgateway wrote is read once and left as it " +
      "is. Explicitly empty: memory only. Not together with --storage.",
    ...asIs,
  },
  "persistence.interval": {
    group: "Storage",
    placeholder: "duration",
    default: 5 * 60_000,
    help: "Accepted for compatibility, without effect: a push is stored before it is acknowledged.",
    parse: parseDuration,
    format: formatDuration,
  },
  "storage.wait": {
    group: "Storage",
    placeholder: "duration",
    default: 60_000,
    help: "How long to wait at the start for a storage that cannot be reached yet.",
    parse: nonNegativeDuration,
    format: formatDuration,
  },
  "storage.lost-entries-dir": {
    group: "Storage",
    placeholder: "directory",
    default: "./waystation-lost",
    help: "Where entries are kept that a shared storage has lost although they were acknowledged. Made when needed; empty: nowhere.",
    ...asIs,
  },
  "storage.max-groups": {
    group: "Storage",
    placeholder: "number",
    default: 1_000_000,
    help: "Most groups stored; pushes that would make another one get 429. 0: any number.",
    parse: wholeNumber,
    format: String,
  },
  "storage.max-series": {
    group: "Storage",
    placeholder: "number",
    default: 10_000_000,
    help: "Most series stored; pushes that would add to more get 429. 0: any number.",
    parse: wholeNumber,
    format: String,
  },
  "storage.max-groups-per-job": {
    group: "Storage",
    placeholder: "number",
    default: 0,
    help: "Most groups of one job; pushes that would make another one get 429. 0: any number.",
    parse: wholeNumber,
    format: String,
  },
  "storage.max-series-per-job": {
    group: "Storage",
    placeholder: "number",
    default: 0,
    help: "Most series of one job; pushes that would add to more get 429. 0: any number.",
    parse: wholeNumber,
    format: String,
  },
  "push.disable-consistency-check": {
    group: "Push",
    default: false,
    help: "Accept pushes that contradict what is stored, answering 202. Scrapes then leave out what contradicts.",
    ...onOff,
  },
  "push.enable-utf8-names": {
    group: "Push",
    default: false,
    help: "Accept any UTF-8 in metric and label names.",
    ...onOff,
  },
  "push.lenient-text": {
    group: "Push",
    default: false,
    help: "Accept text with CRLF line ends, a byte order mark, or no line feed at its end.",
    ...onOff,
  },
  "push.max-body-bytes": {
    group: "Push",
    placeholder: "size",
    default: 64 * 2 ** 20,
    help: "Largest body of a push, both as sent and after decompression; larger ones get 413.",
    parse: parseByteSize,
    format: formatByteSize,
  },
  "push.max-families": {
    group: "Push",
    placeholder: "number",
    default: 100_000,
    help: "Most metric families in one push; more get 413. 0: any number.",
    parse: wholeNumber,
    format: String,
  },
  "push.max-series": {
    group: "Push",
    placeholder: "number",
    default: 1_000_000,
    help: "Most series, that is sample lines, in one push; more get 413. 0: any number.",
    parse: wholeNumber,
    format: String,
  },
  "push.max-labels": {
    group: "Push",
    placeholder: "number",
    default: 256,
    help: "Most labels of a series, those of the grouping key included; more get 400. 0: any number.",
    parse: wholeNumber,
    format: String,
  },
  "push.max-label-name-bytes": {
    group: "Push",
    placeholder: "size",
    default: 4 * 2 ** 10,
    help: "Longest label name; longer ones get 400.",
    parse: parseByteSize,
    format: formatByteSize,
  },
  "push.max-label-value-bytes": {
    group: "Push",
    placeholder: "size",
    default: 2 ** 20,
    help: "Longest label value or metric name; longer ones get 400.",
    parse: parseByteSize,
    format: formatByteSize,
  },
  "push.max-waiting": {
    group: "Push",
    placeholder: "number",
    default: 100_000,
    help: "Most pushes that may wait for the storage; more get 503.",
    parse: positiveNumber,
    format: String,
  },
  "push.max-waiting-bytes": {
    group: "Push",
    placeholder: "size",
    default: 64 * 2 ** 20,
    help: "Most bytes that pushes waiting for the storage may take; more get 503, and a single push that is larger, grouping labels in each series included, 413.",
    parse: parseByteSize,
    format: formatByteSize,
  },
  "log.level": {
    group: "Log",
    placeholder: "level",
    default: "info" as LogLevel,
    help: "Least severity to log: debug, info, warn or error.",
    parse: oneOf("debug", "info", "warn", "error"),
    format: (value: LogLevel): string => value,
  },
  "log.format": {
    group: "Log",
    placeholder: "format",
    default: "logfmt" as LogFormat,
    help: "Format of log lines on standard error: logfmt or json.",
    parse: oneOf("logfmt", "json"),
    format: (value: LogFormat): string => value,
  },
} as const satisfies Record<string, Flag<unknown>>;

export type ExpositionMode = "all" | "elected";
export type LogLevel = "debug" | "info" | "warn" | "error";
export type LogFormat = "logfmt" | "json";
export type FlagName = keyof typeof FLAGS;
export type FlagValues = { -readonly [Name in FlagName]: ReturnType<(typeof FLAGS)[Name]["parse"]> };

export const FLAG_NAMES = Object.keys(FLAGS) as FlagName[];

/** `web.listen-address` → `WAYSTATION_WEB_LISTEN_ADDRESS`. */
export function environmentVariable(name: FlagName): string {
  return `WAYSTATION_${name.toUpperCase().replace(/[^A-Z0-9]/g, "_")}`;
}

/** Where a listen address ends up; an empty host means all interfaces. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** Reads `:9091`, `127.0.0.1:9091`, `[::1]:9091`, `localhost:9091`. @throws `CONFIG` */
export function parseListenAddress(text: string): ListenAddress {
  const match = /^(?:\[([^\]]+)\]|([^:[\]]*)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (!match || port > 65535) throw invalid(text, "write host:port, [ipv6]:port or :port");
  return { host: match[1] ?? match[2] ?? "", port };
}

function nonNegativeDuration(text: string): number {
  const duration = parseDuration(text);
  if (duration < 0) throw invalid(text, "write a duration that is not negative");
  return duration;
}

/** Milliseconds, and never none. */
function parseTimeout(text: string): number {
  const timeout = Math.round(parseDuration(text));
  if (timeout < 1) throw invalid(text, "write a duration of at least 1ms");
  return timeout;
}

function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw invalid(text, "write a whole number");
  return Number(text);
}

function positiveNumber(text: string): number {
  if (wholeNumber(text) === 0) throw invalid(text, "write a number above 0");
  return Number(text);
}

/** As browsers spell it. */
function checkedOrigin(text: string): string {
  if (!URL.canParse(text) || new URL(text).origin !== text) throw invalid(text, "write it like https://ci.example.org");
  return text;
}

function checkedAddress(text: string): string {
  parseListenAddress(text);
  return text;
}

function oneOf<Choice extends string>(...choices: readonly Choice[]): (text: string) => Choice {
  return (text) => {
    const choice = choices.find((candidate) => candidate === text);
    if (choice === undefined) throw invalid(text, `write one of ${choices.join(", ")}`);
    return choice;
  };
}

function invalid(text: string, remedy: string): WaystationError {
  return new WaystationError("CONFIG", `invalid value ${JSON.stringify(text)}: ${remedy}`);
}
