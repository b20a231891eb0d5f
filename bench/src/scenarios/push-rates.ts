import { setTimeout as sleep } from "node:timers/promises";
import type { Bench } from "../bench.ts";
import { rotate } from "../bench.ts";
import type { DataSet } from "../data/data-set.ts";
import { type LoadResult, runLoad } from "../load/load.ts";
import type { Gateway } from "../programs/gateway.ts";
import type { Recorder } from "../report/measurements.ts";

/** One that takes part in a comparison of push rates. */
export interface Contender {
  readonly id: string;
  readonly who: string;
  /** What its measurements are told apart by from others of the same one. */
  readonly condition?: string;
  /** The ids of those to compare with. */
  readonly against?: readonly string[];
  /** Loaded at the same time, with their part of the connections each; their rates are added. */
  readonly gateways: readonly Gateway[];
  readonly data: DataSet;
  readonly connections: number;
}

const METRICS = [
  { key: "rate", suffix: "", what: "rate", unit: "pushes/s" },
  { key: "cpu", suffix: ".cpu", what: "CPU", unit: "µs/push" },
  { key: "p99", suffix: ".p99", what: "p99", unit: "ms" },
] as const;

type Sample = Readonly<Record<(typeof METRICS)[number]["key"], number>>;

/** Lets all push in turn, each in every round: the rate, the CPU time that a push takes of the gateways, and the 99th percentile. */
export async function measurePushRates(
  bench: Bench,
  recorder: Recorder,
  contenders: readonly Contender[],
): Promise<void> {
  const { rounds, seconds, warmUp } = bench.size;
  const loads = new Map(contenders.map((contender) => [contender, new GrowingLoad(bench, contender)]));
  if (warmUp > 0) for (const [contender, load] of loads) await measure(contender, () => load.run(warmUp));

  const samples: { contender: Contender; sample: Sample }[] = [];
  for (let round = 0; round < rounds; round++) {
    for (const [contender, load] of rotate([...loads], round)) {
      samples.push({ contender, sample: await measure(contender, () => load.run(seconds)) });
    }
  }
  for (const { key, suffix, what, unit } of METRICS) {
    for (const { contender, sample } of samples) {
      const { id, who, condition, against = [] } = contender;
      const head = { id: id + suffix, what: condition === undefined ? what : `${condition}, ${what}`, who, unit };
      recorder.add({ ...head, against: against.map((other) => other + suffix) }, sample[key]);
    }
  }
}

async function measure({ gateways }: Contender, load: () => Promise<LoadResult[]>): Promise<Sample> {
  const cpuSeconds = () => sum(gateways.map((gateway) => gateway.cpuSeconds));
  const before = cpuSeconds();
  const results = await load();
  const used = cpuSeconds() - before;
  await untilIdle(cpuSeconds);
  return {
    rate: sum(results.map(({ rate }) => rate)),
    cpu: (used / sum(results.map(({ requests }) => requests))) * 1e6,
    p99: Math.max(...results.map(({ p99 }) => p99)),
  };
}

const IDLE_MS = 100;
const MAX_LOOKS = 100;

/**
 * Whoever comes next is not to share the processor with work that nobody waits for any more: a checked Go Pushgateway with thousands of
 * groups works for a second on the pushes that were under way when the load ended.
 */
async function untilIdle(cpuSeconds: () => number): Promise<void> {
  for (let look = 0; look < MAX_LOOKS; look++) {
    const before = cpuSeconds();
    await sleep(IDLE_MS);
    if (cpuSeconds() - before < IDLE_MS / 1000 / 5) return;
  }
}

/** Goes on where it ended, so that what is pushed is never what is stored already. */
class GrowingLoad {
  readonly #bench: Bench;
  readonly #contender: Contender;
  #pushed: number;

  constructor(bench: Bench, contender: Contender) {
    this.#bench = bench;
    this.#contender = contender;
    this.#pushed = contender.data.groups;
  }

  async run(seconds: number): Promise<LoadResult[]> {
    const { gateways, data, connections: all } = this.#contender;
    const connections = Math.max(1, Math.floor(all / gateways.length));
    const results = await Promise.all(
      gateways.map(({ port }, i) => {
        // Each begins elsewhere, so that they do not push to the same groups at the same time.
        const start = this.#pushed + Math.floor((i * data.groups) / gateways.length);
        return runLoad(this.#bench.load, { port, data, connections, seconds, start });
      }),
    );
    this.#pushed += Math.max(...results.map(({ requests }) => requests));
    return results;
  }
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
