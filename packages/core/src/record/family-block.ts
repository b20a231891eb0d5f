import { WaystationError } from "../errors.ts";
import { ByteWriter } from "../exposition/byte-writer.ts";
import { decodeFamily } from "../exposition/protobuf-decoder.ts";
import { encodeFamily } from "../exposition/protobuf-encoder.ts";
import { writeMetric } from "../exposition/text-encoder.ts";
import { parseText } from "../exposition/text-parser.ts";
import type { ByteString } from "../model/byte-string.ts";
import { compareLabelValues, escapeLabelValue } from "../model/labels.ts";
import type { Metric, MetricFamily, MetricType } from "../model/metric-family.ts";
import { isLegacyLabelName, isLegacyMetricName } from "../model/names.ts";
import { type Descriptor, encodeDescriptor } from "./descriptor.ts";
import { isTextComplete, lacksInfBucket } from "./text-completeness.ts";

/**
 * The families of a group in the form in which records carry them and the gateway keeps them: every family already spelled as the
 * sample lines that a scrape prints.
 *
 *     u32  length of the layout
 *     layout: u32 number of families, then their descriptors, ordered by name
 *     per family: u32 end of its sample lines, counted from the start of all lines
 *     the sample lines of all families (text format 0.0.4, UTF-8 names quoted)
 *     u32  number of side notes, then each:
 *       u32 family, u32 n, n × u32 pushed position of the i-th metric in the lines (n is 0 if they are in pushed order),
 *       u32 length of the family as protobuf (0 if the lines say everything), the protobuf bytes
 *
 * All integers are little endian.
 */
export interface FamilyBlock {
  /** The layout's bytes: equal for blocks whose families have the same names, types and help. */
  readonly layout: Buffer;
  /** Ends of the families' lines, then the lines: see {@link linesOf}. */
  readonly body: Uint8Array;
  readonly sides: ReadonlyMap<number, FamilySide>;
}

/** What the sample lines of one family do not say. */
export interface FamilySide {
  /** For each metric in the lines, its place in pushed order; undefined if that is the order of the lines. */
  readonly order: Uint32Array | undefined;
  /** The whole family in protobuf, where text cannot express it: native histograms, exemplars, -0 and the like. */
  readonly protobuf: Uint8Array | undefined;
}

export const NO_SIDES: ReadonlyMap<number, FamilySide> = new Map();

/**
 * @param families ordered by name, no name twice, with at least one metric each; labels sorted by name and complete
 */
export function encodeFamilyBlock(families: readonly MetricFamily[]): Uint8Array {
  const layout = new ByteWriter();
  const lines = new ByteWriter();
  const sides = new ByteWriter();
  const ends = Buffer.alloc(families.length * 4);
  let sideCount = 0;
  layout.writeUint32(families.length);
  for (const [i, family] of families.entries()) {
    const impliedInf = lacksInfBucket(family);
    encodeDescriptor(layout, { ...family, impliedInf, quoted: hasQuotedNames(family) });
    const order = expositionOrder(family.metrics);
    for (const index of order ?? family.metrics.keys()) {
      writeMetric(lines, family.name, family.type, family.metrics[index]!);
    }
    ends.writeUInt32LE(lines.length, i * 4);
    const complete = isTextComplete(family, impliedInf);
    if (complete && order === undefined) continue;
    sideCount++;
    writeSide(sides, i, complete ? order : undefined, complete ? undefined : encodeFamily(family));
  }
  const out = new ByteWriter(8 + layout.length + ends.length + lines.length + sides.length);
  out.writeUint32(layout.length);
  out.writeBytes(layout.bytes());
  out.writeBytes(ends);
  out.writeBytes(lines.bytes());
  out.writeUint32(sideCount);
  out.writeBytes(sides.bytes());
  return out.bytes();
}

function hasQuotedNames({ name, metrics }: MetricFamily): boolean {
  if (!isLegacyMetricName(name)) return true;
  return metrics.some(({ labels }) => labels.some((label) => !isLegacyLabelName(label.name)));
}

function writeSide(out: ByteWriter, family: number, order: Uint32Array | undefined, protobuf: Uint8Array | undefined) {
  out.writeUint32(family);
  out.writeUint32(order?.length ?? 0);
  for (const index of order ?? []) out.writeUint32(index);
  out.writeUint32(protobuf?.length ?? 0);
  if (protobuf !== undefined) out.writeBytes(protobuf);
}

/** The indices of metrics in exposition order, or undefined if they are in it. */
function expositionOrder(metrics: readonly Metric[]): Uint32Array | undefined {
  let sorted = true;
  for (let i = 1; sorted && i < metrics.length; i++) {
    sorted = compareLabelValues(metrics[i - 1]!.labels, metrics[i]!.labels) <= 0;
  }
  if (sorted) return undefined;
  // The index decides between equals, so that the order does not depend on the sorting algorithm.
  return Uint32Array.from(metrics.keys()).sort(
    (a, b) => compareLabelValues(metrics[a]!.labels, metrics[b]!.labels) || a - b,
  );
}

/**
 * Reads a block that makes up all of `bytes`. Its layout and body are views of them, its notes are copies.
 *
 * @throws `CORRUPT`
 */
