import {
  type ByteString,
  decodeFamily,
  fromByteString,
  isWaystationError,
  type MetricFamily,
  WaystationError,
} from "@waystation/core";
import { byFamilyName, describeLabels, type GoFamily, type GoGroup, sortedGroups, sortedLabels } from "./go-group.ts";
import { GO_ZERO_TIME, readGoTime } from "./go-time.ts";
import { type GobBytes, type GobMap, type GobStruct, type GobValue, readGob } from "./gob.ts";

/**
 * Files that the Go Pushgateway (0.10 and later) writes with `--persistence.file`: one gob value, a map of grouping keys to
 * `{ Labels, Metrics }`, where `Metrics` maps names to `{ Timestamp, GobbableMetricFamily }` and the family is a protobuf message.
 *
 * Source: github.com/prometheus/pushgateway, `storage/interface.go`.
 */

/** The stream begins with the definition of the outermost type, whose name is in these first bytes. */
const TYPE_NAME = "GroupingKeyToMetricGroup";
const HEAD_LENGTH = 48;

/** Does the file claim to be one of the Go Pushgateway? Reading it may still find it damaged. `head`: its first 48 bytes, or more. */
export function isGoPersistenceFile(head: Uint8Array): boolean {
  return Buffer.from(head.subarray(0, HEAD_LENGTH)).includes(TYPE_NAME);
}

/**
 * All groups of a file, ordered by their labels.
 *
 * @throws `CORRUPT`, saying what and where, if the file is damaged, cut off or not one of the Go Pushgateway
 */
export function readGoPersistenceFile(bytes: Uint8Array): GoGroup[] {
  if (!isGoPersistenceFile(bytes)) {
    const reason = bytes.length === 0 ? "the file is empty" : `its first bytes do not name the type ${TYPE_NAME}`;
    throw new WaystationError("CORRUPT", `not a persistence file of the Go Pushgateway: ${reason}`);
  }
  const [groups, ...others] = readGob(bytes);
  if (!(groups instanceof Map) || others.length > 0) {
    throw unexpected(
      "the file",
      `${groups === undefined ? "no value" : "other values"} instead of one map of metric groups`,
    );
  }
  return sortedGroups([...groups].map(([key, group]) => toGroup(key, group)));
}

type Labels = GoGroup["labels"];

function toGroup(key: GobValue, value: GobValue): GoGroup {
  if (typeof key !== "string") {
    throw new WaystationError(
      "CORRUPT",
      "the file was written by a Pushgateway before 0.10: start version 0.10 with it once, which converts it",
    );
  }
  const group = requireStruct(value, "a group");
  const labels = toLabels(requireMap(group, "Labels"));
  const families: GoFamily[] = [];
  for (const [name, family] of requireMap(group, "Metrics")) {
    if (typeof name !== "string") throw unexpected("a group", "a metric name that is no string");
    families.push(toFamily(name, family, labels));
  }
  return { labels, families: families.sort(byFamilyName) };
}

function toLabels(map: GobMap): Map<ByteString, ByteString> {
  const labels: [ByteString, ByteString][] = [];
  for (const [name, value] of map) {
    if (typeof name !== "string" || typeof value !== "string")
      throw unexpected("a group", "labels that are no strings");
    labels.push([name, value]);
  }
  return sortedLabels(labels);
}

function toFamily(name: ByteString, value: GobValue, labels: Labels): GoFamily {
  const { fields } = requireStruct(value, "a family");
  const time = fields.get("Timestamp");
  const message = fields.get("GobbableMetricFamily");
  if (!isBytes(message) || !(time === undefined || isBytes(time))) {
    throw unexpected(describeFamily(name, labels), "no message of a metric family");
  }
  const family = decodeMessage(message, name, labels);
  if (family.name !== name)
    throw unexpected(describeFamily(name, labels), `the name ${fromByteString(family.name)} inside`);
  return { family, time: time === undefined ? GO_ZERO_TIME : readGoTime(time) };
}

function decodeMessage(message: GobBytes, name: ByteString, labels: Labels): MetricFamily {
  try {
    return decodeFamily(message.bytes);
  } catch (error) {
    if (!isWaystationError(error, "PARSE")) throw error;
    const where = `${describeFamily(name, labels)}, in the message that begins at byte ${message.offset}`;
    throw new WaystationError("CORRUPT", `cannot read ${where}: ${error.message}`, { cause: error });
  }
}

function describeFamily(name: ByteString, labels: Labels): string {
  return `family ${fromByteString(name)} of group ${describeLabels(labels)}`;
}

function requireStruct(value: GobValue, where: string): GobStruct {
  if (typeof value !== "object" || !("fields" in value)) throw unexpected(where, "no struct");
  return value;
}

/** A map that is empty is left out, as all zero fields are. */
function requireMap(group: GobStruct, name: string): GobMap {
  const map = group.fields.get(name) ?? new Map();
  if (!(map instanceof Map)) throw unexpected("a group", `${name} that are no map`);
  return map;
}

function isBytes(value: GobValue | undefined): value is GobBytes {
  return typeof value === "object" && "bytes" in value;
}

function unexpected(where: string, found: string): WaystationError {
  return new WaystationError("CORRUPT", `not a persistence file of the Go Pushgateway: ${where} has ${found}`);
}
