import type { ByteString } from "../model/byte-string.ts";
import type {
  Count,
  Exemplar,
  Histogram,
  Label,
  Metric,
  MetricFamily,
  MetricType,
  Timestamp,
} from "../model/metric-family.ts";
import { parseFloatText } from "./float.ts";
import { isUint64, seriesKey } from "./text-assembly.ts";
import { quoteForMessage, type TextScanner } from "./text-scanner.ts";

/** What a sample of a family says about its metric. */
type Part = "value" | "created" | "quantile" | "bucket" | "sum" | "count";

interface Shape {
  /** The type in the model. */
  readonly type: MetricType;
  /** What the family's name in the model has in addition to the one in the descriptors. */
  readonly suffix: string;
  /** The samples that a family of this type has, by the suffix of their names. */
  readonly parts: ReadonlyMap<string, Part>;
}

function shape(type: MetricType, suffix: string, parts: Record<string, Part>): Shape {
  return { type, suffix, parts: new Map(Object.entries(parts)) };
}

/** The types of OpenMetrics. The model has no info and no stateset: they become gauges, which is how Prometheus knows them. */
export const OPENMETRICS_TYPES: ReadonlyMap<string, Shape> = new Map([
  ["counter", shape("counter", "_total", { _total: "value", _created: "created" })],
  ["gauge", shape("gauge", "", { "": "value" })],
  ["unknown", shape("untyped", "", { "": "value" })],
  ["info", shape("gauge", "_info", { _info: "value" })],
  ["stateset", shape("gauge", "", { "": "value" })],
  ["summary", shape("summary", "", { "": "quantile", _sum: "sum", _count: "count", _created: "created" })],
  ["histogram", shape("histogram", "", { _bucket: "bucket", _sum: "sum", _count: "count", _created: "created" })],
  ["gaugehistogram", shape("gauge_histogram", "", { _bucket: "bucket", _gsum: "sum", _gcount: "count" })],
]);

const UNKNOWN = OPENMETRICS_TYPES.get("unknown")!;

/** A sample line. Positions are those of {@link TextScanner.at}, for errors. */
export interface OpenMetricsSample {
  readonly name: ByteString;
  readonly start: number;
  /** All labels, with `le` or `quantile`. */
  readonly labels: Label[];
  readonly value: number;
  readonly valueStart: number;
  /** The value as a point in time, as which `_created` samples are meant; undefined if it is none. */
  readonly valueTimestamp: () => Timestamp | undefined;
  readonly timestamp: Timestamp | undefined;
  readonly exemplar: Exemplar | undefined;
}

interface Family {
  readonly name: ByteString;
  readonly start: number;
  /** The word of its TYPE line, undefined before that. */
  type: string | undefined;
  shape: Shape;
  help: ByteString | undefined;
  unit: ByteString | undefined;
  readonly metrics: Metric[];
  /** Labels of all metrics. */
  readonly keys: Set<string>;
}

interface CurrentMetric {
  readonly metric: Metric;
  readonly key: string;
  readonly start: number;
  /** Parts that may occur once, and did. */
  readonly parts: Set<Part>;
}

/** Puts descriptors and samples together to families, and checks what OpenMetrics demands beyond the syntax of lines. */
export class OpenMetricsAssembly {
  readonly #in: TextScanner;
  readonly #families: MetricFamily[] = [];
  /** Names of families and samples that later families must not have. */
  readonly #taken = new Set<ByteString>();
  #family: Family | undefined;
  #current: CurrentMetric | undefined;

  constructor(input: TextScanner) {
    this.#in = input;
  }

  /** All families with samples. To be called once, at the end. */
  finish(): MetricFamily[] {
    this.#endFamily();
    return this.#families;
  }

  /** Sets what a descriptor line says, `start` being where the name is. */
  describe(keyword: "help" | "unit" | "type", name: ByteString, text: ByteString, start: number): void {
    if (this.#family?.name !== name) {
      this.#beginFamily(name, start);
    }
    const family = this.#family!;
    if (family.metrics.length > 0) {
      throw this.#in.error(`descriptor of ${quoteForMessage(name)} after its samples, expected it before them`, start);
    }
    if (family[keyword] !== undefined) {
      throw this.#in.error(`second line of this kind for ${quoteForMessage(name)}, expected one`, start);
    }
    family[keyword] = text;
    family.shape = OPENMETRICS_TYPES.get(family.type ?? "unknown")!;
  }

