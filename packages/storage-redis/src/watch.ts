/** Pause between two looks at the head, in milliseconds. */
const PAUSE = 100;

/**
 * Notices growth by looking at the head, one HGET at a time, while somebody listens.
 *
 * A blocking XREAD would notice sooner, but needs a third connection and sends each entry a second time; publishing costs each append.
 * Neither would be worth it: freshness rests on `read` before a scrape, and the hint only keeps what is left to read small. The look
 * also finds a connection that died without a word.
 */
export class Watch {
  readonly #look: () => Promise<number>;
  readonly #listeners = new Set<{ readonly onGrowth: () => void }>();
  #seen = 0;
  #timer: NodeJS.Timeout | undefined;
  #looking = false;

  constructor(look: () => Promise<number>) {
    this.#look = look;
  }

  /** Tells what the caller knows already: it needs no hint up to there. */
  saw(position: number): void {
    this.#seen = Math.max(this.#seen, position);
  }

  add(onGrowth: () => void): () => void {
    const listener = { onGrowth };
    this.#listeners.add(listener);
    this.#schedule();
    return () => {
      this.#listeners.delete(listener);
      if (this.#listeners.size === 0) clearTimeout(this.#timer);
    };
  }

  close(): void {
    this.#listeners.clear();
    clearTimeout(this.#timer);
  }

  #schedule(): void {
    if (this.#looking || this.#listeners.size === 0) return;
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.#glance(), PAUSE);
  }

  async #glance(): Promise<void> {
    this.#looking = true;
    try {
      const head = await this.#look();
      // Lower than before: the journal went back, which its readers should notice soon, too.
      const changed = head !== this.#seen;
      this.#seen = head;
      if (changed) for (const { onGrowth } of this.#listeners) onGrowth();
    } catch {
      // Not reachable: calls say so, and a hint may be missing.
    } finally {
      this.#looking = false;
      this.#schedule();
    }
  }
}
