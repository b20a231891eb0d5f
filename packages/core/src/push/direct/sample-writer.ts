import { tooLargeToStore } from "../encode-push.ts";
import { CLOSING_BRACE, COMMA, compareParts, LF, OPENING_BRACE, SPACE } from "./bytes.ts";
import { canonicalSpelling, isCanonicalDecimal } from "./canonical-value.ts";
import { GroupingText, SPAN } from "./grouping-text.ts";
import { LineTable } from "./line-table.ts";

/** Numbers per label: start and end of its name, start and end of its value, in the body. */
const LABEL = 4;
const MAX_LABELS = 64;

/**
 * Writes samples as the lines that a scrape prints: with the labels of the group merged in, and their values in the one spelling that
 * the exposition knows.
 */
export class SampleWriter {
  /** Of the samples to come. */
  readonly grouping = new GroupingText();
  /** The lines of the family at hand. */
  readonly lines = new LineTable();
  /** The lines so far are its first `at` bytes. */
  out = Buffer.allocUnsafeSlow(64 * 1024);
  at = 0;
  /** Was a label of a sample met by one of the group, of the same name? Of lines that differ in it one may then repeat another. */
  hasMet = false;
  /** Of the sample at hand, ordered by name. */
  readonly #labels = new Int32Array(LABEL * MAX_LABELS);
  #labelCount = 0;
  readonly #maxBytes: number;

  /** @param maxBytes of the lines of a push */
  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  get labelCount(): number {
    return this.#labelCount;
  }

  /** Labels of the sample at hand: {@link LABEL} numbers each. To be copied. */
  get labels(): Int32Array {
    return this.#labels.subarray(0, LABEL * this.#labelCount);
  }

  clearLabels(): void {
    this.#labelCount = 0;
  }

  /** Takes over labels that are in order, moved by so many bytes. */
  setLabels(labels: Int32Array, from: number, count: number, shift: number): void {
    for (let i = 0; i < LABEL * count; i++) this.#labels[i] = labels[from + i]! + shift;
    this.#labelCount = count;
  }

  /** False if there is a label of that name already, or too many of them. */
  insertLabel(body: Uint8Array, nameStart: number, nameEnd: number, valueStart: number, valueEnd: number): boolean {
    if (this.#labelCount === MAX_LABELS) return false;
    const labels = this.#labels;
    let place = this.#labelCount++;
    for (; place > 0; place--) {
      const previous = LABEL * (place - 1);
      const order = compareParts(body, labels[previous]!, labels[previous + 1]!, body, nameStart, nameEnd);
      if (order === 0) return false;
      if (order < 0) break;
      for (let i = previous; i < previous + LABEL; i++) labels[i + LABEL] = labels[i]!;
    }
    const at = LABEL * place;
    labels[at] = nameStart;
    labels[at + 1] = nameEnd;
    labels[at + 2] = valueStart;
    labels[at + 3] = valueEnd;
    return true;
  }

  /**
   * Writes the line of the sample at hand; false, and nothing is to be made of what was written, if its value is none.
   *
   * @throws `TOO_LARGE`
   */
  write(body: Uint8Array, nameStart: number, nameEnd: number, valueStart: number, valueEnd: number): boolean {
    // No line gets longer than its parts together, or its value longer than 32 bytes.
    this.reserve(valueEnd - nameStart + this.grouping.length + 32);
    this.lines.begin(this.at);
    this.#copy(body, nameStart, nameEnd);
    if (this.#labelCount === 0) this.#writeGroupingAlone();
    else this.#writeLabels(body);
    if (isCanonicalDecimal(body, valueStart, valueEnd)) {
      this.#copy(body, valueStart, valueEnd);
    } else {
      const spelling = canonicalSpelling(body, valueStart, valueEnd);
      if (spelling === undefined) return false;
      this.at += this.out.write(spelling, this.at, "latin1");
    }
    this.out[this.at++] = LF;
    this.lines.end(this.at);
    return true;
  }

  /** Makes room for so many bytes behind the lines. */
  reserve(bytes: number): void {
    if (this.at + bytes <= this.out.length) return;
    // The ordered copy of lines takes as much again.
    if (this.at + bytes > 2 * this.#maxBytes) throw tooLargeToStore(this.at, this.#maxBytes);
    const grown = Buffer.allocUnsafeSlow(Math.max(this.out.length * 2, this.at + bytes));
    this.out.copy(grown, 0, 0, this.at);
    this.out = grown;
  }

  #writeGroupingAlone(): void {
    const { bytes, length, count, spans } = this.grouping;
    const { out, at } = this;
    for (let i = 0; i < length; i++) out[at + i] = bytes[i]!;
    for (let g = 0; g < count; g++) this.lines.addValue(at + spans[g * SPAN + 2]!, at + spans[g * SPAN + 3]!);
    this.at = at + length;
  }

  /** The sample's labels and those of the group, merged in the order of names, in braces, and a space. */
  #writeLabels(body: Uint8Array): void {
    const { count, spans } = this.grouping;
    let separator = OPENING_BRACE;
    let i = 0;
    let g = 0;
    while (i < this.#labelCount || g < count) {
      const order = i === this.#labelCount ? 1 : g === count ? -1 : this.#compareLabel(body, i, g);
      this.out[this.at++] = separator;
      separator = COMMA;
      if (order === 0) this.hasMet = true;
      const isFallback = spans[g * SPAN + 4] === 1;
      if (order < 0 || (order === 0 && isFallback)) {
        this.#writeOwnLabel(body, i++);
        if (order === 0) g++;
      } else {
        this.#writeGroupingLabel(g++);
        if (order === 0) i++;
      }
    }
    this.out[this.at++] = CLOSING_BRACE;
    this.out[this.at++] = SPACE;
  }

  #compareLabel(body: Uint8Array, index: number, groupingIndex: number): number {
    const labels = this.#labels;
    const { bytes, spans } = this.grouping;
    const at = groupingIndex * SPAN;
    return compareParts(body, labels[LABEL * index]!, labels[LABEL * index + 1]!, bytes, spans[at]!, spans[at + 1]!);
  }

  #writeOwnLabel(body: Uint8Array, index: number): void {
    const nameStart = this.#labels[LABEL * index]!;
    const valueStart = this.#labels[LABEL * index + 2]!;
    const valueEnd = this.#labels[LABEL * index + 3]!;
    const valueAt = this.at + valueStart - nameStart;
    this.lines.addValue(valueAt, valueAt + valueEnd - valueStart);
    this.#copy(body, nameStart, valueEnd + 1);
  }

  #writeGroupingLabel(index: number): void {
    const { bytes, spans } = this.grouping;
    const start = spans[index * SPAN]!;
    const valueStart = spans[index * SPAN + 2]!;
    const valueEnd = spans[index * SPAN + 3]!;
    const shift = this.at - start;
    for (let i = start; i <= valueEnd; i++) this.out[i + shift] = bytes[i]!;
    this.lines.addValue(valueStart + shift, valueEnd + shift);
    this.at = valueEnd + 1 + shift;
  }

  #copy(body: Uint8Array, start: number, end: number): void {
    const { out } = this;
    let { at } = this;
    for (let i = start; i < end; i++) out[at++] = body[i]!;
    this.at = at;
  }
}
