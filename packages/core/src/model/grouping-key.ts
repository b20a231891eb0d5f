import { WaystationError } from "../errors.ts";
import { type ByteString, compareBytes, fromByteString, isValidUtf8, toByteString } from "./byte-string.ts";
import { compareLabelNames, compareLabelValues, formatLabels } from "./labels.ts";
import type { Label } from "./metric-family.ts";
import { isLegacyLabelName, isUtf8Name, unescapeName } from "./names.ts";

/**
 * What names a metric group: the set of its grouping labels, of which `job` is always one. However it was spelled, the same set is
 * the same key.
 */
export interface GroupingKey {
  /** Sorted by name, `job` among them. */
  readonly labels: readonly Label[];
  /** Names and values in turn, joined by the byte 0xFF, which UTF-8 never contains: equal for equal keys. */
  readonly id: ByteString;
}

export interface GroupingKeyOptions {
  /** Accept any UTF-8 as label names, and the `U__` form for them in paths. Default: false. */
  readonly utf8Names?: boolean;
}

/** Order of groups in an exposition: fewer labels first, then by values, then by names. Zero only for equal keys. */
export function compareGroupingKeys(a: GroupingKey, b: GroupingKey): number {
  const order = compareLabelValues(a.labels, b.labels);
  if (order !== 0) return order;
  for (const [i, { name }] of a.labels.entries()) {
    const nameOrder = compareBytes(name, b.labels[i]!.name);
    if (nameOrder !== 0) return nameOrder;
  }
  return 0;
}

/** The same for the ids of keys that have the same label names. Takes nothing apart. */
export function compareSiblingIds(a: ByteString, b: ByteString): number {
  let at = 0;
  while (at < a.length && a.charCodeAt(at) === b.charCodeAt(at)) at++;
  return rankAt(a, at) - rankAt(b, at);
}

/** The end of a value comes before whatever else it might go on with. */
function rankAt(id: ByteString, at: number): number {
  const code = at < id.length ? id.charCodeAt(at) : SEPARATOR_CODE;
  return code === SEPARATOR_CODE ? -1 : code;
}

/** Grouping labels, with the empty instance label that every series without one gets: the labels of the time metrics. */
export function timeLabels(key: GroupingKey): readonly Label[] {
  if (key.labels.some(({ name }) => name === "instance")) return key.labels;
  return [...key.labels, { name: "instance", value: "" }].sort(compareLabelNames);
}

/** `{job="backup",instance="db1"}`, decoded, for messages. */
export function describeGroupingKey(key: GroupingKey): string {
  return `{${fromByteString(formatLabels(key.labels))}}`;
}

/**
 * A grouping key from ordinary strings, for programs that embed the gateway.
 *
 * @param labels must have a non-empty `job`
 * @throws `GROUPING_KEY`
 */
export function groupingKey(labels: Readonly<Record<string, string>>, options: GroupingKeyOptions = {}): GroupingKey {
  const pairs = new Map<ByteString, ByteString>();
  for (const [name, value] of Object.entries(labels)) {
    const bytes = toByteString(name);
    requireLabelName(bytes, bytes, options);
    pairs.set(bytes, toByteString(value));
  }
  return fromPairs(pairs);
}

/**
 * The grouping key that a push or delete addresses.
 *
 * @param tail the request target after `/metrics/`, without query and still percent-encoded: `job/a/instance/b`,
 *   `job@base64/YQ/path@base64/L3Zhcg`. One character per byte.
 * @throws `GROUPING_KEY`
 */
export function parseGroupingKey(tail: ByteString, options: GroupingKeyOptions = {}): GroupingKey {
  return (PLAIN_TAIL.test(tail) ? parsePlainTail(tail) : undefined) ?? parseAnyTail(tail, options);
}

/** Without escapes or base64, in ASCII, of names that mean the same to all gateways: what nearly all clients send. */
const PLAIN_TAIL = /^job\/[ -$&-.0-~]+(?:\/(?!U__|__)[A-Za-z_][A-Za-z0-9_]*\/[ -$&-.0-~]*)*$/;

/**
 * What {@link parseAnyTail} does, in a third of the time: with more groups than keys are kept for, each push needs it. Undefined if a
 * name comes twice.
 */
function parsePlainTail(tail: ByteString): GroupingKey | undefined {
  const parts = tail.split("/");
  const labels: Label[] = [];
  for (let i = 0; i < parts.length; i += 2) labels.push({ name: parts[i]!, value: parts[i + 1]! });
  if (labels.length === 2) sortPair(labels);
  else labels.sort(compareLabelNames);
  for (let i = 1; i < labels.length; i++) if (labels[i]!.name === labels[i - 1]!.name) return undefined;
  return newKey(labels);
}

/** The usual number of labels, for which `sort` takes longer than all the rest. */
function sortPair(labels: Label[]): void {
  if (labels[1]!.name < labels[0]!.name) labels.reverse();
}

