/** A token bucket: `burst` requests at once, then one per interval. */
export class RateLimiter {
  readonly #intervalMs: number;
  readonly #burst: number;
  #tokens: number;
  #at: number;

  /** @param now milliseconds on the clock that all calls use */
  constructor(options: { intervalMs: number; burst: number }, now: number) {
    this.#intervalMs = options.intervalMs;
    this.#burst = options.burst;
    this.#tokens = options.burst;
    this.#at = now;
  }

  allow(now: number): boolean {
    this.#tokens = Math.min(this.#burst, this.#tokens + (now - this.#at) / this.#intervalMs);
    this.#at = now;
    if (this.#tokens < 1) return false;
    this.#tokens--;
    return true;
  }
}
