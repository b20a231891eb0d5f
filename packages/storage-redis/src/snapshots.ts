import { randomUUID } from "node:crypto";
import { type Cursor, WaystationError } from "@waystation/core";
import type { Link, Manner } from "./link.ts";
import type { Settings } from "./options.ts";
import { type JournalKeys, PUBLISH, TRIM } from "./scripts.ts";
import type { Session } from "./session.ts";
import { BROKEN } from "./tail.ts";

/** Size of the list's elements: one value of many MiB would stall other clients while it is written. */
const CHUNK_BYTES = 256 * 1024;
/** Elements that one call reads. */
const CHUNKS_PER_READ = 8;
/** Seconds that an unpublished list lives on after its last chunk. */
const UNPUBLISHED_TTL = 3600;
/**
 * Seconds that a replaced snapshot stays for those who are reading it, at most: it goes when its successor is replaced, else they would
 * pile up where much is pushed.
 */
export const REPLACED_TTL = 600;
/** Most entries that one call trims. */
const TRIM_SLICE = 1000;
/** How often publishing is tried while others publish at the same time. */
const PUBLISH_TRIES = 10;

/** A list of chunks that is not published yet; it vanishes by itself. */
export interface Upload {
  readonly generation: string;
  readonly chunks: number;
  readonly bytes: number;
}

/** The snapshots of one journal: chunks in a list beside the stream. */
export class Snapshots {
  readonly #link: Link;
  readonly #keys: JournalKeys;
  readonly #settings: Settings;

  constructor(link: Link, keys: JournalKeys, settings: Settings) {
    this.#link = link;
    this.#keys = keys;
    this.#settings = settings;
  }

  /** The chunks of a snapshot. Throws `TRUNCATED` if it was replaced and has expired meanwhile. */
  async *chunks(stored: { readonly generation: string; readonly chunks: number }): AsyncGenerator<Uint8Array> {
    const key = this.#keys.snapshot(stored.generation);
    for (let first = 0; first < stored.chunks; first += CHUNKS_PER_READ) {
      const last = Math.min(first + CHUNKS_PER_READ, stored.chunks) - 1;
      const part = await this.#call("repeatable", ({ reads }) => reads.lrangeBuffer(key, first, last));
      if (part.length !== last - first + 1) {
        throw new WaystationError("TRUNCATED", "the snapshot was replaced while it was read: open the journal again");
      }
      for (const chunk of part) yield new Uint8Array(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    }
  }

  /** Stores chunks under a fresh key. Rejects with `UNAVAILABLE` or `FULL`, or as the iterable does; nothing is left then. */
  async upload(snapshot: AsyncIterable<Uint8Array>): Promise<Upload> {
    const generation = randomUUID();
    const key = this.#keys.snapshot(generation);
    let chunks = 0;
    let bytes = 0;
    try {
      for await (const chunk of cut(snapshot, CHUNK_BYTES)) {
        // Once: a chunk must not be there twice. Publishing counts them.
        await this.#call("once", ({ reads }) =>
          Promise.all([reads.rpush(key, chunk), reads.expire(key, UNPUBLISHED_TTL)]),
        );
        chunks++;
        bytes += chunk.length;
      }
    } catch (error) {
      await this.discard(generation);
      throw unpublished(error);
    }
    return { generation, chunks, bytes };
  }

  /** Makes an upload the snapshot at `at`, if that is newer than the present one and in this history. */
  async publish(at: Cursor, upload: Upload): Promise<"published" | "older"> {
    let present = "";
    for (let tries = 0; tries < PUBLISH_TRIES; tries++) {
      const { stream, facts, snapshot } = this.#keys;
      const [status, generation] = await this.#call("repeatable", async ({ reads }) => {
        const keys = [stream, facts, snapshot(upload.generation), snapshot(present)];
        const { generation, chunks, bytes } = upload;
        const args = [at.position, at.tag, generation, present, chunks, bytes, REPLACED_TTL];
        return (await reads.eval(PUBLISH, keys.length, ...keys, ...args)) as [string, string?];
      });
      if (status === "published") {
        if (generation) await this.discard(generation);
        return status;
      }
      if (status !== "retry") {
        await this.discard(upload.generation);
        if (status === "older") return status;
        const why = status === "broken" ? `the journal in Redis is damaged: ${BROKEN}` : "its chunks are not all there";
        throw new WaystationError("UNAVAILABLE", `the snapshot was not published: ${why}`);
      }
      present = generation!;
    }
    await this.discard(upload.generation);
    throw new WaystationError("UNAVAILABLE", "the snapshot was not published: others publish without pause");
  }

  /** Trims what the snapshot makes superfluous, except for the lag, in slices that do not hold up other clients. */
  async trim(): Promise<void> {
    const { lagBytes, lagMs } = this.#settings;
    let more = true;
    while (more) {
      const reply = await this.#call("repeatable", ({ reads }) =>
        reads.eval(TRIM, 2, this.#keys.stream, this.#keys.facts, lagBytes, lagMs, 4 * lagBytes, TRIM_SLICE),
      );
      more = (reply as [number, number])[1] === 1;
    }
  }

  /** Drops an upload; if that fails, it expires. */
  async discard(generation: string): Promise<void> {
    const key = this.#keys.snapshot(generation);
    await this.#call("repeatable", ({ reads }) => reads.unlink(key)).catch(() => {});
  }

  #call<T>(manner: Manner, commands: (session: Session) => Promise<T>): Promise<T> {
    return this.#link.call(performance.now() + this.#settings.timeout, manner, commands);
  }
}

/** Cuts into pieces of `size` bytes, the last one smaller. The bytes are copied. */
export async function* cut(chunks: AsyncIterable<Uint8Array>, size: number): AsyncGenerator<Buffer> {
  let piece = Buffer.allocUnsafeSlow(size);
  let length = 0;
  for await (const chunk of chunks) {
    let rest = chunk;
    while (rest.length > 0) {
      const part = rest.subarray(0, size - length);
      piece.set(part, length);
      length += part.length;
      rest = rest.subarray(part.length);
      if (length < size) continue;
      yield piece;
      piece = Buffer.allocUnsafeSlow(size);
      length = 0;
    }
  }
  if (length > 0) yield piece.subarray(0, length);
}

/** A lost reply of an upload is no doubt about the journal: nothing was published. */
function unpublished(error: unknown): unknown {
  if (!(error instanceof WaystationError) || error.code !== "IN_DOUBT") return error;
  return new WaystationError("UNAVAILABLE", `the snapshot was not published: ${error.message}`);
}
