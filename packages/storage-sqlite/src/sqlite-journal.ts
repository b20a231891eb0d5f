import { resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import {
  type AppendOwn,
  type Cursor,
  type Durability,
  isWaystationError,
  type Journal,
  type JournalHealth,
  JournalLifecycle,
  type Snapshot,
  type Tail,
  WaystationError,
} from "@waystation/core";
import { FileIdentity } from "./file-identity.ts";
import { outward } from "./outward.ts";
import { Reader } from "./reader.ts";
import { regroup } from "./regroup.ts";
import { SnapshotStream } from "./snapshot-stream.ts";
import { isBusy } from "./sqlite-errors.ts";
import { durabilityOf } from "./storage-medium.ts";
import { WorkerClient } from "./worker-client.ts";

/** Bytes of a snapshot that are written in one transaction. */
const CHUNK_BYTES = 1024 * 1024;
/** Between two transactions of a compaction, so that other processes get their turns. Milliseconds. */
const BETWEEN_SLICES_MS = 1;
/** How long a compaction waits until what it replaced is deleted. Milliseconds. */
const MAKE_ROOM_MS = 10_000;
/** How long a read may meet another process that recovers the database. Milliseconds. */
const READ_PATIENCE_MS = 1_000;
const READ_RETRY_MS = 2;
/** For so long the worker may be at work before `health` says so. An append itself waits until it knows its outcome. Milliseconds. */
const SILENCE_MS = 2_000;
/** How long `health` waits for a probe, milliseconds. */
const PROBE_MS = 900;

export interface SqliteJournalOptions {
  /** The database file; made if there is none, but not its folder. Relative to the working directory. */
  readonly path: string;
  /** Entries among so many bytes before a snapshot stay readable for slow readers. Default: 16 MiB. */
  readonly trimLagBytes?: number;
  /** Those that are not this old yet, in milliseconds, stay too, up to four times `trimLagBytes`. Default: 60,000. */
  readonly trimLagMs?: number;
  /** Refuse appends with `FULL` instead of letting the file grow beyond this size, in bytes. Default: no limit but the disk. */
  readonly maxBytes?: number;
  /**
   * Verify everything stored when opening, which reads the whole file. Done in any case after a disk error. Default: false, which
   * leaves it to reading to find damage.
   */
  readonly check?: boolean;
}

interface Resources {
  readonly client: WorkerClient;
  readonly reader: Reader;
  /** The snapshot that is being read, replaced when it is asked for anew. */
  snapshot: SnapshotStream;
  readonly identity: FileIdentity;
}

/**
 * A journal in one SQLite file, which the processes of one host may share: not over a network file system, whose locks and shared
 * memory do not reach from host to host.
 *
 * Everything that writes happens in a worker thread, because a commit waits for the disk and for other processes; reading happens on
 * a connection of its own in the calling thread and waits for nobody.
 */
export class SqliteJournal implements Journal {
  readonly name = "sqlite";
  readonly shared = true;
  readonly #options: Required<Omit<SqliteJournalOptions, "maxBytes">> & Pick<SqliteJournalOptions, "maxBytes">;
  readonly #lifecycle: JournalLifecycle;
  #survives: Durability = "host-crash";
  #resources: Resources | undefined;
  /** Size of the entry that was refused or got lost last, for whatever reason but its cursor, if no append succeeded since. */
  #unwritten: number | undefined;

  /** Throws a `WaystationError` with code `CONFIG` if an option is not valid. */
  constructor(options: SqliteJournalOptions) {
    const path = resolve(options.path);
    this.#options = {
      path,
      trimLagMs: atLeast(0, "trimLagMs", options.trimLagMs ?? 60_000),
      trimLagBytes: atLeast(0, "trimLagBytes", options.trimLagBytes ?? 16 * 1024 * 1024),
      check: options.check ?? false,
      ...(options.maxBytes !== undefined && { maxBytes: atLeast(64 * 1024, "maxBytes", options.maxBytes) }),
    };
    this.#lifecycle = new JournalLifecycle(`the SQLite journal ${path}`);
  }

  get survives(): Durability {
    return this.#survives;
  }

  open(signal?: AbortSignal): Promise<Snapshot | undefined> {
    return this.#lifecycle.open(
      () => this.#openFirst(signal),
      () => this.#newestSnapshot(this.#open),
    );
  }

  append(data: Uint8Array, since: Cursor, own: AppendOwn): Promise<{ at: Cursor; tail: Tail }> {
    return this.#lifecycle.use(async () => {
      // A copy moves to the worker: posting a view would copy all of the memory under it, and moving that would take it away.
      const bytes = new Uint8Array(data);
      const { tag, deadline } = own;
      const request = { data: bytes, since: { position: since.position, tag: since.tag }, tag, deadline };
      try {
        const { position, entries, time } = await this.#open.client.call("append", request, [bytes.buffer]);
        this.#unwritten = undefined;
        return { at: { position, tag }, tail: { entries, head: position - 1, time } };
      } catch (error) {
        if (!isWaystationError(error, "TRUNCATED", "REWOUND")) this.#unwritten = data.length;
        throw error;
      }
    });
  }

  read(since: Cursor): Promise<Tail> {
    return this.#lifecycle.use(() => this.#reading(() => this.#open.reader.read(since)));
  }

  compact(at: Cursor, snapshot: AsyncIterable<Uint8Array>): Promise<"published" | "older"> {
    return this.#lifecycle.use(async () => {
      const { client } = this.#open;
      const place: Cursor = { position: at.position, tag: at.tag };
      const generation = await client.call("beginSnapshot", place);
      if (generation === "older") return "older";
      try {
        for await (const data of regroup(snapshot, CHUNK_BYTES)) {
          const outcome = await client.call("addChunk", { generation, at: place, data }, [data.buffer]);
          if (outcome === "older") return "older";
          await delay(BETWEEN_SLICES_MS);
        }
        const verdict = await client.call("publishSnapshot", { generation, at: place });
        if (verdict === "published") await makeRoom(client);
        return verdict;
      } catch (error) {
        // If this fails as well, the remains are cleared away as those of a crash are.
        await client.call("dropSnapshot", generation).catch(() => {});
        throw error;
      }
    });
  }

  lease(name: string, holder: string, ms: number): Promise<boolean> {
    return this.#lifecycle.use(() => this.#open.client.call("lease", { name, holder, ms }));
  }

  async health(): Promise<JournalHealth> {
    if (!this.#lifecycle.isOpen) {
      return { ok: false, detail: `the SQLite journal ${this.#options.path} is ${this.#lifecycle.state}` };
    }
    try {
      const { client, identity, reader } = this.#open;
      client.check(SILENCE_MS);
      identity.check();
      if (this.#unwritten !== undefined) await this.#probe(this.#unwritten);
      return { ok: true, ...(await this.#reading(() => reader.sizes())) };
    } catch (error) {
      return { ok: false, detail: error instanceof Error ? error.message : String(error) };
    }
  }

  close(): Promise<void> {
    return this.#lifecycle.close(async () => {
      const resources = this.#resources;
      this.#resources = undefined;
      if (!resources) return;
      // Before the worker, so that its connection is the last one, which carries the write-ahead log over and removes it.
      resources.snapshot.close();
      resources.reader.close();
      await resources.client.call("close", undefined).catch(() => {});
      await resources.client.exited();
    });
  }

  async #openFirst(signal: AbortSignal | undefined): Promise<Snapshot | undefined> {
    signal?.throwIfAborted();
    const { path, trimLagMs, trimLagBytes, check, maxBytes } = this.#options;
    const client = new WorkerClient({ path, maxBytes, check, trimLag: { ms: trimLagMs, bytes: trimLagBytes } });
    let resources: Resources | undefined;
    try {
      await orAborted(client.call("open", undefined), signal);
      const identity = new FileIdentity(path);
      const reader = await this.#reading(() => new Reader(path));
      resources = { client, identity, reader, snapshot: new SnapshotStream(path) };
      const found = await this.#newestSnapshot(resources);
      this.#survives = durabilityOf(path);
      this.#resources = resources;
      return found;
    } catch (error) {
      resources?.snapshot.close();
      resources?.reader.close();
      await client.terminate();
      // Nothing was asked to be written, so nothing can be in doubt.
      throw isWaystationError(error, "IN_DOUBT")
        ? new WaystationError("UNAVAILABLE", error.message, { cause: error })
        : error;
    }
  }

  async #newestSnapshot(resources: Resources): Promise<Snapshot | undefined> {
    const stream = new SnapshotStream(this.#options.path);
    resources.snapshot.close();
    resources.snapshot = stream;
    return this.#reading(() => stream.open());
  }

  get #open(): Resources {
    return this.#resources!;
  }

  /** A write of that size that nobody sees, after one that failed: else a journal that is not used would never be well again. */
  async #probe(bytes: number): Promise<void> {
    const answer = this.#open.client.call("probe", bytes);
    const timeout = new AbortController();
    try {
      await Promise.race([
        answer,
        delay(PROBE_MS, undefined, { signal: timeout.signal }).then(() => {
          throw new WaystationError(
            "UNAVAILABLE",
            `the disk under ${this.#options.path} has not answered for ${PROBE_MS} ms`,
          );
        }),
      ]);
      this.#unwritten = undefined;
    } finally {
      timeout.abort();
    }
  }

  /** Readers wait for nobody, except while another process recovers the database after a crash. */
  async #reading<T>(work: () => T): Promise<T> {
    const started = performance.now();
    for (;;) {
      try {
        return work();
      } catch (error) {
        if (!isBusy(error) || performance.now() - started > READ_PATIENCE_MS) {
          throw outward(error, this.#options.path);
        }
      }
      await delay(READ_RETRY_MS);
    }
  }
}

/** Sees to it that the room that a snapshot gained can be used. If not now, then later: the snapshot is published anyway. */
async function makeRoom(client: WorkerClient): Promise<void> {
  try {
    const started = performance.now();
    while (!(await client.call("makeRoom", undefined)) && performance.now() - started < MAKE_ROOM_MS) {
      await delay(BETWEEN_SLICES_MS);
    }
  } catch {}
}

async function orAborted<T>(work: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (!signal) return work;
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
    work.catch(() => {}); // after an abort, how it ended is of no interest
  }
}

function atLeast(minimum: number, option: string, value: number): number {
  if (value >= minimum) return value;
  throw new WaystationError("CONFIG", `${option} is ${value}: it must be a number of at least ${minimum}`);
}
