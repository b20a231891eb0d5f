import { type ByteString, compareBytes, fromByteString, type MetricFamily } from "@waystation/core";

/** A metric group of a Go Pushgateway, with nothing changed. */
export interface GoGroup {
  /** The grouping labels, `job` among them, ordered by name. */
  readonly labels: ReadonlyMap<ByteString, ByteString>;
  /** Ordered by name. The two time metrics are among them, as they were stored. */
  readonly families: readonly GoFamily[];
}

export interface GoFamily {
  /** Its metrics have their final labels, grouping labels included. */
  readonly family: MetricFamily;
  /** When it was pushed: nanoseconds since 1970. */
  readonly time: bigint;
}

/** By labels. Go's maps have no order: two readings of the same gateway are made to agree. */
export function sortedGroups(groups: readonly GoGroup[]): GoGroup[] {
  const keyed = groups.map((group) => ({ key: [...group.labels].flat().join("\xff"), group }));
  return keyed.sort((a, b) => compareBytes(a.key, b.key)).map(({ group }) => group);
}

export function byFamilyName(a: GoFamily, b: GoFamily): number {
  return compareBytes(a.family.name, b.family.name);
}

export function sortedLabels(labels: Iterable<[ByteString, ByteString]>): Map<ByteString, ByteString> {
  return new Map([...labels].sort(([a], [b]) => compareBytes(a, b)));
}

/** `{job="a",zone="b"}` for messages. */
export function describeLabels(labels: ReadonlyMap<ByteString, ByteString>): string {
  const pairs = [...labels].map(([name, value]) => `${fromByteString(name)}=${JSON.stringify(fromByteString(value))}`);
  return `{${pairs.join(",")}}`;
}
