import { allocatePushRecord } from "../../record/record.ts";
import type { PushToEncode } from "../encode-push.ts";
import { compareParts, HASH, LF, OPENING_BRACE, SPACE, writeCount } from "./bytes.ts";
import type { SampleWriter } from "./sample-writer.ts";

/**
 * What a body is apart from its values, with all that was found out about it. A job pushes the same text again and again, in which
 * nothing but numbers changes, and so do all its instances.
 */
interface Outline {
  /** The body without its values. */
  readonly text: Uint8Array;
  /** {@link SAMPLE} numbers per sample: see there. */
  readonly samples: Int32Array;
  /** Four numbers per label, as {@link SampleWriter} has them, counted from the start of the sample. */
  readonly labels: Int32Array;
  /** Of the families, as records carry it. */
  readonly layout: Uint8Array;
  /** The numbers of the families in the order of the exposition. */
  readonly order: readonly number[];
}

/**
 * Of each sample: how many bytes of the outline's text precede its value (since the last value), how many of these are the sample's,
 * how many of those are its name, how many labels it has, and the number of its family.
 */
const SAMPLE = 5;
const LABEL = 4;

/** Larger bodies are rare, and their outlines not worth the memory. */
const MAX_BYTES = 32 * 1024;
const MAX_SAMPLES = 512;
const MAX_OUTLINES = 256;
/** After so many bodies that had another outline, or that there was no room for, what is known counts as out of date. */
const STALE_AFTER = 16;

/** Encodes bodies that are, but for their values, what was pushed before, and learns from those that are not. */
export class Outlines {
  readonly #writer: SampleWriter;
  readonly #labelsPerSeries: number;
  /** By fingerprint. */
  readonly #known = new Map<number, Outline>();
  #mismatches = 0;
  #homeless = 0;
  /** Where the lines of each family begin and end. */
  #starts = new Int32Array(MAX_SAMPLES);
  #ends = new Int32Array(MAX_SAMPLES);

  // Of the body that is being learnt.
  #body: Uint8Array = new Uint8Array(0);
  #fingerprint = 0;
  /** Per sample: its family, start, end of its name, start and end of its value, and where its labels end in `#labels`. */
  readonly #noted = new Int32Array(6 * MAX_SAMPLES);
  #notedCount = 0;
  #labels = new Int32Array(LABEL * MAX_SAMPLES);
  #labelsEnd = 0;
  #isTooLarge = false;

  constructor(writer: SampleWriter, labelsPerSeries: number) {
    this.#writer = writer;
    this.#labelsPerSeries = labelsPerSeries;
  }

  /** The record of this push, or undefined if the body has no outline that is known. @throws `TOO_LARGE` */
  encode(body: Uint8Array, push: PushToEncode): Uint8Array | undefined {
    this.#fingerprint = fingerprint(body);
    const outline = this.#known.get(this.#fingerprint);
    if (outline === undefined) return undefined;
    if (this.#writeLines(body, outline)) return this.#assemble(push, outline);
    this.#mismatches++;
    return undefined;
  }

  /** False if the body turns out to have another outline, a value that is none, or labels that those of the group replace. */
  #writeLines(body: Uint8Array, { text, samples, labels }: Outline): boolean {
    const writer = this.#writer;
    writer.at = 0;
    writer.hasMet = false;
    let at = 0;
    let textAt = 0;
    let labelsAt = 0;
    let family = -1;
    for (let i = 0; i < samples.length; i += SAMPLE) {
      const before = samples[i]!;
      for (let j = 0; j < before; j++) if (body[at + j] !== text[textAt + j]) return false;
      at += before;
      textAt += before;
      const start = at - samples[i + 1]!;
      const labelCount = samples[i + 3]!;
      if (labelCount + writer.grouping.count > this.#labelsPerSeries) return false;
      writer.setLabels(labels, labelsAt, labelCount, start);
      labelsAt += LABEL * labelCount;
      let end = at;
      while (body[end]! > SPACE) end++;
      if (end === at || body[end] !== LF) return false;
      if (samples[i + 4] !== family) {
        family = samples[i + 4]!;
        this.#starts[family] = writer.at;
      }
      writer.lines.reset();
      if (!writer.write(body, start, start + samples[i + 2]!, at, end)) return false;
      this.#ends[family] = writer.at;
      at = end;
    }
    const rest = text.length - textAt;
    if (body.length - at !== rest) return false;
    for (let j = 0; j < rest; j++) if (body[at + j] !== text[textAt + j]) return false;
    return !writer.hasMet;
  }

  #assemble(push: PushToEncode, { layout, order }: Outline): Uint8Array {
    const starts = this.#starts;
    const ends = this.#ends;
    const { out, at: linesLength } = this.#writer;
    const { record, start } = allocatePushRecord(push, 8 + layout.length + 4 * order.length + linesLength);
    let at = writeCount(record, start, layout.length);
    record.set(layout, at);
    at += layout.length;
    let end = 0;
    for (let i = 0; i < order.length; i++) {
      end += ends[order[i]!]! - starts[order[i]!]!;
      at = writeCount(record, at, end);
    }
    for (let i = 0; i < order.length; ) {
      // Families that were pushed in the order of the exposition are copied together.
      const from = starts[order[i]!]!;
      let to = ends[order[i++]!]!;
      while (i < order.length && starts[order[i]!] === to) to = ends[order[i++]!]!;
      at += out.copy(record, at, from, to);
    }
    writeCount(record, at, 0);
    return record;
  }