export function decodeFamilyBlock(bytes: Buffer): FamilyBlock {
  try {
    const layoutEnd = 4 + bytes.readUInt32LE(0);
    const count = bytes.readUInt32LE(4);
    const linesStart = layoutEnd + count * 4;
    const linesEnd = linesStart + (count === 0 ? 0 : bytes.readUInt32LE(linesStart - 4));
    const sideCount = bytes.readUInt32LE(linesEnd);
    const sides = sideCount === 0 ? NO_SIDES : decodeSides(bytes.subarray(linesEnd + 4), sideCount);
    if (sideCount === 0 && linesEnd + 4 !== bytes.length) throw corrupt();
    return { layout: bytes.subarray(4, layoutEnd), body: bytes.subarray(layoutEnd, linesEnd), sides };
  } catch (error) {
    // Reading beyond the end is a RangeError of Buffer.
    throw error instanceof RangeError ? corrupt() : error;
  }
}

function decodeSides(bytes: Buffer, count: number): Map<number, FamilySide> {
  const sides = new Map<number, FamilySide>();
  let offset = 0;
  for (; count > 0; count--) {
    const family = bytes.readUInt32LE(offset);
    const ordered = bytes.readUInt32LE(offset + 4);
    offset += 8;
    if (offset + ordered * 4 > bytes.length) throw corrupt();
    const order = Uint32Array.from({ length: ordered }, (_, i) => bytes.readUInt32LE(offset + i * 4));
    offset += ordered * 4;
    const length = bytes.readUInt32LE(offset);
    offset += 4;
    if (offset + length > bytes.length) throw corrupt();
    const protobuf = Uint8Array.from(bytes.subarray(offset, offset + length));
    offset += length;
    sides.set(family, { order: ordered > 0 ? order : undefined, protobuf: length > 0 ? protobuf : undefined });
  }
  if (offset !== bytes.length) throw corrupt();
  return sides;
}

/** The reverse of {@link decodeFamilyBlock}. */
export function joinFamilyBlock({ layout, body, sides }: FamilyBlock): Uint8Array {
  const out = new ByteWriter(8 + layout.length + body.length);
  out.writeUint32(layout.length);
  out.writeBytes(layout);
  out.writeBytes(body);
  out.writeUint32(sides.size);
  for (const [family, { order, protobuf }] of sides) writeSide(out, family, order, protobuf);
  return out.bytes();
}

/** Where the sample lines of a block's families begin in its body. */
export function linesStart(familyCount: number): number {
  return familyCount * 4;
}

/** Where the lines of family `index` end in a body of `familyCount` families; they begin where those of the one before end. */
export function linesEnd(body: Uint8Array, familyCount: number, index: number): number {
  if (index < 0) return linesStart(familyCount);
  const at = index * 4;
  return (
    linesStart(familyCount) + (body[at]! | (body[at + 1]! << 8) | (body[at + 2]! << 16)) + body[at + 3]! * 0x1000000
  );
}

/** The sample lines of family `index` in a body of `familyCount` families: a view. */
export function linesOf(body: Uint8Array, familyCount: number, index: number): Uint8Array {
  return body.subarray(linesEnd(body, familyCount, index - 1), linesEnd(body, familyCount, index));
}

/** Sample lines from a place on. Each ends in a line feed, and none holds another: in label values they are escaped. */
export function countLines(bytes: Uint8Array, start: number): number {
  let count = 0;
  for (let at = bytes.indexOf(LF, start); at >= 0; at = bytes.indexOf(LF, at + 1)) count++;
  return count;
}

const LF = 0x0a;

/** Brings a family back to the tree that was pushed, its metrics in pushed order, labels complete and sorted. */
export function decodeFamilyTree(
  descriptor: Descriptor,
  lines: Uint8Array,
  side: FamilySide | undefined,
): MetricFamily {
  const { name, type, help, unit, impliedInf } = descriptor;
  if (side?.protobuf !== undefined) return { ...decodeFamily(side.protobuf), help, unit };
  const typed = new ByteWriter(lines.length + 64);
  writeTypeLineExact(typed, name, type);
  typed.writeBytes(lines);
  const metrics = parseText(typed.bytes(), { utf8Names: true })[0]?.metrics ?? [];
  if (impliedInf) for (const { histogram } of metrics) histogram?.buckets.pop();
  const { order } = side ?? {};
  if (order === undefined) return { name, type, help, unit, metrics };
  const pushed: Metric[] = new Array(metrics.length);
  for (const [i, metric] of metrics.entries()) pushed[order[i]!] = metric;
  return { name, type, help, unit, metrics: pushed };
}

/** A TYPE line that tells gauge histograms from histograms, unlike the one that a scrape prints. */
function writeTypeLineExact(out: ByteWriter, name: ByteString, type: MetricType): void {
  out.writeLatin1(`# TYPE ${isLegacyMetricName(name) ? name : `"${escapeLabelValue(name)}"`} ${type}\n`);
}

function corrupt(): WaystationError {
  return new WaystationError("CORRUPT", "a record's metric families cannot be read");
}
