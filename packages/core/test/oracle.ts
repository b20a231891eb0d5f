import { compareBytes, toByteString } from "../src/model/byte-string.ts";
import type { Label, Metric, MetricFamily, MetricType } from "../src/model/metric-family.ts";

/** What was pushed, before anything is made of it. */
export interface OraclePush {
  readonly labels: Readonly<Record<string, string>>;
  readonly families: readonly MetricFamily[];
  readonly mode: "replace" | "merge";
  readonly unchecked: boolean;
  readonly time: bigint;
}

interface OracleFamily {
  readonly family: MetricFamily;
  readonly stamp: bigint;
}

interface OracleGroup {
  readonly labels: readonly Label[];
  readonly families: ReadonlyMap<string, OracleFamily>;
  /** 0n for never. */
  readonly pushed: bigint;
  readonly failed: bigint;
  /** The later one of the times at which one of these two was last written. */
  readonly touched: bigint;
}

/** One family of one group that takes part in a contradiction. */
interface Party {
  readonly group: string;
  readonly name: string;
}

const HELP = {
  push_time_seconds: "Last Unix time when changing this group in the Pushgateway succeeded.",
  push_failure_time_seconds: "Last Unix time when changing this group in the Pushgateway failed.",
};

/**
 * The gateway's state, slow and obvious: a map of groups, each a map of trees. What contradicts what is found by looking at all pairs
 * of everything on every push, and an exposition is everything, gathered and sorted anew.
 */
export class Oracle {
  readonly groups = new Map<string, OracleGroup>();

  /** Returns whether the push is stored. */
  push(push: OraclePush): boolean {
    const labels = sortedLabels(push.labels);
    const id = idOf(labels);
    const own = this.groups.get(id);
    const families = push.families
      .filter(({ name, metrics }) => metrics.length > 0 && !(name in HELP))
      .map((family) => ({ ...family, metrics: family.metrics.map((metric) => withLabels(metric, labels)) }));
    const unique = families.map((family) => ({ ...family, metrics: uniqueBy(family.metrics, seriesOf) }));
    const repeated = unique.some(({ metrics }, i) => metrics.length < families[i]!.metrics.length);
    if (this.#twinOf(id, labels) !== undefined || (repeated && !push.unchecked)) {
      this.fail(push.labels, push.time);
      return false;
    }
    const stamp = later(push.time, own?.touched);
    const kept = push.mode === "merge" ? [...(own?.families ?? [])] : [];
    const group: OracleGroup = {
      labels,
      families: new Map([...kept, ...unique.map((family) => [family.name, { family, stamp }] as const)]),
      pushed: stamp,
      failed: own?.failed ?? 0n,
      touched: stamp,
    };
    const after = new Map(this.groups).set(id, group);
    const mine = (party: Party) => party.group === id && unique.some(({ name }) => name === party.name);
    if (!push.unchecked && contradictions(after).some((parties) => parties.some(mine))) {
      this.fail(push.labels, push.time);
      return false;
    }
    this.groups.set(id, group);
    return true;
  }

  /** Notes that a push has failed. */
  fail(given: Readonly<Record<string, string>>, time: bigint): void {
    const labels = sortedLabels(given);
    const id = this.#twinOf(idOf(labels), labels) ?? idOf(labels);
    const known = this.groups.get(id);
    const failed = later(time, known?.touched);
    this.groups.set(id, { ...(known ?? { labels, families: new Map(), pushed: 0n }), failed, touched: failed });
  }

  /** @param unlessLater only if nothing was pushed later than this; returns whether the group is gone */
  delete(labels: Readonly<Record<string, string>>, unlessLater?: bigint): boolean {
    const id = idOf(sortedLabels(labels));
    const { touched } = this.groups.get(id) ?? {};
    if (unlessLater !== undefined && touched !== undefined && touched > unlessLater) return false;
    this.groups.delete(id);
    return true;
  }

  deleteFamily(labels: Readonly<Record<string, string>>, name: string): void {
    const id = idOf(sortedLabels(labels));
    const group = this.groups.get(id);
    if (group === undefined) return;
    const families = new Map([...group.families].filter(([held]) => held !== name));
    this.groups.set(id, { ...group, families });
  }

  wipe(): void {
    this.groups.clear();
  }

  get contradictions(): Party[][] {
    return contradictions(this.groups);
  }

  /** All families of a complete exposition, in its order. Only for a state without contradictions. */
  exposition(): MetricFamily[] {
    const families = new Map<string, MetricFamily[]>();
    for (const group of [...this.groups.values()].sort((a, b) => compareKeys(a.labels, b.labels))) {
      for (const family of allFamilies(group)) {
        const metrics = sortedMetrics(family.metrics);
        families.set(family.name, [...(families.get(family.name) ?? []), { ...family, metrics }]);
      }
    }
    return [...families.values()].map(gather).sort((a, b) => compareBytes(a.name, b.name));
  }

