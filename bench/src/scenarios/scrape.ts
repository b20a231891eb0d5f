import { type Bench, GO_MISSING, rotate, roundsFor, type Scenario } from "../bench.ts";
import { DataSet } from "../data/data-set.ts";
import { integer, seededRandom } from "../data/random.ts";
import { fill } from "../http/fill.ts";
import { expectAll, GZIP, IDENTITY, PROTOBUF, type ScrapeForm, timeScrape } from "../http/scrape.ts";
import type { Recorder } from "../report/measurements.ts";
import { formatNumber } from "../report/summary.ts";
import { seriesOf, startRivals } from "./rivals.ts";

interface Step {
  readonly key: string;
  readonly what: string;
  /** What is pushed before. */
  readonly changed: "all groups" | "some groups" | "nothing";
  readonly form: ScrapeForm;
  /** Are the first byte and the size of interest, too? */
  readonly details?: boolean;
}

/** In the order of a round. */
const STEPS: readonly Step[] = [
  { key: "all", what: "all changed", changed: "all groups", form: GZIP, details: true },
  { key: "clean", what: "nothing changed", changed: "nothing", form: GZIP },
  { key: "some", what: "1 % changed", changed: "some groups", form: GZIP },
  { key: "identity", what: "not compressed", changed: "nothing", form: IDENTITY, details: true },
  { key: "protobuf", what: "protobuf", changed: "nothing", form: PROTOBUF },
];

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
  const rivals = await startRivals(bench, stack, data);
  for (const { gateway } of rivals) await expectAll(gateway.port, data);

  for (let round = 0; round < roundsFor(bench.size, series); round++) {
    for (const rival of rotate(rivals, round)) {
      const { port } = rival.gateway;
      for (const { key, what, changed, form, details } of STEPS) {
        if (changed === "all groups") await fill(port, data, 2 * round + 1);
        if (changed === "some groups") await fill(port, data, 2 * round + 2, onePercent(data.groups, round));
        const { total, firstByte, bytes } = await timeScrape(port, form);
        const add = (metric: string, text: string, unit: string, value: number) => {
          const id = `scrape.${series}.${key}${metric}`;
          recorder.add(seriesOf(rival, id, `${formatNumber(series)} series, ${what}${text}`, unit), value);
        };
        add("", "", "ms", total);
        if (details) {
          add(".first", ", first byte", "ms", firstByte);
          add(".size", ", size", "MB", bytes / 1e6);
        }
      }
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
