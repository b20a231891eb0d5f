import type { Bench } from "../bench.ts";
import { rotate } from "../bench.ts";
import type { DataSet } from "../data/data-set.ts";
import { type LoadResult, runLoad } from "../load/load.ts";
import type { Gateway } from "../programs/gateway.ts";
import type { Recorder } from "../report/measurements.ts";

/** One that takes part in a comparison of push rates. */
export interface Contender {
  readonly id: string;
  readonly label: string;
  /** The id of the one to compare with. */
  readonly against?: string;
  /** Loaded at the same time, with their part of the connections each; their rates are added. */
  readonly gateways: readonly Gateway[];
  readonly data: DataSet;
  readonly connections: number;
}

/** Lets all push in turn, each in every round: the rate, the CPU time that a push takes of the gateways, and the 99th percentile. */
export async function measurePushRates(
  bench: Bench,
  recorder: Recorder,
  contenders: readonly Contender[],
): Promise<void> {
  const { rounds, seconds, warmUp } = bench.size;
  const pushed = new Map<Contender, number>();
  const push = async (contender: Contender, duration: number): Promise<LoadResult[]> => {
    const { gateways, data } = contender;
    // Values go on from where the last load ended: what is pushed is never what is stored already.
    const start = pushed.get(contender) ?? data.groups;
    const connections = Math.max(1, Math.floor(contender.connections / gateways.length));
    const results = await Promise.all(
      gateways.map(({ port }) => runLoad(bench.load, { port, data, connections, seconds: duration, start })),
    );
    pushed.set(contender, start + Math.max(...results.map(({ requests }) => requests)));
    return results;
  };
  if (warmUp > 0) for (const contender of contenders) await push(contender, warmUp);

  const add = (contender: Contender, metric: "" | ".cpu" | ".p99", label: string, unit: string, value: number) => {
    const { id, against } = contender;
    const description = { id: id + metric, label: contender.label + label, unit };
    recorder.add(against === undefined ? description : { ...description, against: against + metric }, value);
  };
  for (let round = 0; round < rounds; round++) {
    for (const contender of rotate(contenders, round)) {
      const before = cpuSeconds(contender);
      const results = await push(contender, seconds);
      const requests = sum(results.map((result) => result.requests));
      add(contender, "", "", "pushes/s", sum(results.map((result) => result.rate)));
      add(contender, ".cpu", ", CPU", "µs/push", ((cpuSeconds(contender) - before) / requests) * 1e6);
      add(contender, ".p99", ", p99", "ms", Math.max(...results.map((result) => result.p99)));
    }
  }
}

function cpuSeconds({ gateways }: Contender): number {
  return sum(gateways.map((gateway) => gateway.cpuSeconds));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
