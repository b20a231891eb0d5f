import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { freePort } from "../../../conformance/src/gateway-process.ts";
import type { Journal } from "../../../packages/core/src/journal/journal.ts";
import { RedisJournal } from "../../../packages/storage-redis/src/index.ts";
import { RedisProcess } from "../../../packages/storage-redis/test/redis-process.ts";
import { RedisWithSentinels } from "../../../packages/storage-redis/test/sentinels.ts";
import { TcpProxy } from "../../../packages/storage-redis/test/tcp-proxy.ts";
import { SqliteJournal } from "../../../packages/storage-sqlite/src/index.ts";
import { ReplicaProcess } from "./replica.ts";

export interface ClusterOptions {
  readonly replicas?: number;
  /** Further flags of all replicas. */
  readonly flags?: readonly string[];
  /** Settings of Redis. Default: an append-only file, synced every second. */
  readonly redis?: readonly string[];
  /** What follows `?` in the storage URL, for what is to be quicker than usual. */
  readonly query?: string;
}

const AOF = ["--appendonly", "yes", "--appendfsync", "everysec"];

/** Several replicas on one storage, all of them processes of this test. */
export class Cluster implements AsyncDisposable {
  readonly replicas: readonly ReplicaProcess[];
  /** Where replicas keep what their journal lost. */
  readonly lostEntries: string;
  /** A new journal on what the replicas use. */
  readonly journal: () => Journal;
  readonly #folder: string;
  readonly #stop: () => Promise<void>;

  protected constructor(
    folder: string,
    replicas: readonly ReplicaProcess[],
    journal: () => Journal,
    stop: () => Promise<void>,
  ) {
    this.#folder = folder;
    this.replicas = replicas;
    this.lostEntries = join(folder, "lost");
    this.journal = journal;
    this.#stop = stop;
  }

  /** Replicas that share a SQLite file. */
  static async onSqlite({ replicas = 3, flags = [] }: ClusterOptions = {}): Promise<Cluster> {
    const folder = mkdtempSync(join(tmpdir(), "waystation-ha-"));
    const path = join(folder, "waystation.db");
    const processes = await makeReplicas(folder, Array(replicas).fill(`sqlite:${path}`), flags);
    const cluster = new Cluster(
      folder,
      processes,
      () => new SqliteJournal({ path }),
      async () => {},
    );
    return startAll(cluster);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.replicas.map((replica) => replica.stop()));
    await this.#stop();
    rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Replicas that share a Redis, each by a proxy of its own. */
export class RedisCluster extends Cluster {
  readonly redis: RedisProcess;
  readonly proxies: readonly TcpProxy[];

  private constructor(folder: string, replicas: readonly ReplicaProcess[], redis: RedisProcess, proxies: TcpProxy[]) {
    const stop = async () => {
      await Promise.all(proxies.map((proxy) => proxy.stop()));
      await redis.stop();
    };
    super(folder, replicas, () => new RedisJournal({ url: redis.url, prefix: "ha" }), stop);
    this.redis = redis;
    this.proxies = proxies;
  }

  static async start(options: ClusterOptions = {}): Promise<RedisCluster> {
    const { replicas = 3, flags = [], redis: settings = AOF, query = "" } = options;
    const folder = mkdtempSync(join(tmpdir(), "waystation-ha-"));
    const redis = await RedisProcess.start(settings);
    const proxies = await Promise.all(Array.from({ length: replicas }, () => TcpProxy.start(redis.port)));
    const urls = proxies.map(({ url }) => `${url}?prefix=ha&${query}`);
    return startAll(new RedisCluster(folder, await makeReplicas(folder, urls, flags), redis, proxies));
  }
}

/** Replicas that find their Redis by Sentinels. */
export class SentinelCluster extends Cluster {
  readonly redis: RedisWithSentinels;

  private constructor(folder: string, replicas: readonly ReplicaProcess[], redis: RedisWithSentinels) {
    const journal = () => new RedisJournal({ url: redis.url, prefix: "ha" });
    super(folder, replicas, journal, () => redis.stop());
    this.redis = redis;
  }

  static async start(options: ClusterOptions = {}): Promise<SentinelCluster> {
    const { replicas = 3, flags = [], redis: settings = [], query = "" } = options;
    const folder = mkdtempSync(join(tmpdir(), "waystation-ha-"));
    const redis = await RedisWithSentinels.start(settings);
    const urls = Array(replicas).fill(`${redis.url}?prefix=ha&${query}`);
    return startAll(new SentinelCluster(folder, await makeReplicas(folder, urls, flags), redis));
  }
}

async function makeReplicas(
  folder: string,
  urls: readonly string[],
  flags: readonly string[],
): Promise<ReplicaProcess[]> {
  const ports = await Promise.all(urls.map(() => freePort()));
  return urls.map(
    (url, i) =>
      new ReplicaProcess(ports[i]!, [
        `--storage=${url}`,
        `--storage.lost-entries-dir=${join(folder, "lost")}`,
        ...flags,
      ]),
  );
}

async function startAll<C extends Cluster>(cluster: C): Promise<C> {
  try {
    await Promise.all(cluster.replicas.map((replica) => replica.start()));
    return cluster;
  } catch (error) {
    await cluster[Symbol.asyncDispose]();
    throw error;
  }
}
