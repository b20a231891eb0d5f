import { WaystationError } from "../errors.ts";
import type { ByteString } from "../model/byte-string.ts";
import type { GroupingKey } from "../model/grouping-key.ts";
import type { Metric, MetricFamily } from "../model/metric-family.ts";
import { decodeLayout } from "../record/descriptor.ts";
import { countLines, linesStart } from "../record/family-block.ts";
import { decodeRecord } from "../record/record.ts";
import type { State } from "../state/state.ts";

/** What a gateway takes at most. All of them are counts or bytes; `Infinity`, the default of each, is no limit. */
export interface Limits {
  /** Metric families in one push. */
  readonly familiesPerPush: number;
  /** Series in one push, which is to say sample lines; of a native histogram each bucket counts. */
  readonly seriesPerPush: number;
  /** Labels of one series, those of the grouping key among them. */
  readonly labelsPerSeries: number;
  /** Bytes of a label name. */
  readonly labelNameBytes: number;
  /** Bytes of a label value, or of a metric name, which Prometheus takes for one. */
  readonly labelValueBytes: number;
  /** Groups stored. */
  readonly groups: number;
  /** Series stored, without the two time metrics of each group. */
  readonly series: number;
  readonly groupsPerJob: number;
  readonly seriesPerJob: number;
}

export type LimitName = keyof Limits;

export const NO_LIMITS: Limits = Object.freeze({
  familiesPerPush: Infinity,
  seriesPerPush: Infinity,
  labelsPerSeries: Infinity,
  labelNameBytes: Infinity,
  labelValueBytes: Infinity,
  groups: Infinity,
  series: Infinity,
  groupsPerJob: Infinity,
  seriesPerJob: Infinity,
});

/** The shortest sample line is `a 1` and a line feed; a message of protobuf takes two bytes. */
const MIN_SAMPLE_BYTES = 4;
const MIN_MESSAGE_BYTES = 2;
/** A stored sample line has labels job and instance: `a{instance="",job="b"} 0` and a line feed. */
const MIN_STORED_BYTES = 26;
/** Messages in a protobuf body per series allowed: the metric, its value, and labels or buckets. */
const MESSAGES_PER_SERIES = 10;

/** What only depends on the push itself. All functions throw `LIMIT`. */
export class PushLimits {
  readonly #limits: Limits;

  constructor(limits: Limits) {
    this.#limits = limits;
  }

  /** How many messages a protobuf body may hold, so that decoding it takes no more memory than the series allowed. */
  messagesIn(body: Uint8Array): number {
    const { seriesPerPush } = this.#limits;
    return body.length < MIN_MESSAGE_BYTES * seriesPerPush ? Infinity : MESSAGES_PER_SERIES * seriesPerPush;
  }

  /** Before a text is parsed, as the parsed samples are what takes memory. Costs nothing for bodies that are too short to matter. */
  checkText(body: Uint8Array): void {
    const { seriesPerPush } = this.#limits;
    if (body.length < MIN_SAMPLE_BYTES * seriesPerPush) return;
    check("seriesPerPush", countSampleLines(body), seriesPerPush, "the push has", "series");
  }

  /** Of the key, which is part of every series. */
  checkKey({ labels }: GroupingKey): void {
    const { labelsPerSeries } = this.#limits;
    check("labelsPerSeries", labels.length, labelsPerSeries, "the grouping key has", "labels");
    for (const { name, value } of labels) this.#checkLabel(name, value);
  }

  checkFamilies(families: readonly MetricFamily[]): void {
    const { familiesPerPush, seriesPerPush } = this.#limits;
    check("familiesPerPush", families.length, familiesPerPush, "the push has", "metric families");
    let series = 0;
    for (const { name, metrics } of families) {
      this.#checkLabel("", name);
      for (const metric of metrics) series += countSeries(metric);
    }
    check("seriesPerPush", series, seriesPerPush, "the push has", "series");
  }

  /** @param labels complete, with those of the grouping key */
  checkLabels({ labels }: Metric): void {
    const { labelsPerSeries } = this.#limits;
    check("labelsPerSeries", labels.length, labelsPerSeries, "a series has", "labels");
    for (const { name, value } of labels) this.#checkLabel(name, value);
  }

  #checkLabel(name: ByteString, value: ByteString): void {
    const { labelNameBytes, labelValueBytes } = this.#limits;
    check("labelNameBytes", name.length, labelNameBytes, "a label name has", "bytes");
    const what = name === "" ? "a metric name has" : "a label value has";
    check("labelValueBytes", value.length, labelValueBytes, what, "bytes");
  }
}

/**
 * What depends on what is stored. Decided by the gateway that takes a push, by the state that it knows, before anything is appended:
 * a push that is refused leaves no trace, on no replica. Pushes that are under way at the same moment, here or on other replicas, do
 * not see each other, so that the limits may be overshot by those.
 *
 * @param record of a push, failed or not
 * @throws `LIMIT`
 */
export function checkStored(state: State, limits: Limits, key: GroupingKey, record: Uint8Array): void {
  const areGroupsLimited = limits.groups !== Infinity || limits.groupsPerJob !== Infinity;
  if (areGroupsLimited && state.group(key.id) === undefined) {
    check("groups", state.groupCount + 1, limits.groups, "there would be", "groups");
    if (limits.groupsPerJob !== Infinity) {
      const { groups } = state.usage.ofJob(key);
      check("groupsPerJob", groups + 1, limits.groupsPerJob, "the job would have", "groups");
    }
  }
  const mayExceed = (state.bodyBytes + record.length) / MIN_STORED_BYTES > limits.series;
  if (!mayExceed && limits.seriesPerJob === Infinity) return;
  const push = decodeRecord(Buffer.from(record.buffer, record.byteOffset, record.length));
  if (push.kind !== "replace" && push.kind !== "merge") return;
  const { body } = push.block;
  const descriptors = decodeLayout(push.block.layout);
  const pushed = countLines(body, linesStart(descriptors.length));
  const gone = state.usage.replacedBy(key.id, push.kind === "merge" ? descriptors.map(({ name }) => name) : undefined);
  // What does not add anything is always taken: otherwise a full gateway could not even be updated.
  if (pushed <= gone) return;
  const more = pushed - gone;
  check("series", state.usage.series + more, limits.series, "there would be", "series");
  check("seriesPerJob", state.usage.ofJob(key).series + more, limits.seriesPerJob, "the job would have", "series");
}

function check(limit: LimitName, actual: number, most: number, before: string, after: string): void {
  if (actual > most) {
    throw new WaystationError("LIMIT", `${before} ${actual} ${after}, of at most ${most}; nothing was stored`, {
      limit,
    });
  }
}

function countSeries({ histogram, summary }: Metric): number {
  if (summary !== undefined) return summary.quantiles.length + 2;
  if (histogram === undefined) return 1;
  const { native } = histogram;
  return histogram.buckets.length + 2 + (native ? native.positiveBuckets.length + native.negativeBuckets.length : 0);
}

/** Lines that are neither blank nor comments. */
function countSampleLines(body: Uint8Array): number {
  let count = 0;
  for (let at = 0; at < body.length; at = nextLine(body, at)) {
    while (body[at] === SPACE || body[at] === TAB) at++;
    if (at < body.length && body[at] !== LF && body[at] !== HASH) count++;
  }
  return count;
}

function nextLine(body: Uint8Array, at: number): number {
  const end = body.indexOf(LF, at);
  return end < 0 ? body.length : end + 1;
}

const LF = 0x0a;
const HASH = 0x23;
const SPACE = 0x20;
const TAB = 0x09;
