import { isUtf8 } from "node:buffer";
import { BoundedCache } from "../../bounded-cache.ts";
import type { ByteString } from "../../model/byte-string.ts";
import type { GroupingKey } from "../../model/grouping-key.ts";
import { METRIC_TYPES } from "../../model/metric-family.ts";
import { findOwnFamily, OWN_FIRST_BYTES } from "../../model/reserved-families.ts";
import { isTimeFamily } from "../../record/time-families.ts";
import { tooLargeToStore } from "../encode-push.ts";
import { type Limits, NO_LIMITS } from "../limits.ts";
import {
  BACKSLASH,
  CLOSING_BRACE,
  COMMA,
  compareParts,
  EQUALS,
  equals,
  HASH,
  includes,
  LF,
  labelNameEndAt,
  nameEndAt,
  OPENING_BRACE,
  QUOTE,
  SPACE,
  startsWith,
  UNDERSCORE,
  writePart,
} from "./bytes.ts";
import { canonicalSpelling, isCanonicalDecimal } from "./canonical-value.ts";
import { type GroupingText, groupingText, SPAN } from "./grouping-text.ts";
import { LineTable } from "./line-table.ts";

const CACHED_GROUPINGS = 8192;
const MAX_CACHED_KEY = 2048;

const HELP = Buffer.from("# HELP ");
const TYPE = Buffer.from("# TYPE ");
const GAUGE = Buffer.from("gauge");
const COUNTER = Buffer.from("counter");
const UNTYPED = Buffer.from("untyped");

/** A family of the body at hand: places in the body, and in the lines written. */
interface FamilyFields {
  nameStart: number;
  nameEnd: number;
  /** -1 without help. */
  helpStart: number;
  helpEnd: number;
  /** Was there a TYPE line? */
  typed: boolean;
  /** Index in METRIC_TYPES. */
  type: number;
  lineCount: number;
  linesStart: number;
  linesEnd: number;
  /** The lines in exposition order, if that is not the order in which they were pushed. */
  order: Uint32Array | undefined;
}

const NEW_FAMILY: FamilyFields = {
  nameStart: 0,
  nameEnd: 0,
  helpStart: -1,
  helpEnd: -1,
  typed: false,
  type: 0,
  lineCount: 0,
  linesStart: 0,
  linesEnd: 0,
  order: undefined,
};

const hasLines = ({ lineCount }: FamilyFields): boolean => lineCount > 0;

/**
 * The short way for the pushes that most clients send: from the bytes of a text body to a family block in one pass, without a
 * string, an object or an array per sample.
 *
 * It takes counters, gauges and untyped families in the plain form in which client libraries print them, and gives up at anything
 * else: escapes, timestamps, odd spacing, histograms and summaries, names that mean something to the gateway, errors of any kind.
 * Such bodies go the long way, through the parser and `encodePush`, which alone decides what is right. What the short way gives is
 * the same to the byte; a property test holds it to that.
 */
export class DirectEncoder {
  /** The sample lines so far. */
  #out = Buffer.allocUnsafeSlow(64 * 1024);
  #at = 0;
  readonly #families: FamilyFields[] = [];
  #familyCount = 0;
  readonly #lines = new LineTable();
  /** Of the sample at hand: start and end of name and value of each label, in the body. */
  #labels = new Int32Array(4 * 64);
  #labelCount = 0;
  #body: Uint8Array = this.#out;
  /** Most groups are pushed to again and again. */
  readonly #groupings = new BoundedCache<ByteString, GroupingText>(CACHED_GROUPINGS);
  #grouping: GroupingText = groupingText({ labels: [], id: "" });

  readonly #limits: Limits;
  readonly #maxBytes: number;

  /** @param limits what exceeds them goes the long way @param maxBytes of the sample lines of a push */
  constructor(limits: Limits = NO_LIMITS, maxBytes = Number.POSITIVE_INFINITY) {
    this.#limits = limits;
    this.#maxBytes = maxBytes;
  }

