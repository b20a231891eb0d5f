import { type Cursor, type Entry, MAX_TAIL_BYTES, WaystationError } from "@waystation/core";
import { corrupt, type Disk, type File, hasCode, ioError, unlinkIfThere } from "./disk.ts";
import { encodeFrameHeader } from "./format.ts";
import { BadFrame, type Frame, readFrames, type Segment } from "./segment.ts";
import { createSegment, rewriteSegment } from "./segment-files.ts";
import { SyncedFile, SyncFailed } from "./synced-file.ts";

export interface LogOptions {
  readonly disk: Disk;
  readonly folder: string;
  /** A segment that has reached this size is followed by a new one. */
  readonly segmentBytes: number;
}

/**
 * The entries of a journal: segments that follow one another without gaps, the last of which is written to. One append at a time;
 * reads may overlap with it and see only what is durable.
 */
export class Log {
  readonly #options: LogOptions;
  /** Oldest first; never empty. */
  readonly #segments: Segment[];
  /** The last segment, open for writing. */
  #file: SyncedFile | undefined;
  /** Of that file. */
  #inode = 0;
  /** Set after a failed fsync: the last segment has to be written anew before anything else is done with it. */
  #distrusted = false;

  /** @param segments As found, oldest first, without gaps, at least one. */
  constructor(options: LogOptions, segments: readonly Segment[]) {
    this.#options = options;
    this.#segments = [...segments];
  }

  get head(): Cursor {
    return this.#active.last;
  }

  /** The newest place of which the entry, and all before it, are gone. */
  get floor(): Cursor {
    const { first, previousTag } = this.#segments[0]!.header;
    return { position: first - 1, tag: previousTag };
  }

  get distrusted(): boolean {
    return this.#distrusted;
  }

