import { join, resolve } from "node:path";
import {
  type AppendOwn,
  type Cursor,
  type Durability,
  isWaystationError,
  type Journal,
  type JournalHealth,
  JournalLifecycle,
  ORIGIN,
  type Snapshot,
  type Tail,
  WaystationError,
} from "@waystation/core";
import { DISK, type Disk, durabilityOf, ioError, syncFolder, unlinkIfThere, writeFully } from "./disk.ts";
import { FRAME_HEADER_BYTES, tagNumber } from "./format.ts";
import { FolderLock } from "./lock.ts";
import type { Log } from "./log.ts";
import { ensureFolder, openFolder } from "./open-folder.ts";
import { SnapshotFile, snapshotName, snapshotPosition, writeSnapshot } from "./snapshot-file.ts";

const MIB = 1024 * 1024;

/** Far above what a gateway appends, and below what one read of a file can return. */
const MAX_ENTRY_BYTES = 1024 * MIB;

/** How long `health` waits for a disk that does not answer. */
const PROBE_MS = 500;

export interface FileJournalOptions {
  /** The folder; made if it is not there. Nothing else should be in it. */
  readonly directory: string;
  /** Bytes after which a new segment file is begun. Default: 16 MiB. */
  readonly segmentBytes?: number;
  /** Bytes of entries before the newest snapshot to keep, at least; whole segments are removed. Default: 16 MiB. */
  readonly trimLagBytes?: number;
}

/**
 * A journal in a folder of checksummed files, for one process at a time. An acknowledged append has been made durable, as by an
 * `fdatasync`, so it outlives power loss, if the disk keeps what it acknowledges.
 */
export class FileJournal implements Journal {
  readonly name = "file";
  readonly shared = false;

  readonly #folder: string;
  readonly #segmentBytes: number;
  readonly #trimLagBytes: number;
  readonly #disk: Disk;
  readonly #lifecycle: JournalLifecycle;
  #survives: Durability = "host-crash";
  #lock: FolderLock | undefined;
  #openedLog: Log | undefined;
  /** The snapshot that `open` handed out. */
  #handedOut: SnapshotFile | undefined;
  #snapshot: { readonly at: Cursor; readonly size: number } = { at: ORIGIN, size: 0 };
  #journalBytes = 0;
  /** What opening repaired. */
  #notice: string | undefined;
  /** Why the last append failed, until one succeeds or a probe does. */
  #trouble: WaystationError | undefined;
  #probing: Promise<void> | undefined;
  /** Settles, never rejects, when whoever changes files is done. */
  #turn: Promise<unknown> = Promise.resolve();
  #temporaryFiles = 0;

  /**
   * @param disk The file system. Default: the real one.
   * @throws WaystationError `CONFIG`
   */
  constructor(options: FileJournalOptions, disk: Disk = DISK) {
    this.#folder = resolve(options.directory);
    this.#segmentBytes = byteCount("segmentBytes", options.segmentBytes ?? 16 * MIB);
    this.#trimLagBytes = byteCount("trimLagBytes", options.trimLagBytes ?? 16 * MIB);
    this.#disk = disk;
    this.#lifecycle = new JournalLifecycle(`the file journal ${this.#folder}`);
  }

  /** `host-crash`, or, in a folder that is only in memory, `gateway-crash`. */
  get survives(): Durability {
    return this.#survives;
  }

