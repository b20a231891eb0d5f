import type { ByteString } from "../model/byte-string.ts";
import type { Label, Metric, MetricFamily, MetricType } from "../model/metric-family.ts";
import { isLegacyLabelName, isLegacyMetricName, isUtf8Name } from "../model/names.ts";
import { readFloat } from "./float.ts";
import { addSample, boundLabel, isHistogram, type NameOwner, repeatedName, TextAssembly } from "./text-assembly.ts";
import * as scan from "./text-scanner.ts";
import { quoteForMessage, TextScanner } from "./text-scanner.ts";

export interface TextParserOptions {
  /** Are names allowed that need quotes? Otherwise a quoted name must still be a legacy one. */
  readonly utf8Names: boolean;
}

/**
 * Reads the text format 0.0.4, and accepts what the Go parser (github.com/prometheus/common, `expfmt`) accepts, with its leniency
 * and its strictness: blanks are welcome almost anywhere but after a value, every line must end in LF, CR is not part of a line end.
 *
 * Families come in the order in which they were first named, metrics and labels as pushed. Families without samples are left out.
 * Timestamps are kept in `metric.timestamp`.
 *
 * A line without any name, `{a="b"} 1`, continues the metric of the sample line before, which is then listed twice, as upstream.
 *
 * Deviations, where the Go parser crashes or mixes metrics up: such a line is an error after another one of its kind and after a
 * comment that names a family; and in `{…}` lines, `le` and `quantile` belong to the family that is named there, not to the one of
 * the line before.
 *
 * @throws WaystationError `PARSE` with the position of what was found
 */
export function parseText(body: Uint8Array, options: TextParserOptions): MetricFamily[] {
  return new TextParser(body, options).parse();
}

const TYPES: ReadonlyMap<string, MetricType> = new Map([
  ["counter", "counter"],
  ["gauge", "gauge"],
  ["summary", "summary"],
  ["untyped", "untyped"],
  ["histogram", "histogram"],
  ["gauge_histogram", "gauge_histogram"],
  ["gaugehistogram", "gauge_histogram"],
]);

/** What may fit into 64 bits: a sign, zeros, and up to 19 digits that count. */
const INTEGER = /^([+-]?)0*([0-9]{1,19})$/;

class TextParser {
  readonly #in: TextScanner;
  readonly #assembly = new TextAssembly();
  readonly #isMetricName: (name: ByteString) => boolean;
  readonly #isLabelName: (name: ByteString) => boolean;

  /** Whom the name read last belongs to, and the metric read last: a sample without a name goes there. */
  #owner: NameOwner | undefined;
  #ownedName: ByteString | undefined;
  #metric: Metric | undefined;
  /** Has the name read last quotes? Otherwise its characters are known to be legacy ones. */
  #quotedName = false;
  /** Of the labels read last: where their values begin. */
  readonly #valueStarts: number[] = [];

  constructor(body: Uint8Array, options: TextParserOptions) {
    this.#in = new TextScanner(body, "text format");
    this.#isMetricName = options.utf8Names ? isUtf8Name : isLegacyMetricName;
    this.#isLabelName = options.utf8Names ? isUtf8Name : isLegacyLabelName;
  }

  parse(): MetricFamily[] {
    const input = this.#in;
    while (input.at < input.end) {
      this.#readLine();
    }
    input.skipBlanks();
    if (input.at < input.bytes.length) {
      throw input.error(
        "unexpected end of input stream, expected a new-line: end every line with a line feed, also the last one",
        input.bytes.length,
      );
    }
    return this.#assembly.families();
  }

