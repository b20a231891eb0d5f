/** What a client asked of a gateway, and what it was told. Times are those of one clock, in milliseconds. */
export interface Operation {
  /** Ascending from 1. Also the value of every sample that it pushes, so that whoever reads it knows who wrote it. */
  readonly id: number;
  readonly request: WriteRequest | { readonly kind: "scrape" };
  /** Which replica was asked. */
  readonly replica: number;
  readonly invoked: number;
  readonly returned: number;
  readonly outcome: Outcome;
  /** What a scrape showed: see `canonicalScrape`. */
  readonly observed?: string;
}

/**
 * - `done`: acknowledged, or for a scrape: answered, with everything that was acknowledged before.
 * - `rejected`: the gateway said that it contradicts what is stored.
 * - `refused`: the gateway said that it was certainly not stored.
 * - `unknown`: whatever else; it may have happened, or may still happen.
 * - `stale`: a scrape that the gateway itself said may be old.
 */
export type Outcome = "done" | "rejected" | "refused" | "unknown" | "stale";

export interface WriteRequest {
  readonly kind: "replace" | "merge" | "delete";
  readonly group: GroupLabels;
  /** What is pushed; nothing for a delete. */
  readonly families: readonly PushedFamily[];
}

/** Label names and values, ordered by name. */
export type GroupLabels = readonly (readonly [name: string, value: string])[];

export interface PushedFamily {
  readonly name: string;
  readonly type: "gauge" | "counter";
  /** The labels of each series, besides those of the group. */
  readonly series: readonly GroupLabels[];
}

/** A write as it is found in the journal. */
export interface StoredWrite {
  readonly kind: WriteRequest["kind"];
  /** {@link groupName} */
  readonly group: string;
  /** Of a push: the value of its samples. A delete does not say whose it is. */
  readonly id: number | undefined;
}

export function groupName(labels: GroupLabels): string {
  return labels.map(([name, value]) => `${name}=${value}`).join(",");
}

/** A series of a group as scrapes spell it: `name{instance="",job="a"}`. */
export function seriesName(family: string, group: GroupLabels, own: GroupLabels): string {
  const labels = new Map<string, string>([["instance", ""], ...own, ...group]);
  const spelled = [...labels].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([name, value]) => `${name}="${value}"`);
  return `${family}{${spelled.join(",")}}`;
}

/** The body of a push. */
export function bodyOf({ families }: WriteRequest, id: number): string {
  return families
    .map(({ name, type, series }) => {
      const lines = series.map((labels) => {
        const spelled = labels.map(([label, value]) => `${label}="${value}"`).join(",");
        return `${name}{${spelled}} ${id}\n`;
      });
      return `# TYPE ${name} ${type}\n${lines.join("")}`;
    })
    .join("");
}

/** The path of a group's pushes. */
export function pathOf(group: GroupLabels): string {
  const job = group.find(([name]) => name === "job")![1];
  const others = group.filter(([name]) => name !== "job").map(([name, value]) => `/${name}/${value}`);
  return `/metrics/job/${job}${others.join("")}`;
}

/** What a scrape says of pushed families: the types and samples in a fixed order, without the times of pushes. */
export function canonicalScrape(text: string): string {
  const lines = text.split("\n").flatMap((line) => {
    if (/^(# HELP|push_(failure_)?time_seconds|$)/.test(line) || /^# TYPE push_(failure_)?time_seconds /.test(line))
      return [];
    return [line];
  });
  return lines.toSorted().join("\n");
}
