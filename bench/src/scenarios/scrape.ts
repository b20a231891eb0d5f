import { type Bench, GO_MISSING, GO_UNCHECKED, MEMORY, rotate, roundsFor, type Scenario } from "../bench.ts";
import { DataSet } from "../data/data-set.ts";
import { integer, seededRandom } from "../data/random.ts";
import { fill } from "../http/fill.ts";
import { expectAll, GZIP, IDENTITY, PROTOBUF, type ScrapeForm, timeScrape } from "../http/scrape.ts";
import { Gateway } from "../programs/gateway.ts";
import type { Recorder } from "../report/measurements.ts";
import { formatNumber, summarize } from "../report/summary.ts";

/** Scrapes with nothing changed are over so soon that one alone says little. */
const REPEATED = 3;

/** How long a scrape takes, depending on what was pushed since the last one and on the form. */
export const scrape: Scenario = {
  name: "scrape",
  title: "Scrape",
  settings: ({ shape }) => `${shape}; until the last byte, with no other load`,
  async measure(bench, recorder) {
    if (bench.go === undefined) recorder.skip(GO_MISSING);
    for (const series of bench.size.series) await measureSize(bench, recorder, series);
  },
};

async function measureSize(bench: Bench, recorder: Recorder, series: number): Promise<void> {
  await using stack = new AsyncDisposableStack();
  const data = DataSet.ofSeries(bench.shape, series);
  const gateways: { id: string; label: string; port: number }[] = [];
  const start = async (id: string, ...[program, flags]: Parameters<typeof Gateway.start>) => {
    const { port } = stack.use(await Gateway.start(program, flags));
    await fill(port, data);
    await expectAll(port, data);
    gateways.push({ id, label: program.name, port });
  };
  await start("waystation", bench.waystation, MEMORY);
  if (bench.go !== undefined) await start("go", bench.go, GO_UNCHECKED);

  for (let round = 0; round < roundsFor(bench.size, series); round++) {
    for (const { id, label, port } of rotate(gateways, round)) {
      const take = async (what: string, text: string, form: ScrapeForm, times = 1) => {
        const timings = [];
        for (let i = 0; i < times; i++) timings.push(await timeScrape(port, form));
        const add = (metric: string, of: string, unit: string, values: number[]) => {
          const name = `scrape.${series}.${what}${metric}`;
          const against = id === "go" || bench.go === undefined ? {} : { against: `${name}.go` };
          const description = {
            id: `${name}.${id}`,
            label: `${formatNumber(series)} series, ${text}${of}, ${label}`,
            unit,
          };
          recorder.add({ ...description, ...against }, summarize(values)!.median);
        };
        add(
          "",
          "",
          "ms",
          timings.map(({ total }) => total),
        );
        if (what === "all" || what === "identity") {
          add(
            ".first",
            ", first byte",
            "ms",
            timings.map(({ firstByte }) => firstByte),
          );
          add(
            ".size",
            ", size",
            "MB",
            timings.map(({ bytes }) => bytes / 1e6),
          );
        }
      };
      await fill(port, data, round + 1);
      await take("all", "all changed", GZIP);
      await take("clean", "nothing changed", GZIP, REPEATED);
      await fill(port, data, round + 2, onePercent(data.groups, round));
      await take("some", "1 % changed", GZIP);
      await take("identity", "not compressed", IDENTITY);
      await take("protobuf", "protobuf", PROTOBUF);
    }
  }
}

/** A hundredth of the groups, at random, each at most once. */
function onePercent(groups: number, round: number): Set<number> {
  const random = seededRandom(round + 1);
  const chosen = new Set<number>();
  while (chosen.size < Math.max(1, groups / 100)) chosen.add(integer(random, groups));
  return chosen;
}
