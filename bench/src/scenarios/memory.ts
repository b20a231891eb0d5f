import { type Bench, GO_MISSING, rotate, roundsFor, type Scenario } from "../bench.ts";
import { DataSet } from "../data/data-set.ts";
import { expectAll, GZIP, IDENTITY } from "../http/scrape.ts";
import { runLoad } from "../load/load.ts";
import type { Recorder } from "../report/measurements.ts";
import { formatNumber } from "../report/summary.ts";
import { type Rival, seriesOf, startRivals } from "./rivals.ts";
import { scrapeUntil } from "./scrape-until.ts";

const CONNECTIONS = 8;
/** Of ten scrapes under load, one is not compressed. */
const FORMS = [...Array(9).fill(GZIP), IDENTITY];

/** How much memory is resident when all groups are there, and after pushes and scrapes at full speed. */
export const memory: Scenario = {
  name: "memory",
  title: "Resident memory",
  settings: ({ shape }) =>
    `${shape}; load is PUT over ${CONNECTIONS} connections and scrapes back to back, one in ten not compressed; ` +
    "rounds follow each other in the same processes",
  async measure(bench, recorder) {
    if (bench.go === undefined) recorder.skip(GO_MISSING);
    for (const series of bench.size.series) await measureSize(bench, recorder, series);
  },
};

async function measureSize(bench: Bench, recorder: Recorder, series: number): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const data = DataSet.ofSeries(bench.shape, series);
  const rivals = await startRivals(bench, stack, data);
  const add = (rival: Rival, metric: string, text: string) => {
    const label = `${formatNumber(series)} series, ${text}`;
    recorder.add(seriesOf(rival, `memory.${series}.${metric}`, label, "MB"), rival.gateway.residentBytes / 1e6);
  };
  for (const rival of rivals) add(rival, "filled", "filled");

  const rounds = roundsFor(bench.size, series);
  for (let round = 0; round < rounds; round++) {
    for (const rival of rotate(rivals, round)) {
      const { port } = rival.gateway;
      const { seconds } = bench.size;
      const start = (round + 1) * data.groups;
      const load = runLoad(bench.load, { port, data, connections: CONNECTIONS, seconds, start });
      await Promise.all([load, scrapeUntil(load, port, FORMS)]);
      add(rival, "loaded", "after load");
    }
  }
  for (const { gateway } of rivals) await expectAll(gateway.port, data);
}
