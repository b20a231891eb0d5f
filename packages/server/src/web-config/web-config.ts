import path from "node:path";
import { parseOptions } from "@node-rs/bcrypt";
import { WaystationError } from "@waystation/core";
import { parseDuration } from "../config/duration.ts";
import { parseYaml, Section } from "../config/yaml-section.ts";
import { CIPHERS, CLIENT_AUTH_TYPES, type ClientAuthType, CURVES, TLS_VERSIONS } from "./tls-names.ts";

/**
 * The file behind `--web.config.file`, in the format of Prometheus' exporter-toolkit (docs/web-configuration.md there). Like there,
 * a key that is not known is an error, so that a misspelled `basic_auth_users` does not leave the gateway open.
 */
export interface WebConfig {
  /** Undefined: plain HTTP. */
  readonly tls: TlsConfig | undefined;
  readonly http2: boolean;
  /** Added to every answer. */
  readonly headers: Readonly<Record<string, string>>;
  /** Bcrypt hashes by user name; empty: no authentication. */
  readonly users: ReadonlyMap<string, string>;
  readonly rateLimit: { readonly intervalMs: number; readonly burst: number } | undefined;
}

/** Each of `cert`, `key` and `clientCa` is a path or the PEM text itself. */
export interface TlsConfig {
  readonly cert: PemSource;
  readonly key: PemSource;
  readonly clientCa: PemSource | undefined;
  readonly clientAuth: ClientAuthType;
  /** If set, a client certificate must carry one of these names. */
  readonly clientAllowedSans: readonly string[] | undefined;
  readonly minVersion: string;
  readonly maxVersion: string;
  /** Of TLS 1.2 and below, as OpenSSL calls them; empty: all that have forward secrecy. */
  readonly ciphers: readonly string[];
  readonly preferServerCiphers: boolean;
  /** As OpenSSL calls them; empty: Node's choice. */
  readonly curves: readonly string[];
}

export type PemSource = { readonly file: string } | { readonly pem: string };

/** Headers that may be configured, with the values they may have where those are known. */
const HEADERS: ReadonlyMap<string, readonly string[]> = new Map([
  ["Strict-Transport-Security", []],
  ["X-Content-Type-Options", ["nosniff"]],
  ["X-Frame-Options", ["deny", "sameorigin"]],
  ["X-XSS-Protection", []],
  ["Content-Security-Policy", []],
]);

/**
 * @param directory what relative paths in the file are relative to
 * @throws `CONFIG`, naming the key
 */
export function parseWebConfig(text: string, directory: string): WebConfig {
  const root = new Section(parseYaml(text), "");
  const tls = root.section("tls_server_config");
  const http = root.section("http_server_config");
  const users = root.section("basic_auth_users");
  const limit = root.section("rate_limit");
  const config = {
    tls: parseTls(tls, directory),
    http2: http.boolean("http2", true),
    headers: parseHeaders(http.section("headers")),
    users: parseUsers(users),
    rateLimit: parseRateLimit(limit),
  };
  for (const section of [root, tls, http, limit]) section.requireNothingElse();
  return config;
}

function parseTls(tls: Section, directory: string): TlsConfig | undefined {
  const cert = pemSource(tls, "cert", directory);
  const key = pemSource(tls, "key", directory);
  const clientCa = pemSource(tls, "client_ca", directory);
  const clientAuth = tls.choice("client_auth_type", CLIENT_AUTH_TYPES, undefined);
  const common = {
    clientCa,
    clientAuth: clientAuth ?? "NoClientCert",
    clientAllowedSans: tls.list("client_allowed_sans"),
    minVersion: tls.choice("min_version", TLS_VERSIONS, "TLSv1.2"),
    maxVersion: tls.choice("max_version", TLS_VERSIONS, "TLSv1.3"),
    ciphers: tls.choices("cipher_suites", CIPHERS),
    preferServerCiphers: tls.boolean("prefer_server_cipher_suites", true),
    curves: tls.choices("curve_preferences", CURVES),
  };
  if (!cert && !key && !clientCa && clientAuth === undefined) return undefined;
  if (!cert) throw invalid("tls_server_config: missing one of cert or cert_file");
  if (!key) throw invalid("tls_server_config: missing one of key or key_file");
  if (clientCa && common.clientAuth === "NoClientCert") {
    throw invalid("tls_server_config: client_ca is set, but client_auth_type asks for no client certificates");
  }
  return { cert, key, ...common };
}

function pemSource(tls: Section, name: string, directory: string): PemSource | undefined {
  const pem = tls.text(name);
  const file = tls.text(`${name}_file`);
  // As in the exporter-toolkit, the file wins.
  if (file) return { file: path.resolve(directory, file) };
  return pem ? { pem } : undefined;
}

function parseHeaders(section: Section): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const [name, value] of section.texts()) {
    const allowed = HEADERS.get(name);
    if (allowed === undefined)
      throw invalid(`${section.name}: the header ${JSON.stringify(name)} cannot be configured`);
    if (allowed.length > 0 && !allowed.includes(value)) {
      throw invalid(`${section.name}.${name}: must be ${allowed.join(" or ")}, not ${JSON.stringify(value)}`);
    }
    if (/[^\t\x20-\x7e\x80-\xff]/.test(value)) throw invalid(`${section.name}.${name}: not a header value`);
    if (value !== "") headers[name] = value;
  }
  return headers;
}

function parseUsers(section: Section): Map<string, string> {
  const users = new Map(section.texts());
  for (const [user, hash] of users) {
    try {
      parseOptions(hash);
    } catch (error) {
      throw invalid(`${section.name}: the password of ${JSON.stringify(user)} is not a bcrypt hash`, error);
    }
  }
  return users;
}

function parseRateLimit(section: Section): WebConfig["rateLimit"] {
  const interval = section.text("interval");
  const burst = section.integer("burst");
  const intervalMs = interval === undefined ? 0 : parseDuration(interval);
  return intervalMs > 0 ? { intervalMs, burst } : undefined;
}

function invalid(message: string, cause?: unknown): WaystationError {
  return new WaystationError("CONFIG", message, { cause });
}