  #readLine(): void {
    const input = this.#in;
    input.skipBlanks();
    switch (input.bytes[input.at]) {
      case scan.LF:
        input.at++;
        break;
      case scan.HASH:
        input.at++;
        this.#readComment();
        break;
      default:
        this.#readSample();
    }
  }

  #readComment(): void {
    const input = this.#in;
    input.skipBlanks();
    const start = input.skipWord();
    const isHelp = input.isWord(start, "HELP");
    if (!isHelp && !input.isWord(start, "TYPE")) {
      input.skipLine();
      return;
    }
    input.skipBlanks();
    const nameStart = input.at;
    const name = this.#readName(scan.METRIC_NAME_START, scan.METRIC_NAME_PART);
    if (input.bytes[input.at] === scan.LF) {
      input.at++;
      return;
    }
    if ((scan.BYTE_CLASSES[input.bytes[input.at]!]! & scan.BLANK) === 0) {
      throw input.error(`invalid metric name in comment, expected a blank after the name, found ${input.found()}`);
    }
    this.#own(name, nameStart);
    this.#metric = undefined;
    input.skipBlanks();
    if (input.bytes[input.at] === scan.LF) {
      input.at++;
    } else if (isHelp) {
      this.#readHelp(nameStart);
    } else {
      this.#readType(nameStart);
    }
  }

  #readHelp(nameStart: number): void {
    const input = this.#in;
    const { family } = this.#owner!.draft;
    if (family.help !== undefined) {
      throw input.error(`second HELP line for metric name ${quoteForMessage(family.name)}`, nameStart);
    }
    const end = input.bytes.indexOf(scan.LF, input.at);
    family.help = input.unescapeRange(input.at, end);
    input.at = end + 1;
  }

  #readType(nameStart: number): void {
    const input = this.#in;
    const { draft } = this.#owner!;
    if (draft.typed) {
      const name = quoteForMessage(draft.family.name);
      throw input.error(`second TYPE line for metric name ${name}, or TYPE reported after samples`, nameStart);
    }
    const end = input.bytes.indexOf(scan.LF, input.at);
    // The Go parser drops backslashes here.
    const type = TYPES.get(input.slice(input.at, end).replaceAll("\\", "").toLowerCase());
    if (type === undefined) {
      const found = input.quote(input.at, end);
      throw input.error(`unknown metric type ${found}, expected one of ${[...TYPES.keys()].join(", ")}`);
    }
    draft.family.type = type;
    draft.typed = true;
    input.at = end + 1;
  }

  #readSample(): void {
    const input = this.#in;
    const start = input.at;
    const labels: Label[] = [];
    let named = false;
    if (input.bytes[start] !== scan.OPENING_BRACE) {
      const name = this.#readName(scan.METRIC_NAME_START, scan.METRIC_NAME_PART);
      if (input.at === start) {
        throw input.error(`invalid metric name, expected a name, '{' or '#', found ${input.found()}`);
      }
      this.#own(name, start);
      named = true;
      input.skipBlanks();
    }
    this.#valueStarts.length = 0;
    if (input.bytes[input.at] === scan.OPENING_BRACE) {
      input.at++;
      named = this.#readLabels(labels, named);
      input.skipBlanks();
    }
    if (this.#owner === undefined || (!named && this.#metric === undefined)) {
      throw input.error("invalid metric name, expected one before or inside the braces", start);
    }
    const { draft, role } = this.#owner;
    draft.typed = true;
    const bound = this.#takeBound(labels, draft.family.type);
    this.#requireUniqueNames(labels);

    const valueStart = input.skipWord();
    const value = readFloat(input.bytes, valueStart, input.at);
    if (value === undefined) {
      const hint = input.bytes[input.at - 1] === scan.CR ? ": lines must end with LF alone, not with CR and LF" : "";
      throw input.error(`expected float as value, got ${input.quote(valueStart, input.at)}${hint}`, valueStart);
    }
    if (
      value < 0 &&
      isHistogram(draft.family.type) &&
      (role === "count" || (role === "plain" && !Number.isNaN(bound)))
    ) {
      throw input.error(`negative count for histogram ${quoteForMessage(draft.family.name)}`, valueStart);
    }
    let metric: Metric = { labels };
    if (!named) {
      metric = this.#metric!;
      metric.labels = metric.labels.concat(labels);
    }
    metric = addSample(this.#owner, metric, labels, bound, value);
    this.#metric = named ? metric : undefined;
    if (input.bytes[input.at] !== scan.LF) {
      metric.timestamp = this.#readTimestamp();
    }
    input.at++;
  }

  /** Reads from behind the opening brace to behind the closing one. Returns whether there was a name of the metric, here or before. */
  #readLabels(labels: Label[], alreadyNamed: boolean): boolean {
    const input = this.#in;
    const { bytes } = input;
    let named = alreadyNamed;
    for (;;) {
      input.skipBlanks();
      if (bytes[input.at] === scan.CLOSING_BRACE) {
        break;
      }
      const nameStart = input.at;
      const name = this.#readName(scan.LABEL_NAME_START, scan.LABEL_NAME_PART);
      if (input.at === nameStart) {
        throw input.error(`invalid label name, expected a name or '}', found ${input.found()}`, nameStart);
      }
      input.skipBlanks();
      if (bytes[input.at] === scan.EQUALS) {
        this.#requireLabelName(name, nameStart);
        labels.push({ name, value: this.#readLabelValue() });
      } else if (alreadyNamed) {
        throw input.error(`expected '=' after label name, found ${input.found()}`);
      } else if (named) {
        throw input.error(`multiple metric names, expected '=' after label name, found ${input.found()}`);
      } else {
        this.#own(name, nameStart);
        named = true;
      }
      if (bytes[input.at] === scan.CLOSING_BRACE) {
        break;
      }
      if (bytes[input.at] !== scan.COMMA) {
        throw input.error(`expected ',' or '}' after a label or name, found ${input.found()}`);
      }
      input.at++;
    }
    input.at++;
    return named;
  }

  /** Reads from the equals sign to the first byte behind the value that is not blank. */
  #readLabelValue(): ByteString {
    const input = this.#in;
    input.at++;
    input.skipBlanks();
    if (input.bytes[input.at] !== scan.QUOTE) {
      throw input.error(`expected '"' at start of label value, found ${input.found()}`);
    }
    const start = input.at;
    const value = input.readQuoted();
    if (!input.isUtf8(start)) {
      throw input.error(`invalid label value ${input.quote(start, input.at)}, expected UTF-8`, start);
    }
    this.#valueStarts.push(start);
    input.skipBlanks();
    return value;
  }

  /** Reads a name, of which the rest may be quoted; empty if there is none. */
  #readName(startClass: number, partClass: number): ByteString {
    const name = this.#in.readName(startClass, partClass);
    this.#quotedName = this.#in.bytes[this.#in.at] === scan.QUOTE;
    return this.#quotedName ? name + this.#in.readQuoted() : name;
  }

  #own(name: ByteString, start: number): void {
    if (this.#quotedName && !this.#isMetricName(name)) {
      throw this.#in.error(`invalid metric name ${quoteForMessage(name)}`, start);
    }
    // Most lines have the name of the line before.
    if (name !== this.#ownedName) {
      this.#owner = this.#assembly.owner(name);
      this.#ownedName = name;
    }
  }

  #requireLabelName(name: ByteString, start: number): void {
    if (name === "__name__") {
      throw this.#in.error('label name "__name__" is reserved', start);
    }
    if (this.#quotedName && !this.#isLabelName(name)) {
      throw this.#in.error(`invalid label name ${quoteForMessage(name)}`, start);
    }
  }

  /** Removes the bound label (of several, the last counts) and returns its number, NaN if there is none. */
  #takeBound(labels: Label[], type: MetricType): number {
    const boundName = boundLabel(type);
    let bound = NaN;
    if (boundName !== undefined) {
      const starts = this.#valueStarts;
      let kept = 0;
      for (let i = 0; i < labels.length; i++) {
        const label = labels[i]!;
        if (label.name === boundName) {
          bound = this.#readBound(boundName, label.value, starts[i]!);
        } else {
          starts[kept] = starts[i]!;
          labels[kept++] = label;
        }
      }
      labels.length = kept;
    }
    return bound;
  }

  /** Reads the number from the body itself: with an escape in it, it would not be one. */
  #readBound(boundName: string, text: ByteString, start: number): number {
    const bound = readFloat(this.#in.bytes, start + 1, start + 1 + text.length);
    if (bound === undefined) {
      const got = quoteForMessage(text);
      throw this.#in.error(`expected float as value for '${boundName}' label, got ${got}`, start);
    }
    return bound;
  }

  #requireUniqueNames(labels: readonly Label[]): void {
    const repeated = repeatedName(labels);
    if (repeated >= 0) {
      const name = quoteForMessage(labels[repeated]!.name);
      throw this.#in.error(`duplicate label names, found ${name} again`, this.#valueStarts[repeated]!);
    }
  }

  /** Reads from behind the value up to the end of the line. */
  #readTimestamp(): bigint {
    const input = this.#in;
    input.skipBlanks();
    const start = input.skipWord();
    const text = input.slice(start, input.at);
    const [, sign, digits] = INTEGER.exec(text) ?? [];
    const timestamp = digits === undefined ? undefined : BigInt(`${sign === "-" ? "-" : ""}${digits}`);
    if (timestamp === undefined || BigInt.asIntN(64, timestamp) !== timestamp) {
      throw input.error(`expected integer as timestamp, got ${input.quote(start, input.at)}`, start);
    }
    if (input.bytes[input.at] !== scan.LF) {
      const end = input.bytes.indexOf(scan.LF, input.at);
      throw input.error(`spurious string after timestamp: ${input.quote(input.at, end)}`);
    }
    return timestamp;
  }
}
