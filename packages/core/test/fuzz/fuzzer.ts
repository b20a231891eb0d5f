import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";

/**
 * Runs a parser on inputs made from a kept corpus by random edits. An input whose outcome has not been seen before joins the corpus for
 * the rest of the run, so that edits build on what got further: what a coverage-guided fuzzer does, with outcomes for coverage.
 *
 * FUZZ_SEED repeats a run, FUZZ_RUNS sets its length; WAYSTATION_SOAK=1 makes it long.
 */
export interface FuzzTarget {
  readonly corpus: readonly Buffer[];
  /** Pieces that mean something to the parser. */
  readonly dictionary: readonly string[];
  /** Throws if anything is wrong. What it returns tells outcomes apart; digits in it do not count. */
  run(input: Buffer): string | Promise<string>;
}

export interface FuzzReport {
  readonly runs: number;
  readonly outcomes: number;
  readonly slowestMs: number;
}

const MAX_INPUT = 4096;
const MAX_POOL = 2000;
/** Far more than any input of that size may take, on however busy a machine. */
const HANG_MS = 10_000;
const SOAK_FACTOR = 100;

/** The files of a folder of the kept corpus. */
export function corpusOf(folder: URL): Buffer[] {
  return readdirSync(folder)
    .sort((a, b) => (a < b ? -1 : 1))
    .map((name) => readFileSync(new URL(name, folder)));
}

/** @param shortRuns in the short form; the long one has a hundred times as many */
export async function fuzz(target: FuzzTarget, shortRuns: number): Promise<FuzzReport> {
  const seed = Number(process.env["FUZZ_SEED"] ?? Date.now() % 2 ** 31);
  const runs = Number(
    process.env["FUZZ_RUNS"] ?? shortRuns * (process.env["WAYSTATION_SOAK"] === "1" ? SOAK_FACTOR : 1),
  );
  const random = new Random(seed);
  const pool = [...target.corpus];
  const outcomes = new Set<string>();
  let slowestMs = 0;
  for (let i = 0; i < runs; i++) {
    // First everything that is kept, as it is.
    const input = i < target.corpus.length ? target.corpus[i]! : mutate(pool, target.dictionary, random);
    const started = performance.now();
    let outcome: string;
    try {
      const returned = target.run(input);
      outcome = (typeof returned === "string" ? returned : await returned).replace(/\d+/g, "N").slice(0, 200);
    } catch (cause) {
      const shown = `${input.length} bytes, base64 ${input.toString("base64")}`;
      throw new Error(`FUZZ_SEED=${seed}, run ${i}: ${(cause as Error).message}\ninput: ${shown}`, { cause });
    }
    const took = performance.now() - started;
    slowestMs = Math.max(slowestMs, took);
    assert.ok(took < HANG_MS, `FUZZ_SEED=${seed}, run ${i} took ${took} ms: base64 ${input.toString("base64")}`);
    if (outcomes.has(outcome) || pool.length >= MAX_POOL) continue;
    outcomes.add(outcome);
    pool.push(input);
  }
  return { runs, outcomes: outcomes.size, slowestMs: Math.round(slowestMs) };
}

export function describeReport({ runs, outcomes, slowestMs }: FuzzReport): string {
  return `${runs} runs, ${outcomes} different outcomes, slowest ${slowestMs} ms`;
}

/** One to eight edits of one input of the pool. */
function mutate(pool: readonly Buffer[], dictionary: readonly string[], random: Random): Buffer {
  let bytes = random.pick(pool);
  for (let edits = 1 + random.below(8); edits > 0; edits--) bytes = edit(bytes, pool, dictionary, random);
  return bytes.length > MAX_INPUT ? bytes.subarray(0, MAX_INPUT) : bytes;
}

function edit(bytes: Buffer, pool: readonly Buffer[], dictionary: readonly string[], random: Random): Buffer {
  const at = random.below(bytes.length + 1);
  const length = Math.min(random.below(2) === 0 ? random.below(4) : random.below(64), bytes.length - at);
  const before = bytes.subarray(0, at);
  switch (random.below(8)) {
    case 0: // one byte
      return splice(before, Buffer.from([random.below(256)]), bytes.subarray(at + 1));
    case 1: {
      const flipped = Buffer.from(bytes);
      if (at < bytes.length) flipped[at]! ^= 1 << random.below(8);
      return flipped;
    }
    case 2: // out
      return splice(before, bytes.subarray(at + length));
    case 3: // twice
      return splice(before, bytes.subarray(at, at + length), bytes.subarray(at));
    case 4: // a word in
      return splice(before, Buffer.from(random.pick(dictionary), "latin1"), bytes.subarray(at));
    case 5: // a word instead
      return splice(before, Buffer.from(random.pick(dictionary), "latin1"), bytes.subarray(at + length));
    case 6: {
      const other = random.pick(pool);
      return splice(before, other.subarray(random.below(other.length + 1)));
    }
    default: // a run of one thing
      return splice(before, Buffer.alloc(random.below(300), random.pick(dictionary) || "a"), bytes.subarray(at));
  }
}

function splice(...parts: Buffer[]): Buffer {
  return Buffer.concat(parts);
}

/** xorshift32: quick, and the same everywhere. */
class Random {
  #state: number;

  constructor(seed: number) {
    this.#state = seed | 0 || 1;
  }

  below(limit: number): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) % limit;
  }

  pick<Item>(items: readonly Item[]): Item {
    return items[this.below(items.length)]!;
  }
}