  /** Begins to learn a body for which `encode` has found nothing. */
  begin(body: Uint8Array): void {
    this.#writer.hasMet = false;
    this.#body = body;
    this.#notedCount = 0;
    this.#labelsEnd = 0;
    this.#isTooLarge = body.length > MAX_BYTES;
  }

  /** A sample that was written, its labels still with the writer. */
  noteSample(family: number, start: number, nameEnd: number, valueStart: number, valueEnd: number): void {
    const { labels } = this.#writer;
    const labelsEnd = this.#labelsEnd + labels.length;
    // Families count, too: there may be any number of them that have no sample.
    const isFull = this.#notedCount === MAX_SAMPLES || family >= MAX_SAMPLES || labelsEnd > this.#labels.length;
    if (isFull) this.#isTooLarge = true;
    if (this.#isTooLarge) return;
    for (let i = 0; i < labels.length; i++) this.#labels[this.#labelsEnd + i] = labels[i]! - start;
    this.#labelsEnd = labelsEnd;
    const noted = this.#noted;
    let at = 6 * this.#notedCount++;
    noted[at++] = family;
    noted[at++] = start;
    noted[at++] = nameEnd;
    noted[at++] = valueStart;
    noted[at++] = valueEnd;
    noted[at] = labelsEnd;
  }

  /**
   * Keeps the outline of the body that was learnt, if that is worth it.
   *
   * @param layout to be copied
   * @param order the numbers of its families in the order of the exposition. In each of them the samples were pushed in that order, and
   *   no two compare as equal.
   */
  keep(layout: Uint8Array, order: readonly number[]): void {
    if (this.#isTooLarge || this.#notedCount === 0 || !this.#isOrderFixed() || !this.#hasRoom()) return;
    const noted = this.#noted;
    const samples = new Int32Array(SAMPLE * this.#notedCount);
    let textBytes = this.#body.length;
    for (let i = 0; i < this.#notedCount; i++) textBytes -= noted[6 * i + 4]! - noted[6 * i + 3]!;
    const text = new Uint8Array(textBytes);
    let textAt = 0;
    let at = 0;
    for (let i = 0; i < this.#notedCount; i++) {
      const [family, start, nameEnd, valueStart, valueEnd, labelsEnd] = noted.subarray(6 * i, 6 * i + 6);
      const labelsStart = i === 0 ? 0 : noted[6 * i - 1]!;
      const labelCount = (labelsEnd! - labelsStart) / LABEL;
      text.set(this.#body.subarray(at, valueStart), textAt);
      textAt += valueStart! - at;
      samples.set([valueStart! - at, valueStart! - start!, nameEnd! - start!, labelCount, family!], SAMPLE * i);
      at = valueEnd!;
    }
    text.set(this.#body.subarray(at), textAt);
    const labels = this.#labels.slice(0, this.#labelsEnd);
    this.#known.set(this.#fingerprint, { text, samples, labels, layout: Uint8Array.from(layout), order });
  }

  #hasRoom(): boolean {
    if (this.#known.has(this.#fingerprint)) return this.#mismatches % STALE_AFTER === 0;
    if (this.#known.size < MAX_OUTLINES) return true;
    if (++this.#homeless < STALE_AFTER * MAX_OUTLINES) return false;
    this.#homeless = 0;
    this.#known.clear();
    return true;
  }

  /**
   * Would the samples of each family stand in the same order with the labels of any other group? They do if they have the same label
   * names, and none of the group's: then those that are added are equal, and stand at the same place.
   */
  #isOrderFixed(): boolean {
    if (this.#writer.hasMet) return false;
    for (let i = 1; i < this.#notedCount; i++) {
      if (this.#noted[6 * i] === this.#noted[6 * (i - 1)] && !this.#haveEqualNames(i - 1, i)) return false;
    }
    return true;
  }

  #haveEqualNames(a: number, b: number): boolean {
    const noted = this.#noted;
    const labels = this.#labels;
    const body = this.#body;
    const aEnd = noted[6 * a + 5]!;
    const bEnd = noted[6 * b + 5]!;
    const aStart = a === 0 ? 0 : noted[6 * a - 1]!;
    if (aEnd - aStart !== bEnd - aEnd) return false;
    const aAt = noted[6 * a + 1]!;
    const bAt = noted[6 * b + 1]!;
    for (let i = 0; i < aEnd - aStart; i += LABEL) {
      const [first, second] = [aStart + i, aEnd + i];
      const order = compareParts(
        body,
        aAt + labels[first]!,
        aAt + labels[first + 1]!,
        body,
        bAt + labels[second]!,
        bAt + labels[second + 1]!,
      );
      if (order !== 0) return false;
    }
    return true;
  }
}

/** Equal for bodies of one outline, and for few others: of the first line, and of the name in the last one. */
function fingerprint(body: Uint8Array): number {
  let hash = 0x811c9dc5;
  const isComment = body[0] === HASH;
  for (let i = 0; i < body.length && i < 256; i++) {
    const byte = body[i]!;
    if (byte === LF || (!isComment && (byte === SPACE || byte === OPENING_BRACE))) break;
    hash = Math.imul(hash ^ byte, 0x01000193);
  }
  let start = body.length - 1;
  while (start > 0 && body[start - 1] !== LF) start--;
  for (let i = start; i < body.length && body[i] !== SPACE && body[i] !== OPENING_BRACE; i++) {
    hash = Math.imul(hash ^ body[i]!, 0x01000193);
  }
  return hash;
}
