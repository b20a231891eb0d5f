import { type ByteString, compareBytes } from "../model/byte-string.ts";
import type { Histogram, Label, Metric, MetricFamily, MetricType, Summary } from "../model/metric-family.ts";

/** What the name of a sample says about its place in a summary or histogram. */
export type Role = "plain" | "sum" | "count";

/** The family that a name refers to, in HELP and TYPE lines too. */
export interface NameOwner {
  readonly draft: FamilyDraft;
  readonly role: Role;
}

/** A family while its lines are read. */
export interface FamilyDraft {
  readonly family: MetricFamily;
  /** Has its type been settled, by a TYPE line or by its first sample? */
  typed: boolean;
  /** Of a summary or histogram: its metrics by their labels. */
  readonly series: Map<string, Metric>;
  /** The labels with which a metric of `series` was last found, and that metric. */
  lastLabels: readonly Label[] | undefined;
  lastMetric: Metric | undefined;
}

/**
 * Puts the samples of the text format together to families: which family a name belongs to, and which lines make up one summary
 * or histogram. Follows the Go parser, in that the lines read so far decide: a part that comes before its TYPE line is a family of
 * its own.
 */
export class TextAssembly {
  readonly #drafts = new Map<ByteString, FamilyDraft>();
  /** Every name met. What a name refers to never changes, since types do not. */
  readonly #owners = new Map<ByteString, NameOwner>();

  /** All families with samples, in the order in which they were first named. */
  families(): MetricFamily[] {
    const families: MetricFamily[] = [];
    for (const { family } of this.#drafts.values()) {
      if (family.metrics.length > 0) {
        families.push(family);
      }
    }
    return families;
  }

  /** The owner of a name; a name met for the first time and not part of a summary or histogram begins a family. */
  owner(name: ByteString): NameOwner {
    let owner = this.#owners.get(name);
    if (owner === undefined) {
      owner = this.#partOwner(name) ?? { draft: this.#draft(name), role: "plain" };
      this.#owners.set(name, owner);
    }
    return owner;
  }

  #partOwner(name: ByteString): NameOwner | undefined {
    if (this.#drafts.has(name)) {
      return undefined;
    }
    for (const [suffix, role] of PART_SUFFIXES) {
      const draft =
        name.length > suffix.length && name.endsWith(suffix) && this.#drafts.get(name.slice(0, -suffix.length));
      if (draft && (isHistogram(draft.family.type) || (draft.family.type === "summary" && suffix !== "_bucket"))) {
        return { draft, role };
      }
    }
    return undefined;
  }

  #draft(name: ByteString): FamilyDraft {
    const family: MetricFamily = { name, type: "untyped", metrics: [] };
    const draft = { family, typed: false, series: new Map(), lastLabels: undefined, lastMetric: undefined };
    this.#drafts.set(name, draft);
    return draft;
  }
}

const PART_SUFFIXES: readonly (readonly [string, Role])[] = [
  ["_sum", "sum"],
  ["_count", "count"],
  ["_bucket", "plain"],
];

export function isHistogram(type: MetricType): boolean {
  return type === "histogram" || type === "gauge_histogram";
}

/** The label that is not one of the metric but tells the lines of a summary or histogram apart. */
export function boundLabel(type: MetricType): "le" | "quantile" | undefined {
  return isHistogram(type) ? "le" : type === "summary" ? "quantile" : undefined;
}

/**
 * Adds a sample to a family. Parts of a summary or histogram go to the metric with the same labels, if there is one.
 *
 * @param metric to be added with the labels that were read, or the one that a line without a name continues
 * @param labels of this line, without the bound label
 * @param bound value of the bound label, NaN if there is none: the line then says nothing unless it is a sum or count
 * @returns the metric that took the value
 */
export function addSample(
  { draft, role }: NameOwner,
  metric: Metric,
  labels: readonly Label[],
  bound: number,
  value: number,
): Metric {
  const { family } = draft;
  if (family.type === "summary") {
    const found = findSeries(draft, metric, labels);
    found.summary ??= { quantiles: [] };
    addToSummary(found.summary, role, bound, value);
    return found;
  }
  if (isHistogram(family.type)) {
    const found = findSeries(draft, metric, labels);
    found.histogram ??= { float: false, buckets: [] };
    addToHistogram(found.histogram, role, bound, value);
    return found;
  }
  metric.value = value;
  family.metrics.push(metric);
  return metric;
}

