import { WaystationError } from "@waystation/core";

type Milliseconds = number;

export interface HostPort {
  readonly host: string;
  readonly port: number;
}

/** Files are read at each connection, so that renewed certificates are used without a restart. */
export interface TlsFiles {
  /** Certificates of the authorities to trust, PEM. Default: those that Node trusts. */
  readonly ca?: string;
  /** The client's certificate and key, PEM: both or none. */
  readonly cert?: string;
  readonly key?: string;
  /** The name that the server's certificate must have. Default: the host that is connected to. */
  readonly servername?: string;
}

/** Where Redis is, and how to get in. */
export interface RedisTarget {
  readonly mode: "standalone" | "sentinel" | "cluster";
  /** The server, the Sentinels, or any nodes of the cluster. */
  readonly hosts: readonly HostPort[];
  /** The name under which the Sentinels know the primary. */
  readonly master?: string;
  readonly username?: string;
  readonly password?: string;
  readonly sentinelUsername?: string;
  readonly sentinelPassword?: string;
  readonly db: number;
  /** Given if connections are to be encrypted: to the servers and to the Sentinels. */
  readonly tls?: TlsFiles;
}

/** Copies that must confirm an append before it is acknowledged. */
export interface WaitAof {
  /** 1: the primary has synced it to its append-only file. */
  readonly local: 0 | 1;
  /** So many replicas have synced it to theirs. */
  readonly replicas: number;
}

/** What a URL may set beside the target. */
export interface RedisJournalSettings {
  /** Names this journal within the database: the keys are `{prefix}:…`. Default: `waystation`. */
  readonly prefix?: string;
  /** How long a call may take, waiting for a connection included. Default: 5000. */
  readonly timeout?: Milliseconds;
  /** How long an attempt to connect may take, log-in and inspection of the server included. Default: 3000. */
  readonly connectTimeout?: Milliseconds;
  /** Replicas that must have received an append (`WAIT`). Default: 0. Not together with `waitaof`. */
  readonly wait?: number;
  /** Append-only files that an append must be synced to (`WAITAOF`, Redis 7.2). Not together with `wait`. */
  readonly waitaof?: WaitAof;
  /** How long to wait for these copies; an append that has not got them by then is in doubt. Default: 1000. */
  readonly waitTimeout?: Milliseconds;
  /**
   * How long appends and reads wait after Redis has restarted or failed over, was put right by a gateway or found empty, so that
   * gateways that hold entries which it has lost can put them back before others append in their place, or take what is there for
   * all. A read that finds a loss does not wait. Default: 3000.
   */
  readonly restartGrace?: Milliseconds;
  /** RESP version to ask for. Default: 3, falling back to 2 where the server does not know it. */
  readonly protocol?: 2 | 3;
}

/** How much of what a snapshot includes stays readable, so that replicas that are a little behind never have to start again. */
export interface TrimLag {
  /** So much before the snapshot always stays. Default: 16 MiB. */
  readonly bytes?: number;
  /** Entries younger than that stay too, up to four times `bytes`. Default: 60,000. */
  readonly ms?: Milliseconds;
}

export interface RedisJournalOptions extends RedisJournalSettings {
  /** See {@link parseRedisUrl}. What is given beside it wins over what it says. */
  readonly url: string;
  /**
   * Bytes of entries since the newest snapshot from which on appends are refused with `FULL`; four times the snapshot's size if that
   * is more. Default: 256 MiB.
   */
  readonly maxJournalBytes?: number;
  readonly trimLag?: TrimLag;
  /** Called once for each thing that an operator should know: settings of the server that may lose data, and the like. */
  readonly onWarning?: (message: string) => void;
  /** Called within a second once in each outage: which servers cannot be reached, and why. */
  readonly onOutage?: (message: string) => void;
}

/** All settings, with defaults, checked. */
export interface Settings {
  readonly prefix: string;
  readonly timeout: Milliseconds;
  readonly connectTimeout: Milliseconds;
  readonly wait: number;
  readonly waitaof: WaitAof | undefined;
  readonly waitTimeout: Milliseconds;
  readonly restartGrace: Milliseconds;
  readonly protocol: 2 | 3;
  readonly maxJournalBytes: number;
  readonly lagBytes: number;
  readonly lagMs: Milliseconds;
}

/** Applies the defaults, or throws `CONFIG`. */
export function resolveSettings(options: RedisJournalSettings & Partial<RedisJournalOptions>): Settings {
  const settings: Settings = {
    prefix: options.prefix ?? "waystation",
    timeout: atLeast("timeout", options.timeout ?? 5000, 1),
    connectTimeout: atLeast("connectTimeout", options.connectTimeout ?? 3000, 1),
    wait: atLeast("wait", options.wait ?? 0, 0),
    waitaof: options.waitaof,
    waitTimeout: atLeast("waitTimeout", options.waitTimeout ?? 1000, 1),
    restartGrace: atLeast("restartGrace", options.restartGrace ?? 3000, 0),
    protocol: options.protocol ?? 3,
    maxJournalBytes: atLeast("maxJournalBytes", options.maxJournalBytes ?? 256 * 1024 * 1024, 1),
    lagBytes: atLeast("trimLag.bytes", options.trimLag?.bytes ?? 16 * 1024 * 1024, 0),
    lagMs: atLeast("trimLag.ms", options.trimLag?.ms ?? 60_000, 0),
  };
  if (!/^[A-Za-z0-9_.:/-]{1,100}$/.test(settings.prefix)) {
    throw new WaystationError(
      "CONFIG",
      `prefix ${JSON.stringify(settings.prefix)} is not usable in key names: take 1 to 100 letters, digits and any of _ . : / -`,
    );
  }
  if (settings.waitaof !== undefined) {
    if (settings.wait > 0) {
      throw new WaystationError("CONFIG", "wait and waitaof are both set: waitaof includes what wait does, drop wait");
    }
    if (settings.waitaof.local !== 0 && settings.waitaof.local !== 1) {
      throw new WaystationError("CONFIG", `waitaof asks for ${settings.waitaof.local} local copies: it must be 0 or 1`);
    }
    atLeast("waitaof replicas", settings.waitaof.replicas, 0);
  }
  return settings;
}

function atLeast(name: string, value: number, least: number): number {
  if (Number.isSafeInteger(value) && value >= least) return value;
  throw new WaystationError("CONFIG", `${name} is ${value}: it must be a whole number, ${least} or more`);
}
