import { WaystationError } from "@waystation/core";
import type { HostPort, RedisJournalSettings, RedisTarget, TlsFiles, WaitAof } from "./options.ts";

export interface ParsedRedisUrl {
  readonly target: RedisTarget;
  readonly settings: RedisJournalSettings;
}

const FORMS =
  "redis://host:6379/0, rediss://…, redis+sentinel://h1:26379,h2:26379/master, redis+cluster://h1:6379,h2:6379";

/**
 * Parses the URL of a Redis journal:
 *
 * ```text
 * redis://[[user]:password@]host[:6379][/db][?option=value&…]
 * redis+sentinel://[[user]:password@]host[:26379],…/master[?…]
 * redis+cluster://[[user]:password@]host[:6379],…[?…]
 * ```
 *
 * `rediss` in place of `redis` encrypts the connections. Special characters in user and password are percent-encoded. Options:
 * `prefix`, `db`, `timeout`, `connect-timeout`, `wait`, `waitaof=<local>,<replicas>`, `wait-timeout`, `restart-grace`, `protocol=2|3`,
 * for TLS the files `ca`, `cert`, `key` and the name `servername`, for Sentinels with a password of their own `sentinel-user`,
 * `sentinel-password`. Durations are milliseconds, or have a unit: `500ms`, `5s`.
 *
 * Throws `CONFIG`; messages never hold user names or passwords.
 */
