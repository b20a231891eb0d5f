import { formatSummary, ratios, summarize } from "./summary.ts";
import { formatTable } from "./table.ts";

/** What was measured of one thing, round by round. */
export interface Series extends SeriesHead {
  readonly values: number[];
}

export interface SeriesHead {
  /** Unique among all scenarios; words from the general to the special, as in `push.waystation.1000`. */
  readonly id: string;
  /** As `1,000 groups, CPU`. */
  readonly what: string;
  /** As `Waystation`, or `Go unchecked`. */
  readonly who: string;
  /** As `pushes/s`, `ms`, `MB`. */
  readonly unit: string;
  /** Ids of series of the same scenario that this one is to be compared with. Those that were not measured do not matter. */
  readonly against?: readonly string[];
}

/** What one run of a scenario has measured. */
export interface Measurements {
  readonly scenario: string;
  readonly title: string;
  /** When it began, ISO 8601. */
  readonly started: string;
  readonly settings: string;
  readonly series: Series[];
  /** What could not be measured on this machine, and why. */
  readonly skipped: string[];
}

/** Collects a scenario's measurements. */
export class Recorder {
  readonly measurements: Measurements;
  readonly #byId = new Map<string, Series>();

  constructor(head: Pick<Measurements, "scenario" | "title" | "settings">) {
    this.measurements = { ...head, started: new Date().toISOString(), series: [], skipped: [] };
  }

  /** The value of one more round. The first one of an id says what it is. */
  add(head: SeriesHead, value: number): void {
    let series = this.#byId.get(head.id);
    if (series === undefined) {
      series = { ...head, values: [] };
      this.#byId.set(head.id, series);
      this.measurements.series.push(series);
    }
    series.values.push(value);
  }

  skip(reason: string): void {
    this.measurements.skipped.push(reason);
  }
}

/** A row for each comparison, and for what is part of none. */
export function formatMeasurements({ series, skipped }: Measurements): string {
  const baselinesOf = ({ against = [] }: Series) => series.filter(({ id }) => against.includes(id));
  const shownBeside = new Set(series.flatMap(baselinesOf));
  const rows = series.flatMap((one) => {
    const { what, unit, who, values } = one;
    const measured = [what, unit, who, formatSummary(summarize(values)!)];
    const compared = baselinesOf(one).map((base) => {
      const ratio = summarize(ratios(values, base.values))!;
      return [...measured, base.who, formatSummary(summarize(base.values)!), formatSummary(ratio)];
    });
    return compared.length > 0 || shownBeside.has(one) ? compared : [measured];
  });
  const table = formatTable(
    ["", "unit", "", "median (min–max)", "beside", "median (min–max)", "ratio"],
    rows,
    [1, 2, 4],
  );
  return [table, ...skipped.map((reason) => `Skipped: ${reason}`)].join("\n\n");
}
