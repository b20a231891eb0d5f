import { WaystationError } from "@waystation/core";
import type { CommandLine } from "./command-line.ts";
import { FLAG_NAMES, FLAGS, type Flag, type FlagValues } from "./flags.ts";

/** The flags, checked against each other and with what follows from them. */
export interface Settings extends FlagValues {
  /** What comes before all paths: empty, or with a leading and without a trailing slash. */
  readonly routePrefix: string;
  /** The same, as seen from outside. */
  readonly externalPrefix: string;
  /** The path that is scraped, with `routePrefix`. */
  readonly telemetryPath: string;
  /** A URL: that of `--storage`, or what the `--persistence.file` amounts to. */
  readonly storageUrl: string;
  /** The `--persistence.file` and the directory that stands for it, where they say what the storage is. */
  readonly persistence: { readonly file: string; readonly directory: string } | undefined;
  /** Flag names and values for people to look at, without secrets. */
  readonly shown: Readonly<Record<string, string>>;
}

/** @throws `CONFIG` if flags contradict each other */
export function resolveSettings({ values, given }: CommandLine): Settings {
  const externalPath = pathOf(values["web.external-url"]);
  const persistence = persistenceOf({ values, given });
  const routePrefix = normalizePrefix(values["web.route-prefix"] || externalPath);
  return {
    ...values,
    routePrefix,
    externalPrefix: normalizePrefix(externalPath),
    telemetryPath: telemetryPath(routePrefix, values["web.telemetry-path"]),
    storageUrl: persistence ? `file:${persistence.directory}` : storageUrl({ values, given }),
    persistence,
    shown: { ...show(values), "web.route-prefix": routePrefix },
  };
}

/** Hides user name and password of a URL, where there are any. */
export function redactUrl(url: string): string {
  return url
    .replace(/^([a-z0-9+.-]+:\/\/)[^/?#]*@/i, "$1…@")
    .replace(/([?&][^=&]*(?:password|secret|token)[^=&]*=)[^&#]*/gi, "$1…");
}

function show(values: FlagValues): Record<string, string> {
  const shown: Record<string, string> = {};
  for (const name of FLAG_NAMES) {
    const flag: Flag<unknown> = FLAGS[name];
    shown[name] = redactUrl(flag.format(values[name]));
  }
  return shown;
}

function pathOf(url: string): string {
  return URL.canParse(url) ? new URL(url).pathname : url;
}

function normalizePrefix(prefix: string): string {
  const path = prefix.replace(/\/$/, "");
  return path === "" || path.startsWith("/") ? path : `/${path}`;
}

function telemetryPath(prefix: string, path: string): string {
  if (prefix === "" && !path.startsWith("/")) {
    throw new WaystationError("CONFIG", `--web.telemetry-path=${path} must begin with a slash`);
  }
  return `${prefix}/${path}`.replace(/\/{2,}/g, "/").replace(/(?<=.)\/$/, "");
}

function storageUrl({ values, given }: CommandLine): string {
  // An explicitly empty file without a storage is what the Go Pushgateway takes for "memory only".
  return given.has("persistence.file") && !given.has("storage") ? "memory:" : values.storage;
}

function persistenceOf({ values, given }: CommandLine): Settings["persistence"] {
  const file = values["persistence.file"];
  if (file === "") return undefined;
  if (!given.has("storage")) return { file, directory: `${file}.waystation` };
  throw new WaystationError(
    "CONFIG",
    `--storage=${redactUrl(values.storage)} and --persistence.file=${file} both say where pushes are kept: give one of them`,
  );
}
