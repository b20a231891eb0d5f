import { WaystationError } from "../errors.ts";
import { type ByteString, fromByteString } from "../model/byte-string.ts";
import {
  type Exemplar,
  type Label,
  METRIC_TYPES,
  type Metric,
  type MetricFamily,
  type MetricType,
  type Quantile,
  type Summary,
  type Timestamp,
} from "../model/metric-family.ts";
import { readExemplar, readLabel, readTimestamp } from "./protobuf-exemplar-decoder.ts";
import { type HistogramMessage, readHistogram, toHistogram } from "./protobuf-histogram-decoder.ts";
import { WireReader } from "./protobuf-reader.ts";
import { COUNTER, FAMILY, METRIC, QUANTILE, SUMMARY, VALUE } from "./protobuf-schema.ts";

/**
 * From `io.prometheus.client.MetricFamily` messages to metric families.
 *
 * As protobuf asks, unknown fields are dropped, a repeated singular field counts as set by its last occurrence, and repeated
 * singular messages are merged. An absent number stays absent; an absent name or label value is empty, an absent type COUNTER. Names
 * and label values are carried as they come: whether they are valid is for the gateway to say.
 */

/**
 * Reads a body of length-delimited messages. Of several families of one name the last one counts, and takes that place.
 *
 * Throws `PARSE` if the bytes are no such messages, or for a metric type that is not one of the six; `LIMIT` if there are more than
 * `maxMessages` of messages and native buckets.
 */
export function decodeDelimited(body: Uint8Array, maxMessages = Number.POSITIVE_INFINITY): MetricFamily[] {
  const reader = new WireReader(body, maxMessages);
  const families = new Map<ByteString, MetricFamily>();
  while (!reader.atEnd) {
    const outer = reader.enter();
    const family = readFamily(reader);
    reader.leave(outer);
    families.delete(family.name);
    families.set(family.name, family);
  }
  return [...families.values()];
}

/** Reads one message that fills `bytes`. Throws as `decodeDelimited` does. */
export function decodeFamily(bytes: Uint8Array): MetricFamily {
  return readFamily(new WireReader(bytes));
}

/**
 * What is wrong with the first metric that lacks the value its family's type asks for (a counter with only a `gauge` message, say),
 * in words; undefined if none does. Such a family is well-formed, but no gateway stores it.
 */
export function valueMismatch(family: MetricFamily): string | undefined {
  const metric = family.metrics.find(({ mistyped }) => mistyped);
  if (metric === undefined) return undefined;
  const labels = metric.labels.map(
    ({ name, value }) => `${fromByteString(name)}=${JSON.stringify(fromByteString(value))}`,
  );
  const series = `${fromByteString(family.name)}{${labels.join(",")}}`;
  return `metric ${series} has no ${family.type} value, although its family is declared as ${family.type}`;
}

/** A `Metric` message. Which of its value messages counts is known only once the family has been read to its end. */
interface MetricMessage {
  labels: Label[];
  gauge?: ValueMessage;
  counter?: ValueMessage;
  summary?: Summary;
  untyped?: ValueMessage;
  histogram?: HistogramMessage;
  timestamp?: bigint;
}

/** `Gauge`, `Untyped` and `Counter`. */
interface ValueMessage {
  value?: number;
  exemplar?: Exemplar;
  created?: Timestamp;
}

function readFamily(reader: WireReader): MetricFamily {
  const family: MetricFamily = { name: "", type: "counter", metrics: [] };
  const messages: MetricMessage[] = [];
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    switch (tag) {
      case FAMILY.name:
        family.name = reader.string();
        break;
      case FAMILY.help:
        family.help = reader.string();
        break;
      case FAMILY.type:
        family.type = readType(reader);
        break;
      case FAMILY.metric:
        messages.push(readMetric(reader));
        break;
      case FAMILY.unit:
        family.unit = reader.string();
        break;
      default:
        reader.skip(tag);
    }
  }
  family.metrics = messages.map((message) => toMetric(message, family.type));
  return family;
}

function readType(reader: WireReader): MetricType {
  const at = reader.position;
  const number = reader.int32();
  const type = METRIC_TYPES[number];
  if (type === undefined) {
    throw new WaystationError(
      "PARSE",
      `invalid protobuf at byte ${at}: ${number} is not a metric type; known are 0 to 5`,
    );
  }
  return type;
}

function toMetric(message: MetricMessage, type: MetricType): Metric {
  const metric: Metric = { labels: message.labels, ...(toValue(message, type) ?? { mistyped: true }) };
  if (message.timestamp !== undefined) metric.timestamp = message.timestamp;
  return metric;
}

/** What the message holds of a metric of this type; undefined if that is nothing at all. */
function toValue(message: MetricMessage, type: MetricType): Omit<Metric, "labels"> | undefined {
  switch (type) {
    case "counter":
    case "gauge":
    case "untyped":
      return message[type];
    case "summary":
      return message.summary && { summary: message.summary };
    case "histogram":
    case "gauge_histogram":
      return message.histogram && { histogram: toHistogram(message.histogram) };
  }
}

function readMetric(reader: WireReader): MetricMessage {
  const outer = reader.enter();
  const metric: MetricMessage = { labels: [] };
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    switch (tag) {
      case METRIC.label:
        metric.labels.push(readLabel(reader));
        break;
      case METRIC.gauge:
        metric.gauge = readValue(reader, metric.gauge);
        break;
      case METRIC.counter:
        metric.counter = readCounter(reader, metric.counter);
        break;
      case METRIC.summary:
        metric.summary = readSummary(reader, metric.summary);
        break;
      case METRIC.untyped:
        metric.untyped = readValue(reader, metric.untyped);
        break;
      case METRIC.timestampMs:
        metric.timestamp = reader.int64();
        break;
      case METRIC.histogram:
        metric.histogram = readHistogram(reader, metric.histogram);
        break;
      default:
        reader.skip(tag);
    }
  }
  reader.leave(outer);
  return metric;
}

function readValue(reader: WireReader, earlier: ValueMessage | undefined): ValueMessage {
  const outer = reader.enter();
  const message = earlier ?? {};
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === VALUE.value) message.value = reader.double();
    else reader.skip(tag);
  }
  reader.leave(outer);
  return message;
}

function readCounter(reader: WireReader, earlier: ValueMessage | undefined): ValueMessage {
  const outer = reader.enter();
  const counter = earlier ?? {};
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === COUNTER.value) counter.value = reader.double();
    else if (tag === COUNTER.exemplar) counter.exemplar = readExemplar(reader, counter.exemplar);
    else if (tag === COUNTER.created) counter.created = readTimestamp(reader, counter.created);
    else reader.skip(tag);
  }
  reader.leave(outer);
  return counter;
}

function readSummary(reader: WireReader, earlier: Summary | undefined): Summary {
  const outer = reader.enter();
  const summary = earlier ?? { quantiles: [] };
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === SUMMARY.count) summary.count = reader.uint64();
    else if (tag === SUMMARY.sum) summary.sum = reader.double();
    else if (tag === SUMMARY.quantile) summary.quantiles.push(readQuantile(reader));
    else if (tag === SUMMARY.created) summary.created = readTimestamp(reader, summary.created);
    else reader.skip(tag);
  }
  reader.leave(outer);
  return summary;
}

function readQuantile(reader: WireReader): Quantile {
  const outer = reader.enter();
  const quantile: Quantile = {};
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === QUANTILE.quantile) quantile.quantile = reader.double();
    else if (tag === QUANTILE.value) quantile.value = reader.double();
    else reader.skip(tag);
  }
  reader.leave(outer);
  return quantile;
}
