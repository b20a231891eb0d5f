import { GO_MISSING, rotate, type Scenario } from "../bench.ts";
import { DataSet } from "../data/data-set.ts";
import { expectAll, GZIP } from "../http/scrape.ts";
import { runOpenLoop } from "../load/open-loop.ts";
import { formatNumber, summarize } from "../report/summary.ts";
import { seriesOf, startRivals } from "./rivals.ts";
import { scrapeUntil } from "./scrape-until.ts";

const RATE = 1_000;
/** Bytes per second that pushes of large groups are slowed down to. */
const MAX_THROUGHPUT = 20e6;

/** How long pushes take while scrapes run back to back. */
export const busy: Scenario = {
  name: "busy",
  title: "Pushes during scrapes",
  settings: ({ shape, size: { busySeries } }) =>
    `${formatNumber(busySeries)} series of ${shape}, gzip scrapes back to back; ` +
    `${formatNumber(rateFor(DataSet.ofSeries(shape, busySeries)))} pushes/s, from when each was due`,
  async measure(bench, recorder) {
    const { rounds, busySeconds, busySeries } = bench.size;
    if (bench.go === undefined) recorder.skip(GO_MISSING);
    await using stack = new AsyncDisposableStack();
    const data = DataSet.ofSeries(bench.shape, busySeries);
    const rivals = await startRivals(bench, stack, data);
    for (const { gateway } of rivals) await expectAll(gateway.port, data);

    for (let round = 0; round < rounds; round++) {
      for (const rival of rotate(rivals, round)) {
        const { port } = rival.gateway;
        const load = runOpenLoop({ port, data, rate: rateFor(data), seconds: busySeconds });
        const [pushes, scrapes] = await Promise.all([load, scrapeUntil(load, port, [GZIP])]);
        const add = (metric: string, label: string, milliseconds: number) =>
          recorder.add(seriesOf(rival, `busy.${busySeries}.${metric}`, label, "ms"), milliseconds);
        add("p50", "Push p50", pushes.p50);
        add("p99", "Push p99", pushes.p99);
        add("max", "Push, slowest", pushes.max);
        add("scrape", "Scrape", summarize(scrapes)!.median);
        add("own", "Load generator, own delay p99", pushes.ownDelay);
      }
    }
  },
};

function rateFor({ bodies }: DataSet): number {
  const bytes = bodies.reduce((sum, { length }) => sum + length, 0) / bodies.length;
  return Math.min(RATE, Math.ceil(MAX_THROUGHPUT / bytes));
}