function findSeries(draft: FamilyDraft, metric: Metric, labels: readonly Label[]): Metric {
  // The lines of one summary or histogram follow one another, as a rule.
  if (draft.lastMetric !== undefined && haveEqualLabels(draft.lastLabels!, labels)) {
    return draft.lastMetric;
  }
  const key = seriesKey(labels);
  let found = draft.series.get(key);
  if (found === undefined) {
    found = metric;
    draft.series.set(key, found);
    draft.family.metrics.push(found);
  }
  draft.lastLabels = labels;
  draft.lastMetric = found;
  return found;
}

function haveEqualLabels(a: readonly Label[], b: readonly Label[]): boolean {
  if (a.length !== b.length) {
    return false;
  }
  for (let i = 0; i < a.length; i++) {
    if (a[i]!.value !== b[i]!.value || a[i]!.name !== b[i]!.name) {
      return false;
    }
  }
  return true;
}

/** Equal for equal sets of labels. The separator is a byte that no UTF-8 text has. */
export function seriesKey(labels: readonly Label[]): string {
  const sorted = labels.length > 1 ? labels.toSorted((a, b) => compareBytes(a.name, b.name)) : labels;
  let key = "";
  for (const { name, value } of sorted) {
    key += `${name}\xff${value}\xff`;
  }
  return key;
}

function addToSummary(summary: Summary, role: Role, quantile: number, value: number): void {
  if (role === "count") {
    summary.count = truncateToUint64(value);
  } else if (role === "sum") {
    summary.sum = value;
  } else if (!Number.isNaN(quantile)) {
    summary.quantiles.push({ quantile, value });
  }
}

function addToHistogram(histogram: Histogram, role: Role, upperBound: number, value: number): void {
  if (role === "count") {
    // A count that is not an integer is not replaced by one that is.
    if (!isUint64(value) || isUint64(Number(histogram.count ?? 0))) {
      histogram.count = withoutSign(value);
    }
    noteCount(histogram, value);
  } else if (role === "sum") {
    histogram.sum = value;
  } else if (!Number.isNaN(upperBound)) {
    histogram.buckets.push({ upperBound, cumulativeCount: withoutSign(value) });
    noteCount(histogram, value);
  }
}

/** The first count that is not an integer makes the histogram one of floats, which then has a count in any case. */
function noteCount(histogram: Histogram, value: number): void {
  if (!isUint64(value)) {
    histogram.float = true;
    histogram.count ??= 0;
  }
}

const TWO_TO_63 = 2 ** 63;
const TWO_TO_64 = 2 ** 64;

/** Can the number be the count of an integer histogram? */
export function isUint64(value: number): boolean {
  return value >= 0 && value < TWO_TO_64 && Number.isInteger(value);
}

/** Counts are not negative, but may be spelled -0. */
function withoutSign(count: number): number {
  return Math.abs(count);
}

/** Go's conversion of a float to a 64 bit count, with what amd64 makes of values that have no count. */
function truncateToUint64(value: number): number | bigint {
  if (value > -1 && value < TWO_TO_64) {
    return Math.abs(Math.trunc(value));
  }
  return BigInt.asUintN(64, value > -TWO_TO_63 && value < 0 ? BigInt(Math.trunc(value)) : BigInt(TWO_TO_63));
}

/** From this many labels on, looking for a repeated name by comparing all pairs would take too long. */
const MANY_LABELS = 16;

/** The index of the first label whose name an earlier one has, or -1. */
export function repeatedName(labels: readonly Label[]): number {
  if (labels.length < MANY_LABELS) {
    for (let i = 1; i < labels.length; i++) {
      const { name } = labels[i]!;
      for (let j = 0; j < i; j++) {
        if (labels[j]!.name === name) {
          return i;
        }
      }
    }
    return -1;
  }
  const names = new Set<ByteString>();
  return labels.findIndex(({ name }) => names.size === names.add(name).size);
}
