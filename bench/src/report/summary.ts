/** The middle one and the ends of what was measured in several rounds. */
export interface Summary {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** Undefined of nothing. Of an even number of values, the median is the mean of the two in the middle. */
export function summarize(values: readonly number[]): Summary | undefined {
  if (values.length === 0) return undefined;
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  const median = (sorted[Math.floor(middle)]! + sorted[Math.ceil(middle)]!) / 2;
  return { median, min: sorted[0]!, max: sorted.at(-1)! };
}

/**
 * The ratios of what was measured in the same rounds: of neighbours in time, so that a machine that is slow for a while does not
 * change them. Rounds that only one of the two has are left out.
 */
export function ratios(values: readonly number[], baseline: readonly number[]): number[] {
  return values.slice(0, baseline.length).map((value, round) => value / baseline[round]!);
}

/** Three significant digits, without exponent: `0.00123`, `1.23`, `123`, `12,300`. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return "?";
  return value.toLocaleString("en", { maximumSignificantDigits: 3 });
}

export function countGroups(groups: number): string {
  return groups === 1 ? "1 group" : `${formatNumber(groups)} groups`;
}

/** `1.9 (1.8–2.1)`, or just `1.9` if all rounds gave the same. */
export function formatSummary({ median, min, max }: Summary): string {
  const [middle, low, high] = [median, min, max].map(formatNumber);
  return low === high ? middle! : `${middle} (${low}–${high})`;
}
