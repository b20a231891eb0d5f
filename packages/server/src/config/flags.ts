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