export function parseRedisUrl(url: string): ParsedRedisUrl {
  if (!/^[^@/]*:\/\/(?:[^@/?#]*@)?[^@]*$/.test(url) && url.includes("@")) {
    throw config(
      "has an @ outside of its login: percent-encode special characters in passwords and options (@ is %40, / is %2F)",
    );
  }
  const match = /^(rediss?)(?:\+(sentinel|cluster))?:\/\/(?:([^/?#]*)@)?([^/?#@]*)(?:\/([^?#]*))?(?:\?([^#]*))?$/.exec(
    url,
  );
  if (!match) throw config(`is not the URL of a Redis journal: use one of ${FORMS}`);
  const [, scheme, suffix, login, authority = "", path = "", query = ""] = match;
  const mode = (suffix ?? "standalone") as RedisTarget["mode"];
  const options = new Options(query);

  const hosts = authority.split(",").map((text) => parseHost(text, mode === "sentinel" ? 26379 : 6379));
  if (mode === "standalone" && hosts.length > 1) {
    throw config("names several hosts: use redis+sentinel:// or redis+cluster://, or name one");
  }
  const [username, password] = parseLogin(login);

  let db = options.number("db");
  let master: string | undefined;
  if (mode === "sentinel") {
    master = decode(path);
    if (master === "")
      throw config("does not name the primary: put its Sentinel name after the hosts, as in …:26379/mymaster");
  } else if (path !== "") {
    if (db !== undefined) throw config("gives the database twice, in its path and as option db: drop one");
    if (!/^\d{1,5}$/.test(path)) throw config("has a path that is not the number of a database: write /0, or nothing");
    db = Number(path);
  }
  if (mode === "cluster" && (db ?? 0) !== 0) throw config(`asks for database ${db}: a cluster has database 0 only`);

  const tls = parseTls(scheme === "rediss", options);
  const target: RedisTarget = {
    mode,
    hosts,
    db: db ?? 0,
    ...defined({
      master,
      username,
      password,
      sentinelUsername: options.text("sentinel-user"),
      sentinelPassword: options.text("sentinel-password"),
      tls,
    }),
  };
  const protocol = options.number("protocol");
  if (protocol !== undefined && protocol !== 2 && protocol !== 3) {
    throw config(`asks for protocol ${protocol}: it must be 2 or 3`);
  }
  const settings: RedisJournalSettings = defined({
    prefix: options.text("prefix"),
    timeout: options.duration("timeout"),
    connectTimeout: options.duration("connect-timeout"),
    wait: options.number("wait"),
    waitaof: parseWaitAof(options.text("waitaof")),
    waitTimeout: options.duration("wait-timeout"),
    restartGrace: options.duration("restart-grace"),
    protocol: protocol as 2 | 3 | undefined,
  });
  options.refuseUnknown();
  return { target, settings };
}

/** The target without credentials: for logs and messages. */
export function describeTarget(target: RedisTarget): string {
  const scheme = (target.tls ? "rediss" : "redis") + (target.mode === "standalone" ? "" : `+${target.mode}`);
  const hosts = target.hosts.map(({ host, port }) => (host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`));
  return `${scheme}://${hosts.join(",")}/${target.master ?? target.db}`;
}

function parseHost(text: string, defaultPort: number): HostPort {
  const match = /^(?:\[([0-9A-Fa-f:.%]+)\]|([^:[\]\s]+))(?::(\d{1,5}))?$/.exec(text);
  const host = match?.[1] ?? match?.[2];
  const port = match?.[3] === undefined ? defaultPort : Number(match[3]);
  if (host === undefined || port < 1 || port > 65535) {
    throw config("has a host that is not host:port: write redis://host:port, with [brackets] around an IPv6 address");
  }
  return { host, port };
}

function parseLogin(login: string | undefined): [user: string | undefined, password: string | undefined] {
  if (login === undefined) return [undefined, undefined];
  const colon = login.indexOf(":");
  if (colon < 0) throw config("has a user but no password: write user:password@host or :password@host");
  const user = decode(login.slice(0, colon));
  return [user === "" ? undefined : user, decode(login.slice(colon + 1))];
}

function parseTls(encrypted: boolean, options: Options): TlsFiles | undefined {
  const tls: TlsFiles = defined({
    ca: options.text("ca"),
    cert: options.text("cert"),
    key: options.text("key"),
    servername: options.text("servername"),
  });
  if (!encrypted) {
    if (Object.keys(tls).length === 0) return undefined;
    throw config(`sets ${Object.keys(tls).join(", ")} but is not encrypted: write rediss in place of redis`);
  }
  if ((tls.cert === undefined) !== (tls.key === undefined)) {
    throw config("gives only one of cert and key: a client certificate needs both");
  }
  return tls;
}

function parseWaitAof(text: string | undefined): WaitAof | undefined {
  if (text === undefined) return undefined;
  const match = /^([01]),(\d{1,3})$/.exec(text);
  if (!match) throw config(`has waitaof=${text}: write <0 or 1>,<replicas>, as in waitaof=1,1`);
  return { local: match[1] === "1" ? 1 : 0, replicas: Number(match[2]) };
}

/** The query of the URL; each option is asked for once, and what nobody asked for is unknown. */
class Options {
  readonly #values = new Map<string, string>();
  readonly #known = new Set<string>();

  constructor(query: string) {
    for (const pair of query.split("&")) {
      if (pair === "") continue;
      const equals = pair.indexOf("=");
      const name = equals < 0 ? pair : pair.slice(0, equals);
      if (this.#values.has(name)) throw config(`gives option ${name} twice`);
      this.#values.set(name, equals < 0 ? "" : decode(pair.slice(equals + 1)));
    }
  }

  text(name: string): string | undefined {
    this.#known.add(name);
    const value = this.#values.get(name);
    if (value === "") throw config(`gives option ${name} without a value`);
    return value;
  }

  number(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    if (!/^\d{1,9}$/.test(text)) throw config(`has ${name}=${text}, which is not a number`);
    return Number(text);
  }

  duration(name: string): number | undefined {
    const text = this.text(name);
    if (text === undefined) return undefined;
    const match = /^(\d{1,9})(ms|s)?$/.exec(text);
    if (!match) throw config(`has ${name}=${text}: write a duration such as 500ms or 5s`);
    return Number(match[1]) * (match[2] === "s" ? 1000 : 1);
  }

  refuseUnknown(): void {
    for (const name of this.#values.keys()) {
      if (this.#known.has(name)) continue;
      throw config(`has the unknown option ${name}: known are ${[...this.#known].join(", ")}`);
    }
  }
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw config("has a % that is not followed by two hexadecimal digits: write %25 for a percent sign");
  }
}

function defined<T extends Record<string, unknown>>(object: T): { [K in keyof T]?: NonNullable<T[K]> } {
  return Object.fromEntries(Object.entries(object).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: NonNullable<T[K]>;
  };
}

/** Says nothing of what stands before the path: a password that is not encoded may be anywhere in there. */
function config(problem: string): WaystationError {
  return new WaystationError("CONFIG", `the Redis URL ${problem}`);
}
