import { WaystationError } from "../errors.ts";

/**
 * The lifecycle that every journal has, so that adapters need no state machine of their own: opened, used only while open, closed
 * after what is under way. Calls outside of that reject with `CLOSED`.
 */
export class JournalLifecycle {
  readonly #name: string;
  #underWay = 0;
  #onIdle: (() => void) | undefined;
  #state: "new" | "opening" | "open" | "closing" | "closed" = "new";
  #closed: Promise<void> | undefined;

  /** @param name What to call the journal in messages, such as `file journal ./waystation-journal`. */
  constructor(name: string) {
    this.#name = name;
  }

  /** Is the journal open for calls? */
  get isOpen(): boolean {
    return this.#state === "open";
  }

  /** One word for `health()`. */
  get state(): string {
    return this.#state === "new" ? "not opened" : this.#state;
  }

  /**
   * Runs the work of `open`.
   *
   * @param first opens the journal. If it fails, it must have released what it took, and opening may be tried again.
   * @param again what `open` does on a journal that is open
   */
  async open<T>(first: () => Promise<T>, again: () => Promise<T>): Promise<T> {
    if (this.#state === "open") return this.#track(again);
    if (this.#state !== "new") throw this.#refusal("open");
    this.#state = "opening";
    const result = this.#track(first);
    try {
      const value = await result;
      if (this.#state === "opening") this.#state = "open";
      return value;
    } catch (error) {
      if (this.#state === "opening") this.#state = "new";
      throw error;
    }
  }

  /** Runs one call, if the journal is open; `close` waits for it. */
  async use<T>(work: () => Promise<T>): Promise<T> {
    if (this.#state !== "open") throw this.#refusal("use");
    return this.#track(work);
  }

  /** Refuses new calls at once, waits for those under way, then runs `release`, once. */
  close(release: () => Promise<void>): Promise<void> {
    this.#closed ??= this.#close(release);
    return this.#closed;
  }

  async #close(release: () => Promise<void>): Promise<void> {
    this.#state = "closing";
    if (this.#underWay > 0) await new Promise<void>((resolve) => (this.#onIdle = resolve));
    try {
      await release();
    } finally {
      this.#state = "closed";
    }
  }

  async #track<T>(work: () => Promise<T>): Promise<T> {
    this.#underWay++;
    try {
      return await work();
    } finally {
      if (--this.#underWay === 0) this.#onIdle?.();
    }
  }

  #refusal(call: "open" | "use"): WaystationError {
    const remedy =
      this.#state === "closing" || this.#state === "closed"
        ? "make a new journal object to open it again"
        : call === "open"
          ? "await the first open() before the next"
          : "await open() first";
    return new WaystationError("CLOSED", `${this.#name} is ${this.state}: ${remedy}`);
  }
}
