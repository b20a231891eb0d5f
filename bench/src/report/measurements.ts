import { formatSummary, ratios, summarize } from "./summary.ts";
import { formatTable } from "./table.ts";

/** What was measured of one thing, round by round. */
export interface Series {
  /** Unique among all scenarios; words from the general to the special, as in `push.waystation.1000`. */
  readonly id: string;
  readonly label: string;
  /** As `pushes/s`, `ms`, `MB`. */
  readonly unit: string;
  /** The id of the series, of the same scenario, that this one is to be compared with. */
  readonly against?: string;
  readonly values: number[];
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
  add(description: Omit<Series, "values">, value: number): void {
    let series = this.#byId.get(description.id);
    if (series === undefined) {
      series = { ...description, values: [] };
      this.#byId.set(description.id, series);
      this.measurements.series.push(series);
    }
    series.values.push(value);
  }

  skip(reason: string): void {
    this.measurements.skipped.push(reason);
  }
}

/** The rows in the order in which they were first measured. */
export function formatMeasurements({ series, skipped }: Measurements): string {
  const rows = series.map(({ label, unit, values, against }) => {
    const base = series.find(({ id }) => id === against);
    const ratio = base && summarize(ratios(values, base.values));
    return [label, unit, formatSummary(summarize(values)!), ratio ? formatSummary(ratio) : "", base?.label ?? ""];
  });
  const table = formatTable(["", "unit", "median (min–max)", "ratio", "to"], rows, [1, 4]);
  return [table, ...skipped.map((reason) => `Skipped: ${reason}`)].join("\n\n");
}