  add(sample: OpenMetricsSample): void {
    const { name, start, labels } = sample;
    let part = this.#part(name);
    if (part === undefined) {
      if (name === this.#family?.name) {
        const names = [...this.#family.shape.parts.keys()].map((suffix) => name + suffix);
        throw this.#in.error(
          `a ${this.#family.type} has no sample of this name, expected one of ${names.join(", ")}`,
          start,
        );
      }
      this.#beginFamily(name, start);
      part = "value";
    }
    const family = this.#family!;
    const bound = part === "bucket" ? this.#takeBound(sample, "le") : this.#takeQuantile(sample, part);
    const key = seriesKey(labels);
    if (this.#current?.key !== key) {
      this.#endMetric();
      if (family.keys.has(key)) {
        throw this.#in.error(
          "metric with the same labels as an earlier one, expected all of its samples together",
          start,
        );
      }
      family.keys.add(key);
      this.#current = { metric: this.#newMetric(family, labels), key, start, parts: new Set() };
    }
    this.#addPart(this.#current, part, sample, bound);
  }

  #part(name: ByteString): Part | undefined {
    const family = this.#family;
    return family !== undefined && name.startsWith(family.name)
      ? family.shape.parts.get(name.slice(family.name.length))
      : undefined;
  }

  #newMetric({ shape, metrics }: Family, labels: Label[]): Metric {
    const metric: Metric = { labels };
    if (shape.type === "summary") {
      metric.summary = { quantiles: [] };
    } else if (shape.parts.has("_bucket")) {
      metric.histogram = { float: false, buckets: [] };
    }
    metrics.push(metric);
    return metric;
  }

  #addPart({ metric, parts }: CurrentMetric, part: Part, sample: OpenMetricsSample, bound: number): void {
    const { value, start } = sample;
    if (part !== "bucket" && part !== "quantile" && parts.has(part)) {
      throw this.#in.error("sample with the same name and labels as an earlier one, expected one", start);
    }
    parts.add(part);
    if (sample.timestamp !== undefined) {
      metric.timestamp = sample.timestamp.seconds * 1000n + BigInt(Math.floor(sample.timestamp.nanos / 1e6));
    }
    switch (part) {
      case "value":
        this.#requireValue(sample);
        metric.value = value;
        break;
      case "created":
        this.#setCreated(metric, sample);
        break;
      case "quantile":
        metric.summary!.quantiles.push({ quantile: bound, value });
        break;
      case "sum":
        (metric.summary ?? metric.histogram)!.sum = value;
        break;
      case "count":
        this.#setCount(metric, sample);
        break;
      case "bucket":
        this.#addBucket(metric, sample, bound);
    }
    this.#setExemplar(metric, part, sample);
  }

  #requireValue({ labels, value, valueStart, start }: OpenMetricsSample): void {
    const { type, name } = this.#family!;
    if (type === "counter") {
      this.#requireCount(value, valueStart);
    } else if (type === "info" && value !== 1) {
      throw this.#in.error(`value of an info, expected 1, got ${value}`, valueStart);
    } else if (type === "stateset") {
      if (value !== 0 && value !== 1) {
        throw this.#in.error(`value of a state, expected 0 or 1, got ${value}`, valueStart);
      }
      if (labels.every((label) => label.name !== name)) {
        throw this.#in.error(`state without a name, expected a label ${quoteForMessage(name)}`, start);
      }
    }
  }

  #requireCount(value: number, valueStart: number): void {
    if (!(value >= 0)) {
      throw this.#in.error(
        `value of a counter or count, expected a number that is not negative, got ${value}`,
        valueStart,
      );
    }
  }

  #setCount({ summary, histogram }: Metric, { value, valueStart }: OpenMetricsSample): void {
    this.#requireCount(value, valueStart);
    if (summary !== undefined && !isUint64(value)) {
      throw this.#in.error(`count of a summary, expected an integer below 2^64, got ${value}`, valueStart);
    }
    (summary ?? histogram)!.count = Math.abs(value);
  }

  #setCreated(metric: Metric, { valueTimestamp, valueStart }: OpenMetricsSample): void {
    const created = valueTimestamp();
    if (created === undefined) {
      throw this.#in.error("value of a _created sample, expected a time in seconds", valueStart);
    }
    (metric.summary ?? metric.histogram ?? metric).created = created;
  }

  #addBucket({ histogram }: Metric, { value, valueStart, start }: OpenMetricsSample, upperBound: number): void {
    this.#requireCount(value, valueStart);
    const { upperBound: lastBound = -Infinity, cumulativeCount: lastCount = 0 } = histogram!.buckets.at(-1) ?? {};
    if (histogram!.buckets.length > 0 && !(upperBound > lastBound)) {
      throw this.#in.error(
        `bucket up to ${upperBound} behind the one up to ${lastBound}, expected them in order`,
        start,
      );
    }
    if (value < Number(lastCount)) {
      throw this.#in.error(`bucket with less than the one before, expected at least ${lastCount}`, valueStart);
    }
    histogram!.buckets.push({ upperBound, cumulativeCount: Math.abs(value) });
  }

  #setExemplar(metric: Metric, part: Part, { exemplar, start }: OpenMetricsSample): void {
    if (exemplar === undefined) {
      return;
    }
    if (part === "bucket") {
      metric.histogram!.buckets.at(-1)!.exemplar = exemplar;
    } else if (this.#family!.type === "counter" && part === "value") {
      metric.exemplar = exemplar;
    } else {
      throw this.#in.error("sample with an exemplar, expected one only at counters and buckets", start);
    }
  }

  #takeQuantile(sample: OpenMetricsSample, part: Part): number {
    if (part !== "quantile") {
      return NaN;
    }
    const quantile = this.#takeBound(sample, "quantile");
    if (!(quantile >= 0 && quantile <= 1)) {
      throw this.#in.error(`quantile, expected a number from 0 to 1, got ${quantile}`, sample.start);
    }
    return quantile;
  }

  #takeBound({ labels, start }: OpenMetricsSample, boundName: "le" | "quantile"): number {
    const index = labels.findIndex(({ name }) => name === boundName);
    const text = labels[index]?.value ?? "";
    const bound = parseFloatText(text);
    if (bound === undefined || Number.isNaN(bound)) {
      throw this.#in.error(`expected a number as label '${boundName}', got ${quoteForMessage(text)}`, start);
    }
    labels.splice(index, 1);
    return bound;
  }

  #endMetric(): void {
    if (this.#current === undefined) {
      return;
    }
    const { metric, parts, start } = this.#current;
    this.#current = undefined;
    if (metric.histogram !== undefined) {
      this.#completeHistogram(metric.histogram, start);
    } else if (metric.summary === undefined && !parts.has("value")) {
      throw this.#in.error("counter without a _total sample, expected one", start);
    }
  }

  #completeHistogram(histogram: Histogram, start: number): void {
    const { buckets, count } = histogram;
    const last = buckets.at(-1);
    if (last?.upperBound !== Infinity) {
      throw this.#in.error("histogram without a bucket for +Inf, expected one", start);
    }
    if (count !== undefined && count !== last.cumulativeCount) {
      throw this.#in.error(`count other than that of the bucket for +Inf, expected ${last.cumulativeCount}`, start);
    }
    histogram.float = buckets.some(({ cumulativeCount }) => !isUint64(Number(cumulativeCount)));
    if (histogram.float) {
      for (const bucket of buckets) {
        bucket.cumulativeCount = countOfFloats(Number(bucket.cumulativeCount));
      }
    }
    histogram.count = last.cumulativeCount;
  }

  #beginFamily(name: ByteString, start: number): void {
    this.#endFamily();
    this.#family = {
      name,
      start,
      type: undefined,
      shape: UNKNOWN,
      help: undefined,
      unit: undefined,
      metrics: [],
      keys: new Set(),
    };
  }

  #endFamily(): void {
    this.#endMetric();
    if (this.#family === undefined) {
      return;
    }
    const { name, start, type, shape, help, unit, metrics } = this.#family;
    for (const claimed of new Set([name, ...[...shape.parts.keys()].map((suffix) => name + suffix)])) {
      if (this.#taken.has(claimed)) {
        throw this.#in.error(
          `name ${quoteForMessage(claimed)} was used before, expected all of its samples together`,
          start,
        );
      }
      this.#taken.add(claimed);
    }
    if (unit && (type === "info" || type === "stateset" || !name.endsWith(`_${unit}`))) {
      const problem = `unit ${quoteForMessage(unit)} of ${quoteForMessage(name)}`;
      throw this.#in.error(`${problem}, expected the end of the name, and none for an info or stateset`, start);
    }
    if (metrics.length > 0) {
      const family: MetricFamily = { name: name + shape.suffix, type: shape.type, metrics };
      if (help !== undefined) {
        family.help = help;
      }
      if (unit) {
        family.unit = unit;
      }
      this.#families.push(family);
    }
  }
}

/** In a histogram of floats, integers are kept apart from what is not one. */
function countOfFloats(value: number): Count {
  return isUint64(value) ? BigInt(value) : value;
}
