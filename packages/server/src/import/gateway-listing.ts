import {
  type ByteString,
  compareBytes,
  type Label,
  METRIC_TYPES,
  type MetricType,
  toByteString,
  WaystationError,
} from "@waystation/core";
import { sortedLabels } from "./go-group.ts";
import { parseGoTimestamp } from "./go-time.ts";

/** What a Pushgateway's query API says of a group: which families and series it has, though not their exact values. */
export interface ListedGroup {
  /** Ordered by name. */
  readonly labels: ReadonlyMap<ByteString, ByteString>;
  readonly families: readonly ListedFamily[];
  /** Equal for two listings of a group if nothing was pushed to it in between. */
  readonly revision: string;
}

export interface ListedFamily {
  readonly name: ByteString;
  readonly help: ByteString | undefined;
  readonly type: MetricType;
  /** Nanoseconds since 1970. */
  readonly time: bigint;
  /** The labels of its series, each ordered by name, in the order in which they were pushed. */
  readonly series: readonly (readonly Label[])[];
}

/**
 * Reads the answer to `GET /api/v1/metrics`, parsed as JSON.
 *
 * @throws `PARSE` if it is none; `UNSUPPORTED` if a metric is called `labels`, which hides the labels of its group
 */
export function readListing(answer: unknown): ListedGroup[] {
  const { data } = requireObject(answer, "the answer");
  if (!Array.isArray(data)) throw invalid("the answer has no list of groups in `data`");
  return data.map((group: unknown) => readGroup(requireObject(group, "a group")));
}

function readGroup(group: JsonObject): ListedGroup {
  const families: ListedFamily[] = [];
  const revision: string[] = [];
  for (const [name, value] of Object.entries(group)) {
    if (isFamily(value)) {
      families.push(readFamily(toByteString(name), value));
      revision.push(`${name} ${value["time_stamp"]}`);
    }
  }
  if (isFamily(group["labels"])) {
    throw new WaystationError(
      "UNSUPPORTED",
      "a group has a metric called `labels`, and the query API then hides which group it is: " +
        "import the persistence file instead, or delete that metric",
    );
  }
  const labels = readLabels(group["labels"]).map(({ name, value }): [ByteString, ByteString] => [name, value]);
  return { labels: sortedLabels(labels), families, revision: revision.sort(compareBytes).join("\n") };
}

/** The other members of a group are the object of its labels, and a boolean. */
function isFamily(value: unknown): value is JsonObject {
  return isObject(value) && Array.isArray(value["metrics"]);
}

function readFamily(name: ByteString, family: JsonObject): ListedFamily {
  const { time_stamp: timestamp, type, help, metrics } = family;
  const time = typeof timestamp === "string" ? parseGoTimestamp(timestamp) : undefined;
  if (time === undefined) throw invalid(`${name} has the time stamp ${JSON.stringify(timestamp)}`);
  const known = METRIC_TYPES.find((candidate) => candidate.toUpperCase() === type);
  if (known === undefined) throw invalid(`${name} has the type ${JSON.stringify(type)}`);
  const series = (metrics as unknown[]).map((metric) => readLabels(requireObject(metric, "a metric")["labels"]));
  return { name, help: typeof help === "string" ? toByteString(help) : undefined, type: known, time, series };
}

function readLabels(labels: unknown): Label[] {
  return Object.entries(requireObject(labels, "`labels`"))
    .map(([name, value]) => {
      if (typeof value !== "string") throw invalid(`the label ${name} is no string`);
      return { name: toByteString(name), value: toByteString(value) };
    })
    .sort((a, b) => compareBytes(a.name, b.name));
}

type JsonObject = Record<string, unknown>;

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function requireObject(value: unknown, what: string): JsonObject {
  if (!isObject(value)) throw invalid(`${what} is no object`);
  return value;
}

function invalid(reason: string): WaystationError {
  return new WaystationError("PARSE", `not the query API of a Pushgateway: ${reason}`);
}
