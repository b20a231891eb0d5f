import { type Durability, WaystationError } from "@waystation/core";
import type { Redis } from "ioredis";
import { unlessForbidden } from "./failures.ts";
import type { Settings } from "./options.ts";

/** What was found out about a server at the time of connecting. */
export interface ServerFacts {
  /** Identifies one run of one server; undefined if this user may not ask. */
  readonly runId: string | undefined;
  /** How long it has been running, in milliseconds, rounded down to a second; infinite if this user may not ask. */
  readonly uptime: number;
  /** Was it once a replica of another one, in this run? When that ended is not to be found out. */
  readonly wasPromoted: boolean;
  readonly survives: Durability;
  /** What an operator should know, one sentence each. */
  readonly warnings: readonly string[];
}

/** Fields of INFO and CONFIG by name; those of CONFIG have the prefix `config:`. Missing where the user may not ask. */
type Fields = ReadonlyMap<string, string>;

/**
 * Asks a server what it is and how it is set up. Throws `UNSUPPORTED` if it is too old, and a plain error if it is the wrong one or not
 * ready yet.
 */
export async function inspectServer(redis: Redis, settings: Settings): Promise<ServerFacts> {
  const fields = await ask(redis);
  refuseUnfit(fields, settings);
  return {
    runId: fields.get("run_id"),
    uptime: 1000 * Number(fields.get("uptime_in_seconds") ?? Number.POSITIVE_INFINITY),
    wasPromoted: /[^0]/.test(fields.get("master_replid2") ?? ""),
    survives: survives(fields, settings),
    warnings: warnings(fields, settings),
  };
}

/** INFO's lines are `name:value`, sections are headed by `# Name`. */
function parseInfo(text: string): Map<string, string> {
  const fields = new Map<string, string>();
  for (const line of text.split("\r\n")) {
    const colon = line.indexOf(":");
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1));
  }
  return fields;
}

const CONFIGS = ["appendfsync", "min-replicas-to-write"];

async function ask(redis: Redis): Promise<Fields> {
  const [info, ...configs] = await Promise.all([
    redis.info().catch(unlessForbidden),
    ...CONFIGS.map((name) => redis.config("GET", name).catch(unlessForbidden)),
  ]);
  const fields = parseInfo(info ?? "");
  for (const reply of configs) {
    const [name, value] = (reply ?? []) as string[];
    if (name !== undefined && value !== undefined) fields.set(`config:${name}`, value);
  }
  return fields;
}

function refuseUnfit(fields: Fields, settings: Settings): void {
  if (fields.get("loading") === "1" || fields.get("async_loading") === "1") {
    throw new Error("Redis is still loading its data (LOADING)");
  }
  if (fields.has("role") && fields.get("role") !== "master") {
    throw new Error("this server is a replica: name the primary, or use redis+sentinel:// or redis+cluster://");
  }
  const version = fields.get("redis_version");
  if (version === undefined) return;
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const older = (thanMajor: number, thanMinor: number) =>
    major < thanMajor || (major === thanMajor && minor < thanMinor);
  if (older(6, 2)) {
    throw new WaystationError("UNSUPPORTED", `Redis ${version} is too old: 6.2 or newer is needed`);
  }
  if (settings.waitaof && older(7, 2)) {
    throw new WaystationError("UNSUPPORTED", `Redis ${version} has no WAITAOF: use 7.2 or newer, or drop waitaof`);
  }
}

/** Is the append-only file on; undefined if unknown. */
function aof(fields: Fields): boolean | undefined {
  const enabled = fields.get("aof_enabled");
  return enabled === undefined ? undefined : enabled === "1";
}

/**
 * What an acknowledged append outlives on this server, with these settings.
 *
 * - Without an append-only file, or without knowing of one, nothing but gateways may die.
 * - With one, commands are written to it before they are answered: the server may be killed, but its host may lose what was not yet
 *   synced. With `appendfsync everysec` Redis puts off writing while it syncs, so that a kill at that moment loses what was answered
 *   since, two seconds at most; the gateways put that back, for which they have the restart grace (see `Journal.restore`).
 * - With `appendfsync always`, or WAITAOF for the local file, it has been synced.
 * - The loss of the host is outlived only if more than half of all copies have the append, and a primary that lost its replicas stops
 *   taking writes (`min-replicas-to-write`). Which copy a failover elects is up to Sentinel or the cluster: best effort.
 */
function survives(fields: Fields, settings: Settings): Durability {
  const copies = settings.waitaof?.replicas ?? settings.wait;
  const replicas = Number(fields.get("connected_slaves") ?? 0);
  const least = Number(fields.get("config:min-replicas-to-write") ?? 0);
  if (copies >= 1 && least >= 1 && copies + 1 > (replicas + 1) / 2) return "host-loss";
  if (aof(fields) !== true) return "gateway-crash";
  return settings.waitaof?.local === 1 || fields.get("config:appendfsync") === "always"
    ? "host-crash"
    : "storage-crash";
}

function warnings(fields: Fields, settings: Settings): string[] {
  const found: string[] = [];
  if (fields.size === 0) {
    found.push("this Redis user may not ask INFO: how durable pushes are is unknown; allow +info and +config|get");
    return found;
  }
  const policy = fields.get("maxmemory_policy");
  if (policy !== undefined && policy !== "noeviction") {
    found.push(`maxmemory-policy is ${policy}: Redis may evict pushed metrics, set it to noeviction`);
  }
  if (aof(fields) === false) {
    found.push("Redis has no append-only file: a restart of Redis loses acknowledged pushes, set appendonly to yes");
  } else if (!fields.has("config:appendfsync") && settings.waitaof === undefined) {
    found.push("this Redis user may not ask CONFIG GET: appendfsync is unknown and taken to be everysec");
  }
  if (fields.get("aof_last_write_status") === "err") {
    found.push("the last write to the append-only file of Redis failed: see its log and its disk");
  }
  const copies = settings.waitaof?.replicas ?? settings.wait;
  const replicas = Number(fields.get("connected_slaves") ?? 0);
  if (copies > replicas) {
    found.push(`pushes wait for ${copies} replicas, but Redis has ${replicas}: they stay in doubt until it has more`);
  }
  const least = fields.get("config:min-replicas-to-write");
  if (Number(least ?? 0) < 1 && (copies >= 1 || (replicas >= 1 && least !== undefined))) {
    found.push(
      "min-replicas-to-write is not set: after a failover the old primary may go on taking writes that are lost",
    );
  }
  return found;
}
