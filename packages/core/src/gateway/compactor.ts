import { randomUUID } from "node:crypto";
import type { Journal } from "../journal/journal.ts";
import type { Publisher } from "./channels.ts";
import type { Replica } from "./replica.ts";
import { encodeSnapshot } from "./snapshot.ts";

/** Milliseconds before a failed compaction, or one that another replica is at, is tried again. */
const RETRY_AFTER = 30_000;
/** Names the lease by which one replica at a time compacts on its own; and for how many milliseconds it is taken. */
const LEASE = "compaction";
const LEASE_MS = 300_000;

/**
 * Replaces old entries by a snapshot once they outweigh it, so that a journal takes at most about twice the space of the state,
 * and is written at most about twice.
 */
export class Compactor {
  readonly #journal: Journal;
  readonly #replica: Replica;
  readonly #publisher: Publisher;
  readonly #minBytes: number;
  readonly #holder = randomUUID();
  #running: Promise<void> | undefined;
  #notBefore = 0;

  /** @param minBytes entries that may pile up, however small the state is */
  constructor(journal: Journal, replica: Replica, publisher: Publisher, minBytes: number) {
    this.#journal = journal;
    this.#replica = replica;
    this.#publisher = publisher;
    this.#minBytes = minBytes;
  }

  /** Bytes of entries above which a snapshot is due. */
  get threshold(): number {
    return Math.max(this.#minBytes, this.#replica.snapshotBytes);
  }

  /** Has compaction failed for so long that the journal must not grow further? */
  get overdue(): boolean {
    if (this.#journal.forgetful) return false;
    return this.#replica.bytesSinceSnapshot > 4 * this.threshold + 64 * 1024 * 1024;
  }

  /** Starts a compaction if one is due. */
  check(): void {
    if (this.#running !== undefined || !this.#isDue) return;
    if (Date.now() < this.#notBefore || this.#replica.halted !== undefined) return;
    void this.#run(() => this.#compactInTurn());
  }

  /** Publishes a snapshot of the present state, after one that is under way. Never rejects: the outcome is published. */
  compact(): Promise<void> {
    return this.#run(() => this.#compact());
  }

  get #isDue(): boolean {
    if (this.#journal.forgetful) return false;
    return this.#replica.bytesSinceSnapshot > this.threshold;
  }

  #run(work: () => Promise<void>): Promise<void> {
    const running: Promise<void> = (this.#running ?? Promise.resolve()).then(work).finally(() => {
      if (this.#running === running) this.#running = undefined;
    });
    this.#running = running;
    return running;
  }

  /** Compacts unless another replica is doing that, or has done it meanwhile. */
  async #compactInTurn(): Promise<void> {
    const journal = this.#journal;
    if (!journal.shared) return this.#compact();
    try {
      const { journalBytes, snapshotBytes } = await journal.health();
      if (journalBytes !== undefined && snapshotBytes !== undefined) {
        this.#replica.noteSizes(journalBytes, snapshotBytes);
      }
      if (!this.#isDue) return;
      if ((await journal.lease?.(LEASE, this.#holder, LEASE_MS)) === false) {
        this.#notBefore = Date.now() + RETRY_AFTER;
        return;
      }
      await this.#compact();
      await journal.lease?.(LEASE, this.#holder, 0);
    } catch {
      // It was the lease that failed: it runs out by itself.
      this.#notBefore = Date.now() + RETRY_AFTER;
    }
  }

  async #compact(): Promise<void> {
    const started = performance.now();
    const at = this.#replica.cursor;
    const covered = this.#replica.bytesSinceSnapshot;
    let bytes = 0;
    async function* counted(chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
      for await (const chunk of chunks) {
        bytes += chunk.length;
        yield chunk;
      }
    }
    try {
      // It may have halted within an entry: what it holds is then the state at no position.
      if (this.#replica.halted !== undefined) throw this.#replica.halted;
      const outcome = await this.#journal.compact(at, counted(encodeSnapshot(this.#replica.state, at)));
      // An older one was not needed: another replica's newer snapshot covers these entries too.
      this.#replica.noteSnapshot(covered, outcome === "published" ? bytes : this.#replica.snapshotBytes);
      this.#publisher.publish("waystation:compaction", { outcome, bytes, duration: performance.now() - started });
    } catch (error) {
      this.#notBefore = Date.now() + RETRY_AFTER;
      const duration = performance.now() - started;
      this.#publisher.publish("waystation:compaction", { outcome: "failed", bytes, duration, error: error as Error });
    }
  }

  /** Waits for a compaction that is under way. */
  async settled(): Promise<void> {
    await this.#running;
  }
}
