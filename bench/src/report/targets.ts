import type { Series } from "./measurements.ts";
import { countGroups, formatNumber, formatSummary, ratios, summarize } from "./summary.ts";
import { formatTable } from "./table.ts";

/** What Waystation is meant to reach, in terms of what the scenarios measure. */
interface Target {
  readonly text: string;
  /** A series, or two of them to be divided, round by round. */
  readonly of: string;
  readonly by?: string;
  readonly bound: { readonly atLeast: number } | { readonly atMost: number };
  readonly unit: "×" | "ms";
}

const TARGETS: readonly Target[] = [
  ...[
    [1, 1.8],
    [1_000, 2],
    [10_000, 2],
  ].map(([groups, atLeast]) =>
    ratio(
      `Push, ${countGroups(groups!)}, to Go unchecked`,
      [`push.waystation.${groups}`, `push.go-unchecked.${groups}`],
      { atLeast: atLeast! },
    ),
  ),
  ...[
    [1, 15],
    [1_000, 300],
    [5_000, 2_000],
  ].map(([groups, atLeast]) =>
    ratio(`Push, ${countGroups(groups!)}, to Go checked`, [`push.waystation.${groups}`, `push.go-checked.${groups}`], {
      atLeast: atLeast!,
    }),
  ),
  ratio("Push rate with 100,000 groups, to that with 1", ["push.waystation.100000", "push.waystation.1"], {
    atLeast: 0.85,
  }),
  ratio("Durable push, file, to Go unchecked", ["durable.file", "durable.go-unchecked"], { atLeast: 1.3 }),
  ratio("Durable push, SQLite, to Go unchecked", ["durable.sqlite", "durable.go-unchecked"], { atLeast: 1 }),
  ratio(
    "Scrape of 100,000 series, nothing changed, to Go",
    ["scrape.100000.clean.waystation", "scrape.100000.clean.go"],
    {
      atMost: 1 / 50,
    },
  ),
  ratio("Scrape of 100,000 series, all changed, to Go", ["scrape.100000.all.waystation", "scrape.100000.all.go"], {
    atMost: 1 / 10,
  }),
  value("Push p99 at 1,000/s during scrapes of 1,000,000 series", "busy.1000000.p99.waystation", { atMost: 15 }),
  ratio("Memory, 100,000 series, after load, to Go", ["memory.100000.loaded.waystation", "memory.100000.loaded.go"], {
    atMost: 0.45,
  }),
  ratio(
    "Memory, 1,000,000 series, after load, to Go",
    ["memory.1000000.loaded.waystation", "memory.1000000.loaded.go"],
    {
      atMost: 0.2,
    },
  ),
  ...["file", "sqlite"].flatMap((storage) =>
    ["journal", "snapshot"].flatMap((form) =>
      [
        [100_000, 500],
        [1_000_000, 2_000],
      ].map(([series, atMost]) =>
        value(`Restart, ${storage} ${form}, ${formatNumber(series!)} series`, `restart.${series}.${storage}.${form}`, {
          atMost: atMost!,
        }),
      ),
    ),
  ),
  ratio("Two replicas on Redis, to one with a file", ["replicas.redis.2", "replicas.file.1"], { atLeast: 0.5 }),
  value("What freshness adds to a scrape", "freshness.added", { atMost: 1 }),
];

function ratio(text: string, [of, by]: readonly [string, string], bound: Target["bound"]): Target {
  return { text, of, by, bound, unit: "×" };
}

function value(text: string, of: string, bound: Target["bound"]): Target {
  return { text, of, bound, unit: "ms" };
}

/** Each target beside what was measured; a dash where it was not. Met is what the median meets. */
export function formatTargets(series: readonly Series[]): string {
  const valuesOf = (id: string) => series.find((one) => one.id === id)?.values;
  const rows = TARGETS.map(({ text, of, by, bound, unit }) => {
    const values = valuesOf(of);
    const baseline = by === undefined ? undefined : valuesOf(by);
    const measured = values && (by === undefined ? values : ratios(values, baseline ?? []));
    const summary = measured && summarize(measured);
    const wanted = "atLeast" in bound ? `≥ ${formatNumber(bound.atLeast)}` : `≤ ${formatNumber(bound.atMost)}`;
    if (summary === undefined) return [text, `${wanted} ${unit}`, "–", ""];
    const met = "atLeast" in bound ? summary.median >= bound.atLeast : summary.median <= bound.atMost;
    return [text, `${wanted} ${unit}`, `${formatSummary(summary)} ${unit}`, met ? "yes" : "**no**"];
  });
  return formatTable(["", "target", "measured", "met"], rows, [3]);
}
