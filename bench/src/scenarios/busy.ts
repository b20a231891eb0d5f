import { GO_MISSING, GO_UNCHECKED, MEMORY, rotate, type Scenario } from "../bench.ts";
import { DataSet } from "../data/data-set.ts";
import { fill } from "../http/fill.ts";
import { expectAll, GZIP } from "../http/scrape.ts";
import { runOpenLoop } from "../load/open-loop.ts";
import { Gateway } from "../programs/gateway.ts";
import { formatNumber, summarize } from "../report/summary.ts";
import { scrapeUntil } from "./scrape-until.ts";

const RATE = 1_000;

/** How long pushes take while scrapes run back to back. */
export const busy: Scenario = {
  name: "busy",
  title: "Pushes during scrapes",
  settings: ({ shape, size }) =>
    `${formatNumber(size.busySeries)} series of ${shape}, gzip scrapes back to back; ${formatNumber(RATE)} pushes/s from when each was due`,
  async measure(bench, recorder) {
    const { rounds, busySeconds, busySeries } = bench.size;
    await using stack = new AsyncDisposableStack();
    const data = DataSet.ofSeries(bench.shape, busySeries);
    const gateways: { id: string; label: string; port: number }[] = [];
    const start = async (id: string, ...[program, flags]: Parameters<typeof Gateway.start>) => {
      const { port } = stack.use(await Gateway.start(program, flags));
      await fill(port, data);
      await expectAll(port, data);
      gateways.push({ id, label: program.name, port });
    };
    await start("waystation", bench.waystation, MEMORY);
    if (bench.go === undefined) recorder.skip(GO_MISSING);
    else await start("go", bench.go, GO_UNCHECKED);

    for (let round = 0; round < rounds; round++) {
      for (const { id, label, port } of rotate(gateways, round)) {
        const load = runOpenLoop({ port, data, rate: RATE, seconds: busySeconds });
        const [pushes, scrapes] = await Promise.all([load, scrapeUntil(load, port, [GZIP])]);
        const add = (metric: string, text: string, value: number) => {
          const against = id === "go" || bench.go === undefined ? {} : { against: `busy.${busySeries}.${metric}.go` };
          recorder.add(
            { id: `busy.${busySeries}.${metric}.${id}`, label: `${text}, ${label}`, unit: "ms", ...against },
            value,
          );
        };
        add("p50", "Push p50", pushes.p50);
        add("p99", "Push p99", pushes.p99);
        add("max", "Push, slowest", pushes.max);
        add("scrape", "Scrape", summarize(scrapes)!.median);
        add("own", "Load generator, own delay p99", pushes.ownDelay);
      }
    }
  },
};
