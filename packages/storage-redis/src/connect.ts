import { readFile } from "node:fs/promises";
import type { ConnectionOptions } from "node:tls";
import { WaystationError } from "@waystation/core";
import { Redis, type RedisOptions } from "ioredis";
import { connectFailure } from "./failures.ts";
import type { HostPort, RedisTarget, Settings, TlsFiles } from "./options.ts";

/**
 * Options of every connection. One object of the library is one connection: it never reconnects, never queues and never sends a
 * command twice. (With the library's defaults a script whose connection dies runs twice.)
 */
const ONE_CONNECTION = {
  lazyConnect: true,
  retryStrategy: () => null,
  autoResendUnfulfilledCommands: false,
  maxRetriesPerRequest: 0,
  enableOfflineQueue: false,
  enableReadyCheck: false,
  autoResubscribe: false,
  disconnectTimeout: 50,
  keepAlive: 10_000,
} as const satisfies RedisOptions;

/** How to connect, and for how long. */
export interface Attempt {
  readonly target: RedisTarget;
  readonly settings: Settings;
  /** Gives up when it is aborted. */
  readonly signal: AbortSignal;
}

/**
 * Connects and logs in. Rejects with `CONFIG` or a plain error; messages hold no credentials.
 *
 * @param name What the server shows for this connection in CLIENT LIST.
 * @param at The server, if it is known; else as the target says, by its Sentinels if it has some.
 */
export async function connect(attempt: Attempt, name: string, at?: HostPort): Promise<Redis> {
  const { target, settings, signal } = attempt;
  const redis = new Redis({
    ...ONE_CONNECTION,
    ...(await whereTo(target, at)),
    ...(target.username !== undefined && { username: target.username }),
    ...(target.password !== undefined && { password: target.password }),
    db: target.db,
    protocol: settings.protocol,
    connectionName: name,
    connectTimeout: settings.connectTimeout,
  });
  // The library goes on without a word if SELECT fails, and would then write to database 0: any error event means failure.
  const { promise: failed, reject: fail } = Promise.withResolvers<never>();
  const abort = () => fail(new Error(`no connection within ${settings.connectTimeout} ms`));
  redis.on("error", fail);
  signal.addEventListener("abort", abort);
  try {
    signal.throwIfAborted();
    await Promise.race([failed, redis.connect()]);
    return redis;
  } catch (error) {
    destroy(redis);
    throw new Error(connectFailure(error));
  } finally {
    signal.removeEventListener("abort", abort);
  }
}

/** Ends a connection at once, whatever is under way: what was not sent is not sent any more, what was sent may still run. */
export function destroy(redis: Redis): void {
  redis.disconnect();
  (redis.stream as Redis["stream"] | undefined)?.destroy();
}

async function whereTo(target: RedisTarget, at: HostPort | undefined): Promise<Omit<RedisOptions, "replyMapping">> {
  const tls = target.tls && (await tlsOptions(target.tls));
  if (target.mode !== "sentinel" || at) {
    const { host, port } = at ?? target.hosts[0]!;
    return { host, port, ...(tls && { tls }) };
  }
  return {
    sentinels: target.hosts.map(({ host, port }) => ({ host, port })),
    name: target.master!,
    role: "master",
    sentinelRetryStrategy: () => null,
    sentinelCommandTimeout: 1000,
    failoverDetector: true,
    ...(target.sentinelUsername !== undefined && { sentinelUsername: target.sentinelUsername }),
    ...(target.sentinelPassword !== undefined && { sentinelPassword: target.sentinelPassword }),
    ...(tls && { tls, sentinelTLS: tls, enableTLSForSentinelMode: true }),
  };
}

async function tlsOptions(files: TlsFiles): Promise<ConnectionOptions> {
  const read = async (option: string, file: string | undefined) => {
    if (file === undefined) return undefined;
    try {
      return await readFile(file);
    } catch (error) {
      throw new WaystationError(
        "CONFIG",
        `the file of TLS option ${option} cannot be read: ${(error as Error).message}`,
      );
    }
  };
  const [ca, cert, key] = await Promise.all([read("ca", files.ca), read("cert", files.cert), read("key", files.key)]);
  return {
    ...(ca && { ca }),
    ...(cert && { cert }),
    ...(key && { key }),
    ...(files.servername !== undefined && { servername: files.servername }),
  };
}
