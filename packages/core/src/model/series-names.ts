import type { MetricType } from "./metric-family.ts";

/** What the names of series end with that a histogram or summary is exposed as, besides its own name. */
export const PARTS = ["_sum", "_count", "_bucket"] as const;

export type Part = (typeof PARTS)[number];

/** Does a family of this type expose series with this suffix? Gauge histograms are let through, as the Go implementation does. */
export function exposes(type: MetricType, part: Part): boolean {
  return type === "histogram" || (type === "summary" && part !== "_bucket");
}
