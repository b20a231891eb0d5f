/** What the list of groups is narrowed down to, as it stands in the address. */
export interface Filters {
  readonly search: string;
  readonly failed: boolean;
  /** `1h`, or empty. */
  readonly olderThan: string;
  readonly sort: string;
  readonly order: "asc" | "desc";
}

export const SORTS = [
  { key: "labels", label: "Labels", order: "asc" },
  { key: "pushTime", label: "Last push", order: "asc" },
  { key: "series", label: "Series", order: "desc" },
  { key: "bytes", label: "Size", order: "desc" },
] as const;

export const AGES = ["", "10m", "1h", "6h", "1d", "7d", "30d"] as const;

export function readFilters(params: URLSearchParams): Filters {
  return {
    search: params.get("search") ?? "",
    failed: params.get("failed") === "true",
    olderThan: params.get("olderThan") ?? "",
    sort: params.get("sort") ?? "labels",
    order: params.get("order") === "desc" ? "desc" : "asc",
  };
}

/** Parameters of the address and of `GET /api/v2/groups` alike; defaults are left out. */
export function writeFilters({ search, failed, olderThan, sort, order }: Filters): string {
  const params = new URLSearchParams();
  if (search.trim() !== "") params.set("search", search);
  if (failed) params.set("failed", "true");
  if (olderThan !== "") params.set("olderThan", olderThan);
  if (sort !== "labels") params.set("sort", sort);
  if (order !== "asc") params.set("order", order);
  return params.toString();
}

export function isNarrowed({ search, failed, olderThan }: Filters): boolean {
  return search.trim() !== "" || failed || olderThan !== "";
}