function parseAnyTail(tail: ByteString, options: GroupingKeyOptions): GroupingKey {
  const path = decodePercent(tail);
  const afterPrefix = path.indexOf("/") + 1;
  const prefix = path.slice(0, Math.max(0, afterPrefix - 1));
  if (prefix !== "job" && prefix !== `job${BASE64_SUFFIX}`) {
    throw invalid(`a grouping key begins with job/<name> or job@base64/<name>, not with ${quote(path)}`);
  }
  const jobEnd = path.indexOf("/", afterPrefix);
  const jobSegment = path.slice(afterPrefix, jobEnd < 0 ? undefined : jobEnd);
  const job = prefix === "job" ? jobSegment : decodeBase64Url(jobSegment);
  if (job === undefined) throw invalid(`invalid base64 encoding in job name ${quote(jobSegment)}`);

  const pairs = parseLabelPairs(jobEnd < 0 ? "" : path.slice(jobEnd), options);
  pairs.set("job", job);
  return fromPairs(pairs);
}

const BASE64_SUFFIX = "@base64";
const SEPARATOR = "\xff";
const SEPARATOR_CODE = 0xff;

/** @param list `/name/value/name/value`; a list of at most one character counts as empty */
function parseLabelPairs(list: ByteString, options: GroupingKeyOptions): Map<ByteString, ByteString> {
  const pairs = new Map<ByteString, ByteString>();
  if (list.length <= 1) return pairs;
  const parts = list.slice(1).split("/");
  if (parts.length % 2 !== 0) throw invalid(`odd number of components in label string ${quote(list)}`);
  for (let i = 0; i < parts.length; i += 2) {
    let spelled = parts[i]!;
    let value: ByteString | undefined = parts[i + 1]!;
    const encoded = spelled.endsWith(BASE64_SUFFIX);
    if (encoded) spelled = spelled.slice(0, -BASE64_SUFFIX.length);
    const name = options.utf8Names ? unescapeName(spelled) : spelled;
    requireLabelName(name, spelled, options);
    if (encoded) {
      value = decodeBase64Url(value);
      if (value === undefined) {
        throw invalid(`invalid base64 encoding for label ${quote(spelled).slice(1, -1)}=${quote(parts[i + 1]!)}`);
      }
    }
    // A later pair of the same name wins.
    pairs.set(name, value);
  }
  return pairs;
}

function fromPairs(pairs: Map<ByteString, ByteString>): GroupingKey {
  const job = pairs.get("job");
  if (job === undefined || job === "") throw invalid("job name is required");
  const labels: Label[] = [];
  for (const [name, value] of pairs) {
    if (!isValidUtf8(value)) throw invalid(`the value of grouping label ${quote(name)} is not valid UTF-8`);
    labels.push({ name, value });
  }
  labels.sort(compareLabelNames);
  return newKey(labels);
}

/** @param labels sorted by name */
function newKey(labels: readonly Label[]): GroupingKey {
  // Keys are cached by the thousand, and an array that was pushed to has room for a dozen labels more: a copy has not.
  return { labels: labels.slice(), id: groupingKeyId(labels) };
}

/** @param labels sorted by name */
export function groupingKeyId(labels: readonly Label[]): ByteString {
  let id = "";
  for (const { name, value } of labels) id += (id === "" ? "" : SEPARATOR) + name + SEPARATOR + value;
  return id;
}

/** The key that has this `id`. */
export function groupingKeyFromId(id: ByteString): GroupingKey {
  const parts = id.split(SEPARATOR);
  const labels: Label[] = [];
  for (let i = 0; i + 1 < parts.length; i += 2) labels.push({ name: parts[i]!, value: parts[i + 1]! });
  return { labels, id };
}

/** Names that begin with `__` are Prometheus' own, in whatever spelling. */
function requireLabelName(name: ByteString, spelled: ByteString, options: GroupingKeyOptions): void {
  const valid = options.utf8Names ? isUtf8Name(name) : isLegacyLabelName(name);
  if (!valid || name.startsWith("__") || spelled.startsWith("__"))
    throw invalid(`improper label name ${quote(spelled)}`);
}

/**
 * URL-safe base64 as Go's `base64.RawURLEncoding` reads it after all trailing `=` were cut off: CR and LF are ignored, non-zero
 * trailing bits tolerated. Undefined if it is not base64.
 */
function decodeBase64Url(text: ByteString): ByteString | undefined {
  let end = text.length;
  while (end > 0 && text[end - 1] === "=") end--;
  const digits = text.slice(0, end).replace(/[\r\n]/g, "");
  if (digits.length % 4 === 1 || !/^[A-Za-z0-9_-]*$/.test(digits)) return undefined;
  return Buffer.from(digits, "base64url").toString("latin1");
}

function decodePercent(text: ByteString): ByteString {
  if (!text.includes("%")) return text;
  if (/%(?![0-9A-Fa-f]{2})/.test(text)) throw invalid(`invalid percent-encoding in ${quote(text)}`);
  return text.replace(/%([0-9A-Fa-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
}

function quote(bytes: ByteString): string {
  return JSON.stringify(fromByteString(bytes));
}

function invalid(message: string): WaystationError {
  return new WaystationError("GROUPING_KEY", message);
}