  get #active(): Segment {
    return this.#segments.at(-1)!;
  }

  /** What comes before an append and may take long: repairs after a failure, a new segment. Nothing is written if it fails. */
  async prepare(): Promise<void> {
    await this.settle();
    if (this.#active.frameBytes > 0 && this.#active.end >= this.#options.segmentBytes) await this.#rotate();
  }

  /**
   * Appends one frame and makes it durable. To be called after {@link prepare}.
   *
   * @throws WaystationError `FULL` or `UNAVAILABLE` if it is certainly not there, `IN_DOUBT` if that could not be made sure of.
   */
  async append(at: Cursor, payload: Uint8Array): Promise<void> {
    const segment = this.#active;
    const header = encodeFrameHeader(at, payload, segment.end, segment.header.salt);
    const file = await this.#writable();
    // At once: each call waits for a turn of the event loop, in which a busy gateway answers many clients.
    const [written, placed] = await Promise.allSettled([
      file.append([header, payload], segment.end),
      this.checkPlace(),
    ]);
    if (written.status === "rejected") throw await this.#failed(file, written.reason);
    if (placed.status === "rejected") throw await this.#undone(placed.reason, () => this.#truncate(file));
    segment.add(at, payload.length);
  }

  /**
   * After a failed fsync, puts the last segment on new ground; else does nothing. To be done before the log is read or written.
   *
   * @throws WaystationError If that fails; it may be tried again.
   */
  async settle(): Promise<void> {
    if (!this.#distrusted) return;
    await this.#release();
    try {
      await rewriteSegment(this.#options.disk, this.#active);
    } catch (error) {
      throw ioError(error, `writing ${this.#active.path} anew after a failed fsync`);
    }
    this.#distrusted = false;
  }

  async #failed(file: SyncedFile, error: unknown): Promise<WaystationError> {
    const { path } = this.#active;
    if (!(error instanceof SyncFailed)) {
      return this.#undone(ioError(error, `writing to ${path}`), () => this.#truncate(file));
    }
    this.#distrusted = true;
    return this.#undone(ioError(error.cause, `making ${path} durable`), () => this.settle());
  }

  /** The error to reject with, once `undo` has made sure that the frame is gone, or has failed to. */
  async #undone(error: WaystationError, undo: () => Promise<void>): Promise<WaystationError> {
    try {
      await undo();
      return error;
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      return new WaystationError("IN_DOUBT", `${error.message}; taking it back failed too: ${reason}`, {
        cause: error,
      });
    }
  }

  /** Cuts off what a failed write left. If even that fails, the file is not to be trusted. */
  async #truncate(file: SyncedFile): Promise<void> {
    try {
      await file.truncate(this.#active.end);
    } catch {
      this.#distrusted = true;
      await this.settle();
    }
  }

  async #rotate(): Promise<void> {
    const { disk, folder } = this.#options;
    const { position, tag } = this.head;
    let segment: Segment;
    try {
      segment = await createSegment(disk, folder, position + 1, tag);
    } catch (error) {
      throw ioError(error, `creating a segment in ${folder}`);
    }
    await this.#release();
    this.#segments.push(segment);
  }

  async #writable(): Promise<SyncedFile> {
    if (this.#file) return this.#file;
    try {
      const { disk } = this.#options;
      this.#inode = (await disk.stat(this.#active.path)).ino;
      this.#file = await SyncedFile.open(disk, this.#active.path);
      return this.#file;
    } catch (error) {
      throw ioError(error, `opening ${this.#active.path}`);
    }
  }

  /**
   * A file that was removed, or replaced by a copy, can still be written to, and nobody would ever find what was.
   *
   * @throws WaystationError `UNAVAILABLE`
   */
  async checkPlace(): Promise<void> {
    await this.#writable();
    const { path } = this.#active;
    const there = await this.#options.disk.stat(path).catch((error) => {
      if (hasCode(error, "ENOENT")) return undefined;
      throw ioError(error, `looking for ${path}`);
    });
    if (there?.ino === this.#inode) return;
    throw new WaystationError(
      "UNAVAILABLE",
      `${path} was moved, removed or replaced while it was in use: put it back, or restart to go on with what is there`,
    );
  }

  /** Closes the last segment's file. What was acknowledged is durable, so a failure to close it does not matter. */
  async #release(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    await file?.close().catch(() => {});
  }

  /**
   * The entries after `since`, about {@link MAX_TAIL_BYTES} of them.
   *
   * @throws WaystationError `TRUNCATED`, `REWOUND`, `CORRUPT`, `UNAVAILABLE`.
   */
  async read(since: Cursor): Promise<Entry[]> {
    const tag = await this.#tagAt(since.position);
    if (tag !== since.tag) {
      const there = tag === undefined ? `it ends at ${this.head.position}` : `it has tag ${tag} there`;
      throw new WaystationError(
        "REWOUND",
        `position ${since.position} with tag ${since.tag} is not in this journal (${there}): start again from the snapshot`,
      );
    }
    const entries: Entry[] = [];
    let bytes = 0;
    await this.#eachFrame(since.position + 1, (frame) => {
      bytes += frame.length;
      if (bytes > MAX_TAIL_BYTES && entries.length > 0) return false;
      entries.push({ position: frame.position, tag: frame.tag, data: new Uint8Array(frame.data) });
      return true;
    });
    return entries;
  }

  /** Is `at` a place in this history that can still be checked? */
  async has(at: Cursor): Promise<boolean> {
    return at.position >= this.floor.position && (await this.#tagAt(at.position)) === at.tag;
  }

  /** Bytes of frames after `position`, which is not below the floor. */
  async bytesAfter(position: number): Promise<number> {
    let bytes = 0;
    for (const segment of this.#segments) {
      if (segment.first > position) bytes += segment.frameBytes;
    }
    const partial = this.#segments.findLast((segment) => segment.first <= position);
    if (!partial || partial.last.position <= position) return bytes;
    let start = partial.end;
    await this.#eachFrame(position + 1, (frame) => {
      start = frame.offset;
      return false;
    });
    return bytes + partial.end - start;
  }

  /**
   * Removes old segments, of which all is at or before `position`, except for the newest of them that together hold at most `lag`
   * bytes. Oldest first, so that what is left has no gaps.
   */
  async trim(position: number, lag: number): Promise<void> {
    let kept = 0;
    let drop = this.#segments.findLastIndex((segment) => segment.first <= position + 1);
    // Whether all of it is covered is told by where the next one begins, so the last segment always stays.
    while (drop > 0) {
      kept += this.#segments[drop - 1]!.end;
      if (kept > lag) break;
      drop--;
    }
    for (let i = 0; i < drop; i++) {
      await unlinkIfThere(this.#options.disk, this.#segments[0]!.path);
      this.#segments.shift();
    }
  }

  close(): Promise<void> {
    return this.#release();
  }

  async #tagAt(position: number): Promise<string | undefined> {
    const { head, floor } = this;
    if (position === head.position) return head.tag;
    if (position > head.position) return undefined;
    if (position < floor.position) throw truncated(position, floor.position);
    const follower = this.#segments.find((segment) => segment.first === position + 1);
    if (follower) return follower.header.previousTag;
    let tag: string | undefined;
    await this.#eachFrame(position, (frame) => {
      tag = frame.tag;
      return false;
    });
    return tag;
  }

  /** Calls `take` with each durable frame from `position` on, until it returns false. */
  async #eachFrame(position: number, take: (frame: Frame) => boolean): Promise<void> {
    const head = this.head.position; // what is appended meanwhile is not waited for
    for (let next = position; next <= head; ) {
      const segment = this.#segments.findLast((candidate) => candidate.first <= next);
      if (!segment) throw truncated(position - 1, this.floor.position);
      const last = Math.min(head, segment.last.position);
      if (!(await this.#eachFrameOf(segment, next, last, take))) return;
      next = last + 1;
    }
  }

  async #eachFrameOf(segment: Segment, from: number, to: number, take: (frame: Frame) => boolean): Promise<boolean> {
    const { salt } = segment.header;
    const file = await this.#readable(segment, from);
    try {
      for await (const frame of readFrames(file, { salt, ...segment.nearest(from), end: segment.end })) {
        if (frame.position >= from && !take(frame)) return false;
        if (frame.position >= to) break;
      }
      return true;
    } catch (error) {
      if (error instanceof BadFrame) {
        throw corrupt(segment.path, error.offset, error.message, "restart, which says what can be done");
      }
      throw ioError(error, `reading ${segment.path}`);
    } finally {
      await file.close();
    }
  }

  async #readable(segment: Segment, position: number): Promise<File> {
    try {
      return await this.#options.disk.open(segment.path, "r");
    } catch (error) {
      // A compaction may have removed the segment since it was chosen.
      if (hasCode(error, "ENOENT") && position <= this.floor.position)
        throw truncated(position - 1, this.floor.position);
      throw ioError(error, `opening ${segment.path}`);
    }
  }
}

function truncated(since: number, floor: number): WaystationError {
  return new WaystationError(
    "TRUNCATED",
    `entries after ${since} were compacted away up to ${floor}: start again from the snapshot`,
  );
}
