import { type Bench, GO_MISSING, GO_UNCHECKED, MEMORY, rotate, roundsFor, type Scenario } from "../bench.ts";
import { DataSet } from "../data/data-set.ts";
import { fill } from "../http/fill.ts";
import { expectAll, GZIP, IDENTITY } from "../http/scrape.ts";
import { runLoad } from "../load/load.ts";
import { Gateway } from "../programs/gateway.ts";
import type { Recorder } from "../report/measurements.ts";
import { formatNumber } from "../report/summary.ts";
import { scrapeUntil } from "./scrape-until.ts";

const CONNECTIONS = 8;
/** Of ten scrapes under load, so many are not compressed. */
const FORMS = [...Array(9).fill(GZIP), IDENTITY];

/** How much memory is resident when all groups are there, and after pushes and scrapes at full speed. */
export const memory: Scenario = {
  name: "memory",
  title: "Resident memory",
  settings: ({ shape }) =>
    `${shape}; load is PUT over ${CONNECTIONS} connections and scrapes back to back, one in ten not compressed; rounds follow each other in the same processes`,
  async measure(bench, recorder) {
    if (bench.go === undefined) recorder.skip(GO_MISSING);
    for (const series of bench.size.series) await measureSize(bench, recorder, series);
  },
};

async function measureSize(bench: Bench, recorder: Recorder, series: number): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const data = DataSet.ofSeries(bench.shape, series);
  const gateways: { id: string; gateway: Gateway; name: string }[] = [];
  const add = (metric: string, text: string, { id, gateway, name }: (typeof gateways)[number]) => {
    const key = `memory.${series}.${metric}`;
    const against = id === "go" || bench.go === undefined ? {} : { against: `${key}.go` };
    const label = `${formatNumber(series)} series, ${text}, ${name}`;
    recorder.add({ id: `${key}.${id}`, label, unit: "MB", ...against }, gateway.residentBytes / 1e6);
  };
  const start = async (id: string, ...[program, flags]: Parameters<typeof Gateway.start>) => {
    const gateway = stack.use(await Gateway.start(program, flags));
    await fill(gateway.port, data);
    gateways.push({ id, gateway, name: program.name });
    add("filled", "filled", gateways.at(-1)!);
  };
  await start("waystation", bench.waystation, MEMORY);
  if (bench.go !== undefined) await start("go", bench.go, GO_UNCHECKED);

  for (let round = 0; round < roundsFor(bench.size, series); round++) {
    for (const one of rotate(gateways, round)) {
      const { port } = one.gateway;
      const { seconds } = bench.size;
      const load = runLoad(bench.load, {
        port,
        data,
        connections: CONNECTIONS,
        seconds,
        start: (round + 1) * data.groups,
      });
      await Promise.all([load, scrapeUntil(load, port, FORMS)]);
      add("loaded", "after load", one);
    }
  }
  for (const { gateway } of gateways) await expectAll(gateway.port, data);
}
