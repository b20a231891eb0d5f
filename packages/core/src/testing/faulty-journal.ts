import { type ErrorCode, WaystationError } from "../errors.ts";
import type { AppendOwn, Cursor, Durability, Journal, JournalHealth, Snapshot, Tail } from "../journal/journal.ts";

/**
 * What goes wrong with one call:
 *
 * - `reject`: nothing is done, and the call rejects with `code`.
 * - `lose-reply`: the call is done, but rejects with `IN_DOUBT` (or `code`), as when a connection dies before the answer.
 * - `late`: the call rejects with `IN_DOUBT` (or `code`) at once, and is done when `until` settles: a command that was stuck on its
 *   way. It carries its own deadline, so the journal may still refuse it.
 * - `hold`: the call is done when `until` settles, and then answers truthfully.
 */
export type Fault =
  | { readonly kind: "reject"; readonly code: ErrorCode }
  | { readonly kind: "lose-reply"; readonly code?: ErrorCode }
  | { readonly kind: "late"; readonly until: Promise<unknown>; readonly code?: ErrorCode }
  | { readonly kind: "hold"; readonly until: Promise<unknown> };

export type FaultyMethod = "open" | "append" | "read" | "compact";

/** A journal around another one, whose calls fail on command: for tests of what stands above a journal. */
export class FaultyJournal implements Journal {
  readonly inner: Journal;
  /** How often each method was called, faults included. */
  readonly calls: Record<FaultyMethod, number> = { open: 0, append: 0, read: 0, compact: 0 };
  readonly #faults = new Map<FaultyMethod, Fault[]>();
  readonly #constant = new Map<FaultyMethod, Fault>();
  readonly #late = new Set<Promise<unknown>>();
  #health: JournalHealth | undefined;

  constructor(inner: Journal) {
    this.inner = inner;
  }

  get name(): string {
    return this.inner.name;
  }

  get shared(): boolean {
    return this.inner.shared;
  }

  get survives(): Durability {
    return this.inner.survives;
  }

  /** The next call of `method` meets the first of `faults`, the one after it the second, and so on. */
  failNext(method: FaultyMethod, ...faults: Fault[]): void {
    const queue = this.#faults.get(method) ?? [];
    queue.push(...faults);
    this.#faults.set(method, queue);
  }

  /** Every call of `method` meets `fault` (after those of `failNext`), until `heal`. */
  failAlways(method: FaultyMethod, fault: Fault): void {
    this.#constant.set(method, fault);
  }

  /** Takes all faults away that were not met yet, and the reported health. */
  heal(): void {
    this.#faults.clear();
    this.#constant.clear();
    this.#health = undefined;
  }

  /** What `health()` says from now on; `undefined`: what the inner journal says. */
  reportHealth(health: JournalHealth | undefined): void {
    this.#health = health;
  }

  /** Settles when all calls that were made late have been done, or refused. */
  async lateCallsDone(): Promise<void> {
    await Promise.allSettled(this.#late);
  }

  open(signal?: AbortSignal): Promise<Snapshot | undefined> {
    return this.#meet("open", () => this.inner.open(signal));
  }

  append(data: Uint8Array, since: Cursor, own: AppendOwn): Promise<{ readonly at: Cursor; readonly tail: Tail }> {
    const bytes = new Uint8Array(data); // a late call outlives the time in which the caller leaves its buffer alone
    return this.#meet("append", () => this.inner.append(bytes, since, own));
  }

  read(since: Cursor): Promise<Tail> {
    return this.#meet("read", () => this.inner.read(since));
  }

  compact(at: Cursor, snapshot: AsyncIterable<Uint8Array>): Promise<"published" | "older"> {
    return this.#meet("compact", () => this.inner.compact(at, snapshot));
  }

  watch(onGrowth: () => void): () => void {
    return this.inner.watch?.(onGrowth) ?? (() => {});
  }

  async health(): Promise<JournalHealth> {
    return this.#health ?? this.inner.health();
  }

  close(): Promise<void> {
    return this.inner.close();
  }

  async #meet<T>(method: FaultyMethod, call: () => Promise<T>): Promise<T> {
    this.calls[method]++;
    const fault = this.#faults.get(method)?.shift() ?? this.#constant.get(method);
    switch (fault?.kind) {
      case undefined:
        return call();
      case "reject":
        throw new WaystationError(fault.code, `injected: ${method} was not done`);
      case "lose-reply":
        await call();
        throw new WaystationError(fault.code ?? "IN_DOUBT", `injected: the reply to ${method} was lost`);
      case "late": {
        const late = fault.until.then(call, call);
        this.#late.add(late);
        late.catch(() => {}).finally(() => this.#late.delete(late));
        throw new WaystationError(fault.code ?? "IN_DOUBT", `injected: ${method} did not answer in time`);
      }
      case "hold":
        await fault.until.catch(() => {});
        return call();
    }
  }
}
