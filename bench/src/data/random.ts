/** A number in [0, 1). The same seed gives the same sequence on every machine, so that all runs push the same bytes. */
export type Random = () => number;

/** Marsaglia's xorshift of 32 bits: numbers for test data need no better one. */
export function seededRandom(seed: number): Random {
  let state = seed | 0 || 1;
  return () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  };
}

export function integer(random: Random, below: number): number {
  return Math.floor(random() * below);
}

/** With so many decimals, without trailing zeros. */
export function decimal(random: Random, below: number, decimals: number): number {
  return Number((random() * below).toFixed(decimals));
}
