import { isUtf8 } from "node:buffer";
import { METRIC_TYPES } from "../../model/metric-family.ts";
import { findOwnFamily, OWN_FIRST_BYTES } from "../../model/reserved-families.ts";
import { allocatePushRecord } from "../../record/record.ts";
import { isTimeFamily } from "../../record/time-families.ts";
import type { PushToEncode } from "../encode-push.ts";
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
  writeCount,
  writePart,
} from "./bytes.ts";
import { Outlines } from "./outline.ts";
import { SampleWriter } from "./sample-writer.ts";

const HELP = Buffer.from("# HELP ");
const TYPE = Buffer.from("# TYPE ");
const GAUGE = Buffer.from("gauge");
const COUNTER = Buffer.from("counter");
const UNTYPED = Buffer.from("untyped");

/** A family of the body at hand: places in the body, and in the lines written. */
interface FamilyFields {
  /** Its place in the body. */
  readonly index: number;
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

const NEW_FAMILY: Omit<FamilyFields, "index"> = {
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
 * The short way for the pushes that most clients send: from the bytes of a text body to a record in one pass, without a string, an
 * object or an array per sample.
 *
 * It takes counters, gauges and untyped families in the plain form in which client libraries print them, and gives up at anything
 * else: escapes, timestamps, odd spacing, histograms and summaries, names that mean something to the gateway, errors of any kind.
 * Such bodies go the long way, through the parser and `encodePush`, which alone decides what is right. What the short way gives is
 * the same to the byte; a property test holds it to that.
 *
 * The shortest way is for bodies that are, apart from their values, what was pushed before: see {@link Outlines}.
 */
export class DirectEncoder {
  readonly #families: FamilyFields[] = [];
  #familyCount = 0;
  readonly #writer: SampleWriter;
  readonly #outlines: Outlines;
  #body: Uint8Array = new Uint8Array(0);
  readonly #limits: Limits;

  /** @param limits what exceeds them goes the long way @param maxBytes of the sample lines of a push */
  constructor(limits: Limits = NO_LIMITS, maxBytes = Number.POSITIVE_INFINITY) {
    this.#limits = limits;
    this.#writer = new SampleWriter(maxBytes);
    this.#outlines = new Outlines(this.#writer, limits.labelsPerSeries);
  }

  /** The record of this push, or undefined if it has to go the long way. @throws `TOO_LARGE` */
  encode(body: Uint8Array, push: PushToEncode): Uint8Array | undefined {
    const writer = this.#writer;
    writer.grouping.set(push.key);
    if (!writer.grouping.legacy || body.length === 0 || body[body.length - 1] !== LF) return undefined;
    return this.#outlines.encode(body, push) ?? this.#encodeAnew(body, push);
  }

  #encodeAnew(body: Uint8Array, push: PushToEncode): Uint8Array | undefined {
    this.#body = body;
    this.#familyCount = 0;
    this.#writer.at = 0;
    this.#outlines.begin(body);
    // With valid UTF-8 all around, no part of it can be invalid: parts are cut at ASCII characters.
    if (!isUtf8(body)) return undefined;
    for (let at = 0; at < body.length; ) {
      at = body[at] === HASH ? this.#readComment(at) : this.#readSample(at);
      if (at < 0) return undefined;
    }
    if (this.#familyCount > 0 && !this.#endFamily()) return undefined;
    return this.#assemble(push);
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
    const writer = this.#writer;
    const nameEnd = nameEndAt(body, start);
    if (nameEnd === start) return -1;
    const family = this.#familyNamed(start, nameEnd);
    if (family === undefined) return -1;
    writer.clearLabels();
    let at = nameEnd;
    if (body[at] === OPENING_BRACE) {
      at = this.#readLabels(at + 1);
      if (at < 0) return -1;
    }
    // With the empty instance label, if there is none.
    if (writer.labelCount + writer.grouping.count > this.#limits.labelsPerSeries) return -1;
    if (body[at++] !== SPACE) return -1;
    let end = at;
    while (body[end]! > SPACE) end++;
    if (end === at || body[end] !== LF) return -1;
    if (!writer.write(body, start, nameEnd, at, end)) return -1;
    this.#outlines.noteSample(this.#familyCount - 1, start, nameEnd, at, end);
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
      if (!this.#writer.insertLabel(body, nameStart, nameEnd, valueStart, at)) return -1;
      at++;
      if (body[at] === COMMA) at++;
      else if (body[at] !== CLOSING_BRACE) return -1;
    }
    return at + 1;
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
      family = { index: this.#families.length, ...NEW_FAMILY };
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
    family.linesStart = this.#writer.at;
    family.order = undefined;
    this.#writer.lines.reset();
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
    const writer = this.#writer;
    family.linesEnd = writer.at;
    if (family.lineCount < 2) return true;
    const { lines } = writer;
    const order = lines.order(writer.out);
    if (order === "ambiguous") return false;
    if (order === undefined) return true;
    family.order = order;
    writer.reserve(family.linesEnd - family.linesStart);
    // Behind the lines there is room for their ordered copy, which then takes their place.
    let at = writer.at;
    for (const line of order) {
      writer.out.copyWithin(at, lines.startOf(line), lines.endOf(line));
      at += lines.endOf(line) - lines.startOf(line);
    }
    writer.out.copyWithin(family.linesStart, writer.at, at);
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
  #assemble(push: PushToEncode): Uint8Array | undefined {
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
    const { record, start } = allocatePushRecord(
      push,
      4 + layoutLength + 4 * families.length + linesLength + sidesLength,
    );
    let at = writeCount(record, start, layoutLength);
    at = writeCount(record, at, families.length);
    for (const { type, nameStart, nameEnd, helpStart, helpEnd } of families) {
      record[at++] = type;
      record[at++] = helpEnd < 0 ? 0 : 1;
      at = writePart(record, at, body, nameStart, nameEnd);
      if (helpEnd >= 0) at = writePart(record, at, body, helpStart, helpEnd);
    }
    const layout = record.subarray(start + 4, at);
    let end = 0;
    for (const { linesStart, linesEnd } of families) {
      end += linesEnd - linesStart;
      at = writeCount(record, at, end);
    }
    for (const { linesStart, linesEnd } of families) {
      at += this.#writer.out.copy(record, at, linesStart, linesEnd);
    }
    at = writeCount(record, at, sideCount);
    for (const [i, { order }] of families.entries()) {
      if (order === undefined) continue;
      at = writeCount(record, at, i);
      at = writeCount(record, at, order.length);
      for (const line of order) at = writeCount(record, at, line);
      at = writeCount(record, at, 0);
    }
    if (sideCount === 0) {
      this.#outlines.keep(
        layout,
        families.map(({ index }) => index),
      );
    }
    return record;
  }
}