  /** The block of these families with the key's labels merged in, or undefined if they have to go the long way. @throws `TOO_LARGE` */
  encode(body: Uint8Array, key: GroupingKey): Uint8Array | undefined {
    this.#body = body;
    this.#grouping =
      key.id.length > MAX_CACHED_KEY ? groupingText(key) : this.#groupings.get(key.id, () => groupingText(key));
    this.#at = 0;
    this.#familyCount = 0;
    // With valid UTF-8 all around, no part of it can be invalid: parts are cut at ASCII characters.
    if (!this.#grouping.legacy || body.length === 0 || body[body.length - 1] !== LF || !isUtf8(body)) return undefined;
    for (let at = 0; at < body.length; ) {
      at = body[at] === HASH ? this.#readComment(at) : this.#readSample(at);
      if (at < 0) return undefined;
    }
    if (this.#familyCount > 0 && !this.#endFamily()) return undefined;
    return this.#assemble();
  }

  /** `# HELP name text` or `# TYPE name type`. Returns the start of the next line, or -1. */
  #readComment(start: number): number {
    const body = this.#body;
    const isHelp = startsWith(body, start, HELP);
    if (!isHelp && !startsWith(body, start, TYPE)) return -1;
    const nameStart = start + HELP.length;
    const nameEnd = nameEndAt(body, nameStart);
    if (nameEnd === nameStart || body[nameEnd] !== SPACE) return -1;
    const family = this.#familyNamed(nameStart, nameEnd);
    // A second comment of a kind, or one after samples, is an error or a special case.
    if (family === undefined || family.lineCount > 0) return -1;
    const textStart = nameEnd + 1;
    const end = body.indexOf(LF, textStart);
    // Blanks at either end are up to the parser.
    if (body[textStart]! <= SPACE || body[end - 1]! <= SPACE) return -1;
    if (isHelp) {
      if (family.helpEnd >= 0 || includes(body, textStart, end, BACKSLASH)) return -1;
      family.helpStart = textStart;
      family.helpEnd = end;
    } else {
      if (family.typed) return -1;
      family.typed = true;
      if (equals(body, textStart, end, GAUGE)) family.type = METRIC_TYPES.indexOf("gauge");
      else if (equals(body, textStart, end, COUNTER)) family.type = METRIC_TYPES.indexOf("counter");
      else if (!equals(body, textStart, end, UNTYPED)) return -1;
    }
    return end + 1;
  }

  /** `name value` or `name{label="value",…} value`. Returns the start of the next line, or -1. */
  #readSample(start: number): number {
    const body = this.#body;
    const nameEnd = nameEndAt(body, start);
    if (nameEnd === start) return -1;
    const family = this.#familyNamed(start, nameEnd);
    if (family === undefined) return -1;
    this.#labelCount = 0;
    let at = nameEnd;
    if (body[at] === OPENING_BRACE) {
      at = this.#readLabels(at + 1);
      if (at < 0) return -1;
    }
    // With the empty instance label, if there is none.
    if (this.#labelCount + this.#grouping.count > this.#limits.labelsPerSeries) return -1;
    if (body[at++] !== SPACE) return -1;
    let end = at;
    while (body[end]! > SPACE) end++;
    if (end === at || body[end] !== LF) return -1;

    // No line gets longer than its parts together, or its value longer than 32 bytes.
    this.#reserve(end - start + this.#grouping.alone.length + 32);
    this.#lines.begin(this.#at);
    this.#copy(start, nameEnd);
    this.#writeLabels();
    if (isCanonicalDecimal(body, at, end)) {
      this.#copy(at, end);
    } else {
      const spelling = canonicalSpelling(body, at, end);
      if (spelling === undefined) return -1;
      this.#at += this.#out.write(spelling, this.#at, "latin1");
    }
    this.#out[this.#at++] = LF;
    this.#lines.end(this.#at);
    family.lineCount++;
    return end + 1;
  }

  /** Reads up to the closing brace; returns the place after it, or -1. */
  #readLabels(start: number): number {
    const body = this.#body;
    const { labelNameBytes, labelValueBytes } = this.#limits;
    let at = start;
    while (body[at] !== CLOSING_BRACE) {
      const nameStart = at;
      at = labelNameEndAt(body, at);
      if (at === nameStart || body[at] !== EQUALS || body[at + 1] !== QUOTE) return -1;
      const nameEnd = at;
      // Names that begin with two underscores are reserved.
      if (body[nameStart] === UNDERSCORE && body[nameStart + 1] === UNDERSCORE) return -1;
      at += 2;
      const valueStart = at;
      while (body[at] !== QUOTE) {
        // Escapes, and what would end the line, or the body.
        if (body[at] === BACKSLASH || body[at] === LF) return -1;
        at++;
      }
      if (nameEnd - nameStart > labelNameBytes || at - valueStart > labelValueBytes) return -1;
      if (!this.#insertLabel(nameStart, nameEnd, valueStart, at)) return -1;
      at++;
      if (body[at] === COMMA) at++;
      else if (body[at] !== CLOSING_BRACE) return -1;
    }
    return at + 1;
  }

  /** Keeps the labels ordered by name; false if there is one of that name already. */
  #insertLabel(nameStart: number, nameEnd: number, valueStart: number, valueEnd: number): boolean {
    if (4 * (this.#labelCount + 1) > this.#labels.length) return false;
    const labels = this.#labels;
    let place = this.#labelCount++;
    for (; place > 0; place--) {
      const previous = 4 * (place - 1);
      const order = compareParts(this.#body, labels[previous]!, labels[previous + 1]!, this.#body, nameStart, nameEnd);
      if (order === 0) return false;
      if (order < 0) break;
      for (let i = previous; i < previous + 4; i++) labels[i + 4] = labels[i]!;
    }
    labels[4 * place] = nameStart;
    labels[4 * place + 1] = nameEnd;
    labels[4 * place + 2] = valueStart;
    labels[4 * place + 3] = valueEnd;
    return true;
  }

  /** Writes the sample's labels and those of the group, merged in the order of names, in braces, and a space. */
  #writeLabels(): void {
    if (this.#labelCount === 0) {
      this.#writeGroupingAlone();
      return;
    }
    const { count, spans } = this.#grouping;
    let separator = OPENING_BRACE;
    let i = 0;
    let g = 0;
    while (i < this.#labelCount || g < count) {
      const order = i === this.#labelCount ? 1 : g === count ? -1 : this.#compareLabel(i, g);
      this.#out[this.#at++] = separator;
      separator = COMMA;
      const isFallback = spans[g * SPAN + 4] === 1;
      if (order < 0 || (order === 0 && isFallback)) {
        this.#writeOwnLabel(i++);
        if (order === 0) g++;
      } else {
        this.#writeGroupingLabel(g++);
        if (order === 0) i++;
      }
    }
    this.#out[this.#at++] = CLOSING_BRACE;
    this.#out[this.#at++] = SPACE;
  }

  #writeGroupingAlone(): void {
    const { alone, count, spans } = this.#grouping;
    const out = this.#out;
    const start = this.#at;
    for (let i = 0; i < alone.length; i++) out[start + i] = alone[i]!;
    for (let g = 0; g < count; g++) {
      this.#lines.addValue(start + spans[g * SPAN + 2]!, start + spans[g * SPAN + 3]!);
    }
    this.#at = start + alone.length;
  }

  #compareLabel(index: number, groupingIndex: number): number {
    const labels = this.#labels;
    const { alone, spans } = this.#grouping;
    const at = groupingIndex * SPAN;
    return compareParts(this.#body, labels[4 * index]!, labels[4 * index + 1]!, alone, spans[at]!, spans[at + 1]!);
  }

  #writeOwnLabel(index: number): void {
    const nameStart = this.#labels[4 * index]!;
    const valueStart = this.#labels[4 * index + 2]!;
    const valueEnd = this.#labels[4 * index + 3]!;
    const valueAt = this.#at + valueStart - nameStart;
    this.#lines.addValue(valueAt, valueAt + valueEnd - valueStart);
    this.#copy(nameStart, valueEnd + 1);
  }