  /** A group that would expose the same time metrics as a new one with these labels. */
  #twinOf(id: string, labels: readonly Label[]): string | undefined {
    if (this.groups.has(id)) return undefined;
    const series = seriesOf(timeMetric(labels, 0));
    return [...this.groups].find(([, group]) => seriesOf(timeMetric(group.labels, 0)) === series)?.[0];
  }
}

/** The families of a group as they are exposed, the time metrics among them. */
export function allFamilies(group: OracleGroup): MetricFamily[] {
  const times = { push_time_seconds: group.pushed, push_failure_time_seconds: group.failed };
  return [
    ...[...group.families.values()].map(({ family }) => family),
    ...Object.entries(times).map(
      ([name, time]): MetricFamily => ({
        name,
        type: "gauge",
        help: HELP[name as keyof typeof HELP],
        metrics: [timeMetric(group.labels, Number(time) / 1e9)],
      }),
    ),
  ];
}

/** Every two families, of the same group or of two, that must not be stored together. */
function contradictions(groups: ReadonlyMap<string, OracleGroup>): Party[][] {
  const all = [...groups].flatMap(([group, { families }]) =>
    [...families.values()].map(({ family }) => ({ party: { group, name: family.name }, family })),
  );
  const found: Party[][] = [];
  for (const a of all) {
    for (const b of all) {
      if (a !== b && contradict(a.family, b.family)) found.push([a.party, b.party]);
    }
  }
  return found;
}

function contradict(a: MetricFamily, b: MetricFamily): boolean {
  if (a.name !== b.name) return partNames(a).includes(b.name);
  const series = new Set(a.metrics.map(seriesOf));
  return a.type !== b.type || b.metrics.some((metric) => series.has(seriesOf(metric)));
}

/** Names of the series that a family is exposed as, apart from its own. */
function partNames({ name, type }: MetricFamily): string[] {
  const parts: Partial<Record<MetricType, string[]>> = {
    summary: ["_sum", "_count"],
    histogram: ["_sum", "_count", "_bucket"],
  };
  return (parts[type] ?? []).map((part) => name + part);
}

/** One family out of those of the same name in all groups. */
function gather(families: readonly MetricFamily[]): MetricFamily {
  const smallest = (texts: (string | undefined)[]) => texts.filter((text) => text !== undefined).sort(compareBytes)[0];
  const helps = families.map(({ help }) => help);
  const { name, type } = families[0]!;
  return {
    name,
    type,
    help: smallest(helps.map((help) => help || undefined)) ?? smallest(helps),
    unit: smallest(families.map(({ unit }) => unit)),
    metrics: families.flatMap(({ metrics }) => metrics),
  };
}

function withLabels(metric: Metric, grouping: readonly Label[]): Metric {
  const labels = new Map([
    ["instance", ""],
    ...[...metric.labels, ...grouping].map(({ name, value }) => [name, value] as const),
  ]);
  return { ...metric, labels: toLabels(labels) };
}

function timeMetric(grouping: readonly Label[], value: number): Metric {
  return withLabels({ labels: [], value }, grouping);
}

function sortedLabels(labels: Readonly<Record<string, string>>): Label[] {
  return toLabels(Object.entries(labels).map(([name, value]) => [toByteString(name), toByteString(value)]));
}

function toLabels(pairs: Iterable<readonly [string, string]>): Label[] {
  return [...pairs].map(([name, value]) => ({ name, value })).sort((a, b) => compareBytes(a.name, b.name));
}

function idOf(labels: readonly Label[]): string {
  return JSON.stringify(labels);
}

function seriesOf({ labels }: Metric): string {
  return JSON.stringify(labels.map(({ name, value }) => [name, value]));
}

function uniqueBy<Value>(values: readonly Value[], identify: (value: Value) => string): Value[] {
  const seen = new Set<string>();
  return values.filter((value) => seen.size < seen.add(identify(value)).size);
}

function sortedMetrics(metrics: readonly Metric[]): Metric[] {
  return metrics.toSorted((a, b) => compareValues(a.labels, b.labels));
}

function compareValues(a: readonly Label[], b: readonly Label[]): number {
  return compareLists([String(a.length).padStart(9), ...values(a)], [String(b.length).padStart(9), ...values(b)]);
}

function compareKeys(a: readonly Label[], b: readonly Label[]): number {
  return compareValues(a, b) || compareLists(names(a), names(b));
}

const names = (labels: readonly Label[]) => labels.map(({ name }) => name);
const values = (labels: readonly Label[]) => labels.map(({ value }) => value);

function compareLists(a: readonly string[], b: readonly string[]): number {
  return a.map((text, i) => compareBytes(text, b[i] ?? "")).find((order) => order !== 0) ?? 0;
}

function later(time: bigint, last: bigint | undefined): bigint {
  return last !== undefined && last > time ? last : time;
}
