import { groupName, type PushedFamily, seriesName, type WriteRequest } from "./operation.ts";

interface HeldFamily {
  readonly type: PushedFamily["type"];
  /** Each series with its value. */
  readonly series: ReadonlyMap<string, number>;
}

/** What a gateway has to do, in the plainest way: no indexes, nothing remembered but the groups. */
export class Model {
  readonly #groups = new Map<string, ReadonlyMap<string, HeldFamily>>();

  /** Applies a write. Returns whether it is accepted; if not, nothing changes. */
  apply(request: WriteRequest, id: number): boolean {
    const group = groupName(request.group);
    if (request.kind === "delete") {
      this.#groups.delete(group);
      return true;
    }
    const pushed = new Map<string, HeldFamily>();
    for (const { name, type, series } of request.families) {
      const values = series.map((labels): [string, number] => [seriesName(name, request.group, labels), id]);
      pushed.set(name, { type, series: new Map(values) });
    }
    if (!this.#agreesWithOthers(group, pushed)) return false;
    const before = request.kind === "merge" ? (this.#groups.get(group) ?? []) : [];
    this.#groups.set(group, new Map([...before, ...pushed]));
    return true;
  }

  /** A name has one type, and no series is in two groups. */
  #agreesWithOthers(group: string, pushed: ReadonlyMap<string, HeldFamily>): boolean {
    for (const [other, families] of this.#groups) {
      if (other === group) continue;
      for (const [name, { type, series }] of pushed) {
        const held = families.get(name);
        if (held === undefined) continue;
        if (held.type !== type || [...series.keys()].some((key) => held.series.has(key))) return false;
      }
    }
    return true;
  }

  /** As `canonicalScrape` gives it. */
  scrape(): string {
    const lines = new Set<string>();
    for (const families of this.#groups.values()) {
      for (const [name, { type, series }] of families) {
        lines.add(`# TYPE ${name} ${type}`);
        for (const [key, value] of series) lines.add(`${key} ${value}`);
      }
    }
    return [...lines].toSorted().join("\n");
  }
}
