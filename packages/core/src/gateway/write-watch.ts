import { isWaystationError } from "../errors.ts";
import type { Journal } from "../journal/journal.ts";

/** Milliseconds between two looks at a journal. */
const LOOK_EVERY = 1000;

/**
 * Knows whether a journal takes appends. After one that failed the journal is asked, which probes what it writes to, and asked again
 * until all is well: a gateway that is not ready gets no pushes, by which it could find out.
 */
export class WriteWatch {
  readonly #journal: Journal;
  readonly #isInReach: () => boolean;
  #reason: string | undefined;
  #timer: NodeJS.Timeout | undefined;
  #looking = false;
  #closed = false;

  /** @param isInReach does the journal answer? One that is out of reach is so for all, and may be back at any moment. */
  constructor(journal: Journal, isInReach: () => boolean) {
    this.#journal = journal;
    this.#isInReach = isInReach;
  }

  /** Why appends cannot be expected to work, if so. */
  get reason(): string | undefined {
    return this.#reason;
  }

  /** An append failed, for whatever reason. */
  failed(error: unknown): void {
    if (isWaystationError(error, "UNAVAILABLE", "FULL", "IN_DOUBT") && !this.#looking) void this.#look();
  }

  succeeded(): void {
    this.#reason = undefined;
  }

  close(): void {
    this.#closed = true;
    clearTimeout(this.#timer);
  }

  async #look(): Promise<void> {
    this.#looking = true;
    const { ok, detail } = await this.#journal.health();
    if (this.#closed) return;
    this.#reason = ok || !this.#isInReach() ? undefined : (detail ?? "the journal takes no pushes");
    // Also after a look that found nothing: where many pushes fail, the journal is not asked for each of them.
    this.#timer = setTimeout(() => {
      this.#looking = false;
      if (this.#reason !== undefined) void this.#look();
    }, LOOK_EVERY);
    this.#timer.unref();
  }
}
