/**
 * Quantiles of what was observed in the last eight to ten minutes, in constant memory and about 20 ns per observation.
 *
 * Values are counted in buckets that grow by 2 %, so a quantile is off by at most 1 % (the idea of DDSketch, VLDB 2019). Five such
 * histograms, two minutes each, form the window; the oldest is emptied and used again.
 */
export class QuantileWindow {
  readonly #ages = Array.from({ length: AGES }, () => new Uint32Array(BUCKETS));
  #current = 0;
  #rotateAt: number;

  /** @param now milliseconds on the clock that all calls use */
  constructor(now: number) {
    this.#rotateAt = now + AGE_MS;
  }

  observe(value: number, now: number): void {
    if (now >= this.#rotateAt) this.#rotate(now);
    const bucket = Math.ceil(Math.log(value) / LOG_GROWTH) - FIRST_EXPONENT;
    const counts = this.#ages[this.#current]!;
    // Zero, and what is below or above the range, counts at its edge.
    counts[bucket >= 0 ? Math.min(bucket, BUCKETS - 1) : 0]!++;
  }

  /** One value per quantile, `NaN` if nothing was observed. */
  quantiles(quantiles: readonly number[], now: number): number[] {
    if (now >= this.#rotateAt) this.#rotate(now);
    const sums = new Float64Array(BUCKETS);
    let total = 0;
    for (const counts of this.#ages) {
      for (let i = 0; i < BUCKETS; i++) {
        sums[i]! += counts[i]!;
        total += counts[i]!;
      }
    }
    return quantiles.map((quantile) => valueAtRank(sums, quantile * (total - 1), total));
  }

  #rotate(now: number): void {
    const elapsed = Math.min(AGES, 1 + Math.floor((now - this.#rotateAt) / AGE_MS));
    for (let i = 0; i < elapsed; i++) {
      this.#current = (this.#current + 1) % AGES;
      this.#ages[this.#current]!.fill(0);
    }
    this.#rotateAt = now + AGE_MS;
  }
}

const AGES = 5;
const AGE_MS = 120_000;
const LOG_GROWTH = Math.log(1.02);
/** The range is 1e-7 to 1e12: from a tenth of a microsecond in seconds to a terabyte in bytes. */
const FIRST_EXPONENT = Math.ceil(Math.log(1e-7) / LOG_GROWTH);
const BUCKETS = Math.ceil(Math.log(1e12) / LOG_GROWTH) - FIRST_EXPONENT + 1;

function valueAtRank(counts: Float64Array, rank: number, total: number): number {
  if (total === 0) return Number.NaN;
  let seen = 0;
  for (let i = 0; i < BUCKETS; i++) {
    seen += counts[i]!;
    // The middle of the bucket, by ratio.
    if (seen > rank) return Math.exp((i + FIRST_EXPONENT - 0.5) * LOG_GROWTH);
  }
  return Number.NaN;
}