  #writeGroupingLabel(index: number): void {
    const { alone, spans } = this.#grouping;
    const start = spans[index * SPAN]!;
    const valueStart = spans[index * SPAN + 2]!;
    const valueEnd = spans[index * SPAN + 3]!;
    const out = this.#out;
    const shift = this.#at - start;
    for (let i = start; i <= valueEnd; i++) out[i + shift] = alone[i]!;
    this.#lines.addValue(valueStart + shift, valueEnd + shift);
    this.#at = valueEnd + 1 + shift;
  }

  /** The family of this name if it is the one at hand, or else a new one. Undefined for names that must go the long way. */
  #familyNamed(nameStart: number, nameEnd: number): FamilyFields | undefined {
    const current = this.#familyCount > 0 ? this.#families[this.#familyCount - 1]! : undefined;
    const body = this.#body;
    if (
      current !== undefined &&
      compareParts(body, current.nameStart, current.nameEnd, body, nameStart, nameEnd) === 0
    ) {
      return current;
    }
    if (current !== undefined && !this.#endFamily()) return undefined;
    if (nameEnd - nameStart > this.#limits.labelValueBytes) return undefined;
    if (this.#familyCount >= this.#limits.familiesPerPush) return undefined;
    let family = this.#families[this.#familyCount];
    if (family === undefined) {
      family = { ...NEW_FAMILY };
      this.#families.push(family);
    }
    this.#familyCount++;
    family.nameStart = nameStart;
    family.nameEnd = nameEnd;
    family.helpStart = -1;
    family.helpEnd = -1;
    family.typed = false;
    family.type = METRIC_TYPES.indexOf("untyped");
    family.lineCount = 0;
    family.linesStart = this.#at;
    family.order = undefined;
    this.#lines.reset();
    return family;
  }

  /** Is it, or does it contradict, a family that the gateway exposes itself? */
  #isSpecial({ nameStart, nameEnd, type }: FamilyFields): boolean {
    const body = this.#body;
    if (!OWN_FIRST_BYTES.has(body[nameStart]!)) return false;
    const name = Buffer.from(body.buffer, body.byteOffset + nameStart, nameEnd - nameStart).toString("latin1");
    const own = findOwnFamily(name);
    return isTimeFamily(name) || (own !== undefined && (own.name !== name || own.type !== METRIC_TYPES[type]));
  }

  /** Ends the family at hand, its lines in order. False if it must go the long way, as when two lines may be one series. */
  #endFamily(): boolean {
    const family = this.#families[this.#familyCount - 1]!;
    if (this.#isSpecial(family)) return false;
    family.linesEnd = this.#at;
    if (family.lineCount < 2) return true;
    const order = this.#lines.order(this.#out);
    if (order === "ambiguous") return false;
    if (order === undefined) return true;
    family.order = order;
    const length = family.linesEnd - family.linesStart;
    this.#reserve(length);
    // Behind the lines there is room for their ordered copy, which then takes their place.
    let at = this.#at;
    for (const line of order) {
      this.#out.copyWithin(at, this.#lines.startOf(line), this.#lines.endOf(line));
      at += this.#lines.endOf(line) - this.#lines.startOf(line);
    }
    this.#out.copyWithin(family.linesStart, this.#at, at);
    return true;
  }

  /** Undefined if a name comes again after another family: the long way joins the two. */
  #orderedFamilies(): FamilyFields[] | undefined {
    const families = this.#families.slice(0, this.#familyCount);
    const body = this.#body;
    const compare = (a: FamilyFields, b: FamilyFields) =>
      compareParts(body, a.nameStart, a.nameEnd, body, b.nameStart, b.nameEnd);
    let sorted = true;
    for (let i = 1; sorted && i < families.length; i++) sorted = compare(families[i - 1]!, families[i]!) < 0;
    if (!sorted) {
      families.sort(compare);
      for (let i = 1; i < families.length; i++) if (compare(families[i - 1]!, families[i]!) === 0) return undefined;
    }
    return families.every(hasLines) ? families : families.filter(hasLines);
  }

  /** See `record/family-block.ts` and `record/descriptor.ts` for the form. */
  #assemble(): Uint8Array | undefined {
    const body = this.#body;
    const families = this.#orderedFamilies();
    if (families === undefined) return undefined;
    let layoutLength = 4;
    let linesLength = 0;
    let sideCount = 0;
    let sidesLength = 4;
    for (const family of families) {
      layoutLength +=
        6 + family.nameEnd - family.nameStart + (family.helpEnd < 0 ? 0 : 4 + family.helpEnd - family.helpStart);
      linesLength += family.linesEnd - family.linesStart;
      if (family.order !== undefined) {
        sideCount++;
        sidesLength += 12 + 4 * family.order.length;
      }
    }
    const block = Buffer.allocUnsafe(4 + layoutLength + 4 * families.length + linesLength + sidesLength);
    let at = block.writeUInt32LE(layoutLength, 0);
    at = block.writeUInt32LE(families.length, at);
    for (const { type, nameStart, nameEnd, helpStart, helpEnd } of families) {
      block[at++] = type;
      block[at++] = helpEnd < 0 ? 0 : 1;
      at = writePart(block, at, body, nameStart, nameEnd);
      if (helpEnd >= 0) at = writePart(block, at, body, helpStart, helpEnd);
    }
    let end = 0;
    for (const { linesStart, linesEnd } of families) {
      end += linesEnd - linesStart;
      at = block.writeUInt32LE(end, at);
    }
    for (const { linesStart, linesEnd } of families) {
      at += this.#out.copy(block, at, linesStart, linesEnd);
    }
    at = block.writeUInt32LE(sideCount, at);
    for (const [i, { order }] of families.entries()) {
      if (order === undefined) continue;
      at = block.writeUInt32LE(i, at);
      at = block.writeUInt32LE(order.length, at);
      for (const line of order) at = block.writeUInt32LE(line, at);
      at = block.writeUInt32LE(0, at);
    }
    return block;
  }

  #copy(start: number, end: number): void {
    const out = this.#out;
    const body = this.#body;
    let at = this.#at;
    for (let i = start; i < end; i++) out[at++] = body[i]!;
    this.#at = at;
  }

  #reserve(bytes: number): void {
    if (this.#at + bytes <= this.#out.length) return;
    // The ordered copy of lines takes as much again.
    if (this.#at + bytes > 2 * this.#maxBytes) throw tooLargeToStore(this.#at, this.#maxBytes);
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#out.length * 2, this.#at + bytes));
    this.#out.copy(grown, 0, 0, this.#at);
    this.#out = grown;
  }
}