  open(signal?: AbortSignal): Promise<Snapshot | undefined> {
    return this.#lifecycle.open(
      () => this.#open(signal),
      () => this.#inTurn(() => this.#openNewest()),
    );
  }

  async #open(signal: AbortSignal | undefined): Promise<Snapshot | undefined> {
    signal?.throwIfAborted();
    await ensureFolder(this.#disk, this.#folder);
    const lock = FolderLock.take(this.#folder);
    try {
      const options = { disk: this.#disk, folder: this.#folder, segmentBytes: this.#segmentBytes };
      const { snapshot, log, notice } = await openFolder(options);
      this.#handedOut = snapshot;
      this.#snapshot = snapshot ?? { at: ORIGIN, size: 0 };
      this.#journalBytes = await log.bytesAfter(this.#snapshot.at.position);
      this.#notice = notice;
      this.#survives = await durabilityOf(this.#disk, this.#folder);
      this.#openedLog = log;
      this.#lock = lock;
      return snapshot && { at: snapshot.at, chunks: snapshot.read() };
    } catch (error) {
      await this.#handedOut?.close();
      lock.release();
      throw ioError(error, `opening the journal in ${this.#folder}`);
    }
  }

  async #openNewest(): Promise<Snapshot | undefined> {
    const { position } = this.#snapshot.at;
    if (position === 0) return undefined;
    await this.#handedOut?.close();
    this.#handedOut = await SnapshotFile.open(this.#disk, this.#folder, snapshotName(position));
    return { at: this.#handedOut.at, chunks: this.#handedOut.read() };
  }

  append(data: Uint8Array, since: Cursor, own: AppendOwn): Promise<{ at: Cursor; tail: Tail }> {
    return this.#lifecycle.use(() => this.#inTurn(() => this.#append(data, since, own)));
  }

  async #append(data: Uint8Array, since: Cursor, own: AppendOwn): Promise<{ at: Cursor; tail: Tail }> {
    tagNumber(own.tag); // a tag that cannot be stored is refused before anything is done
    if (data.length > MAX_ENTRY_BYTES) {
      throw new WaystationError(
        "TOO_LARGE",
        `an entry of ${data.length} bytes is above the limit of ${MAX_ENTRY_BYTES}`,
      );
    }
    try {
      await this.#log.prepare();
      const entries = await this.#log.read(since);
      const head = this.#log.head.position;
      const at = { position: head + 1, tag: own.tag };
      const time = Date.now();
      if (time > own.deadline) {
        throw new WaystationError("LATE", `the deadline ${own.deadline} had passed at ${time}: nothing was written`);
      }
      await this.#log.append(at, data);
      this.#journalBytes += FRAME_HEADER_BYTES + data.length;
      this.#trouble = undefined;
      return { at, tail: { entries, head, time } };
    } catch (error) {
      if (isWaystationError(error, "FULL", "UNAVAILABLE", "IN_DOUBT", "CORRUPT")) this.#trouble = error;
      throw error;
    }
  }

  read(since: Cursor): Promise<Tail> {
    return this.#lifecycle.use(async () => {
      if (this.#log.distrusted) await this.#inTurn(() => this.#log.settle());
      const entries = await this.#log.read(since);
      return { entries, head: this.#log.head.position, time: Date.now() };
    });
  }

  compact(at: Cursor, snapshot: AsyncIterable<Uint8Array>): Promise<"published" | "older"> {
    return this.#lifecycle.use(async () => {
      if (!(await this.#accepts(at))) return "older";
      const temporary = join(this.#folder, `${snapshotName(at.position)}-${++this.#temporaryFiles}.tmp`);
      let thrown: { readonly error: unknown } | undefined;
      const chunks = async function* (): AsyncIterable<Uint8Array> {
        try {
          yield* snapshot;
        } catch (error) {
          thrown = { error };
          throw error;
        }
      };
      try {
        const size = await this.#writeSnapshot(temporary, at, chunks());
        return await this.#inTurn(() => this.#publish(temporary, at, size));
      } catch (error) {
        throw thrown ? thrown.error : ioError(error, `writing a snapshot in ${this.#folder}`);
      } finally {
        await unlinkIfThere(this.#disk, temporary).catch(() => {}); // removed at the next opening at the latest
      }
    });
  }

  async health(): Promise<JournalHealth> {
    if (!this.#lifecycle.isOpen) return { ok: false, detail: `the file journal is ${this.#lifecycle.state}` };
    if (this.#trouble) await this.#probe();
    const sizes = { journalBytes: this.#journalBytes, snapshotBytes: this.#snapshot.size };
    if (this.#trouble) return { ok: false, detail: this.#trouble.message, ...sizes };
    return { ok: true, ...(this.#notice && { detail: this.#notice }), ...sizes };
  }

  close(): Promise<void> {
    return this.#lifecycle.close(async () => {
      await this.#openedLog?.close();
      await this.#handedOut?.close();
      this.#lock?.release();
    });
  }

  get #log(): Log {
    return this.#openedLog!; // set by open, and the lifecycle lets nobody in before
  }

  /** One at a time: appends, the publication of snapshots, repairs. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => {});
    return done;
  }

  async #accepts(at: Cursor): Promise<boolean> {
    return at.position > this.#snapshot.at.position && (await this.#log.has(at));
  }

  async #writeSnapshot(path: string, at: Cursor, chunks: AsyncIterable<Uint8Array>): Promise<number> {
    const file = await this.#disk.open(path, "wx");
    try {
      const size = await writeSnapshot(file, at, chunks);
      await file.sync();
      return size;
    } finally {
      await file.close();
    }
  }

  async #publish(temporary: string, at: Cursor, size: number): Promise<"published" | "older"> {
    if (!(await this.#accepts(at))) return "older";
    const before = this.#snapshot.at.position;
    await this.#disk.rename(temporary, join(this.#folder, snapshotName(at.position)));
    await syncFolder(this.#disk, this.#folder);
    this.#snapshot = { at: { ...at }, size };
    this.#journalBytes = await this.#log.bytesAfter(at.position);
    // What cannot be removed now, the next publication removes.
    await this.#removeOld(at.position, before).catch(() => {});
    return "published";
  }

  /** The snapshot before stays only as long as all entries since then do: it could take the place of the newest, if that rots. */
  async #removeOld(newest: number, before: number): Promise<void> {
    await this.#log.trim(newest, this.#trimLagBytes);
    const useful = before >= this.#log.floor.position ? before : newest;
    for (const name of await this.#disk.readdir(this.#folder)) {
      const position = snapshotPosition(name);
      if (position !== undefined && position < useful) await unlinkIfThere(this.#disk, join(this.#folder, name));
    }
  }

  /** Tries whether files can be written again, for as long as `health` may take. */
  async #probe(): Promise<void> {
    this.#probing ??= this.#inTurn(() => this.#tryToWrite()).finally(() => {
      this.#probing = undefined;
    });
    const { promise: tooLong, resolve: stop } = Promise.withResolvers<void>();
    const timer = setTimeout(stop, PROBE_MS);
    await Promise.race([this.#probing, tooLong]);
    clearTimeout(timer);
  }

  async #tryToWrite(): Promise<void> {
    const path = join(this.#folder, "probe.tmp");
    try {
      await this.#log.prepare();
      await this.#log.checkPlace();
      const file = await this.#disk.open(path, "w");
      try {
        await writeFully(file, [Buffer.alloc(4096, 1)], 0);
        await file.sync();
      } finally {
        await file.close();
      }
      this.#trouble = undefined;
    } catch (error) {
      this.#trouble = ioError(error, `writing to ${this.#folder}`);
    } finally {
      await unlinkIfThere(this.#disk, path).catch(() => {});
    }
  }
}

function byteCount(name: string, value: number): number {
  if (Number.isSafeInteger(value) && value >= 0) return value;
  throw new WaystationError("CONFIG", `${name} has to be a number of bytes, not ${value}`);
}
