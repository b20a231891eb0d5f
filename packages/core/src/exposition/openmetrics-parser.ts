import { isUtf8 } from "node:buffer";
import { type ByteString, fromByteString } from "../model/byte-string.ts";
import type { Exemplar, Label, MetricFamily, Timestamp } from "../model/metric-family.ts";
import { isLegacyLabelName, isLegacyMetricName, isUtf8Name } from "../model/names.ts";
import { readFloat } from "./float.ts";
import { OPENMETRICS_TYPES, OpenMetricsAssembly } from "./openmetrics-assembly.ts";
import { repeatedName } from "./text-assembly.ts";
import type { TextParserOptions } from "./text-parser.ts";
import * as scan from "./text-scanner.ts";
import { quoteForMessage, TextScanner } from "./text-scanner.ts";

/** As the specification has it, in characters of all names and values. */
const EXEMPLAR_LABELS_LIMIT = 128;

/** What `google.protobuf.Timestamp` can hold: the years 1 to 9999. */
const MIN_SECONDS = -62_135_596_800n;
const MAX_SECONDS = 253_402_300_799n;

const DECIMAL = /^([+-]?)([0-9]{0,40})(?:\.([0-9]{0,40}))?(?:e([+-]?[0-9]{1,2}))?$/i;

/**
 * Reads OpenMetrics text 1.0 (github.com/prometheus/OpenMetrics, `specification/OpenMetrics.md`), strictly: single blanks, no blank
 * lines, no comments but descriptors, `# EOF` at the end, families and metrics each in one piece. Quoted UTF-8 names are read as in the
 * text format, which 1.0 does not have but Prometheus 3 does.
 *
 * - Counters get the name that Prometheus knows them by, with `_total`; infos with `_info`.
 * - Infos and statesets become gauges, unknown metrics untyped ones.
 * - `_created` samples become `created` of their metric. Units are kept. The time of a sample is kept in `metric.timestamp`.
 * - A histogram whose counts are not integers is taken as one of floats, although the specification demands integers.
 *
 * @throws WaystationError `PARSE` with the position of what was found
 */
export function parseOpenMetrics(body: Uint8Array, options: TextParserOptions): MetricFamily[] {
  return new OpenMetricsParser(body, options).parse();
}

class OpenMetricsParser {
  readonly #in: TextScanner;
  readonly #assembly: OpenMetricsAssembly;
  readonly #utf8Names: boolean;
  /** Has `# EOF` been read? */
  #ended = false;

  constructor(body: Uint8Array, options: TextParserOptions) {
    this.#in = new TextScanner(body, "OpenMetrics");
    this.#assembly = new OpenMetricsAssembly(this.#in);
    this.#utf8Names = options.utf8Names;
  }

  parse(): MetricFamily[] {
    const input = this.#in;
    this.#requireUtf8();
    while (input.at < input.end && !this.#ended) {
      if (input.bytes[input.at] === scan.HASH) {
        this.#readDescriptor();
      } else {
        this.#readSample();
      }
    }
    // The last line may lack its LF.
    if (!this.#ended && input.slice(input.at, input.bytes.length) === "# EOF") {
      input.at = input.bytes.length;
      this.#ended = true;
    }
    if (!this.#ended) {
      throw input.error("unexpected end of input stream, expected '# EOF'", input.bytes.length);
    }
    if (input.at < input.bytes.length) {
      throw input.error(`expected nothing after '# EOF', found ${input.found()}`);
    }
    return this.#assembly.finish();
  }

  #requireUtf8(): void {
    const { bytes } = this.#in;
    if (isUtf8(bytes)) {
      return;
    }
    for (let start = 0; start < bytes.length; ) {
      const lf = bytes.indexOf(scan.LF, start);
      const end = lf < 0 ? bytes.length : lf;
      if (!isUtf8(bytes.subarray(start, end))) {
        throw this.#in.error("bytes that are not UTF-8, expected UTF-8", start);
      }
      start = end + 1;
    }
  }

  #readDescriptor(): void {
    const input = this.#in;
    input.at++;
    this.#expect(scan.SPACE, "' ' after '#'");
    const start = input.skipWord();
    const keyword = input.slice(start, input.at);
    if (keyword === "EOF") {
      this.#expect(scan.LF, "a new-line after '# EOF'");
      this.#ended = true;
      return;
    }
    const kind = ({ HELP: "help", TYPE: "type", UNIT: "unit" } as const)[keyword];
    if (kind === undefined) {
      throw input.error(`expected HELP, TYPE, UNIT or EOF, got ${input.quote(start, input.at)}`, start);
    }
    this.#expect(scan.SPACE, `' ' after ${keyword}`);
    const nameStart = input.at;
    const name = this.#readName(scan.METRIC_NAME_START, scan.METRIC_NAME_PART);
    this.#requireMetricName(name, nameStart);
    this.#expect(scan.SPACE, "' ' after the name");
    const textStart = input.at;
    const text = kind === "help" ? this.#readHelp() : this.#readRestOfLine();
    if (kind === "type" && !OPENMETRICS_TYPES.has(text)) {
      const expected = [...OPENMETRICS_TYPES.keys()].join(", ");
      throw input.error(`unknown metric type ${quoteForMessage(text)}, expected one of ${expected}`, textStart);
    }
    this.#assembly.describe(kind, name, text, nameStart);
  }

  #readRestOfLine(): ByteString {
    const start = this.#in.at;
    this.#in.skipLine();
    return this.#in.slice(start, this.#in.at - 1);
  }

  #readHelp(): ByteString {
    const input = this.#in;
    const end = input.bytes.indexOf(scan.LF, input.at);
    const text = input.unescapeRange(input.at, end);
    input.at = end + 1;
    return text;
  }

  #readSample(): void {
    const input = this.#in;
    const start = input.at;
    const labels: Label[] = [];
    let name: ByteString | undefined;
    if (input.bytes[start] !== scan.OPENING_BRACE) {
      name = this.#readName(scan.METRIC_NAME_START, scan.METRIC_NAME_PART);
      this.#requireMetricName(name, start);
    }
    if (input.bytes[input.at] === scan.OPENING_BRACE) {
      name = this.#readLabels(labels, name);
    }
    if (name === undefined) {
      throw input.error("invalid metric name, expected one before or inside the braces", start);
    }
    this.#expect(scan.SPACE, "' ' before the value");
    const valueStart = input.at;
    const value = this.#readNumber("value");
    const valueEnd = input.at;
    const timestamp = this.#nextIs(scan.HASH) ? undefined : this.#readTimestamp();
    const exemplar = this.#readExemplar();
    this.#expect(scan.LF, "a new-line");
    const valueTimestamp = () => parseTimestamp(input.slice(valueStart, valueEnd));
    this.#assembly.add({ name, start, labels, value, valueStart, valueTimestamp, timestamp, exemplar });
  }

  /** Is the byte after the one here this one? */
  #nextIs(byte: number): boolean {
    return this.#in.bytes[this.#in.at] === scan.SPACE && this.#in.bytes[this.#in.at + 1] === byte;
  }

  #readNumber(what: string): number {
    const input = this.#in;
    const start = input.skipWord();
    const value = readFloat(input.bytes, start, input.at);
    if (value === undefined) {
      throw input.error(`expected a number as ${what}, got ${input.quote(start, input.at)}`, start);
    }
    return value;
  }

  /** Reads a blank and a time in seconds, unless the line ends here. */
  #readTimestamp(): Timestamp | undefined {
    const input = this.#in;
    if (input.bytes[input.at] === scan.LF) {
      return undefined;
    }
    this.#expect(scan.SPACE, "' ' or a new-line");
    const start = input.skipWord();
    const timestamp = parseTimestamp(input.slice(start, input.at));
    if (timestamp === undefined) {
      const got = input.quote(start, input.at);
      throw input.error(`expected a time in seconds as timestamp, got ${got}`, start);
    }
    return timestamp;
  }

  /** Reads ` # {…} 1 2`, if that follows. */
  #readExemplar(): Exemplar | undefined {
    if (!this.#nextIs(scan.HASH)) {
      return undefined;
    }
    const input = this.#in;
    input.at += 2;
    this.#expect(scan.SPACE, "' ' after '#'");
    const start = input.at;
    if (input.bytes[start] !== scan.OPENING_BRACE) {
      throw input.error(`expected '{' at the start of an exemplar, found ${input.found()}`);
    }
    const labels: Label[] = [];
    // A name of its own would be taken for that of a metric, so it is given one.
    this.#readLabels(labels, "");
    const length = labels.reduce((sum, { name, value }) => sum + [...fromByteString(name + value)].length, 0);
    if (length > EXEMPLAR_LABELS_LIMIT) {
      throw input.error(
        `labels of an exemplar with ${length} characters, expected at most ${EXEMPLAR_LABELS_LIMIT}`,
        start,
      );
    }
    this.#expect(scan.SPACE, "' ' before the exemplar's value");
    const value = this.#readNumber("exemplar's value");
    const timestamp = this.#readTimestamp();
    return timestamp === undefined ? { labels, value } : { labels, value, timestamp };
  }

  /** Reads from the opening brace to behind the closing one; returns the name, which may be in there if it is not known yet. */
  #readLabels(labels: Label[], knownName: ByteString | undefined): ByteString | undefined {
    const input = this.#in;
    const { bytes } = input;
    const start = input.at++;
    let metricName = knownName;
    if (bytes[input.at] !== scan.CLOSING_BRACE) {
      metricName = this.#readLabel(labels, metricName);
      while (bytes[input.at] === scan.COMMA) {
        input.at++;
        metricName = this.#readLabel(labels, metricName);
      }
    }
    this.#expect(scan.CLOSING_BRACE, "',' or '}' after a label");
    const repeated = repeatedName(labels);
    if (repeated >= 0) {
      throw input.error(`duplicate label names, found ${quoteForMessage(labels[repeated]!.name)} again`, start);
    }
    return metricName;
  }

  /** Reads a label, or the name of the metric if it is not known. Returns the latter. */
  #readLabel(labels: Label[], metricName: ByteString | undefined): ByteString | undefined {
    const input = this.#in;
    const start = input.at;
    const name = this.#readName(scan.LABEL_NAME_START, scan.LABEL_NAME_PART);
    if (metricName === undefined && input.bytes[start] === scan.QUOTE && input.bytes[input.at] !== scan.EQUALS) {
      this.#requireMetricName(name, start);
      return name;
    }
    this.#expect(scan.EQUALS, "a label name and '='");
    this.#requireLabelName(name, start);
    if (input.bytes[input.at] !== scan.QUOTE) {
      throw input.error(`expected '"' at start of label value, found ${input.found()}`);
    }
    labels.push({ name, value: input.readQuoted() });
    return metricName;
  }

  /** Reads a name, in quotes or not; empty if there is none. */
  #readName(startClass: number, partClass: number): ByteString {
    const input = this.#in;
    return input.bytes[input.at] === scan.QUOTE ? input.readQuoted() : input.readName(startClass, partClass);
  }

  #requireMetricName(name: ByteString, start: number): void {
    if (!(this.#utf8Names ? isUtf8Name(name) : isLegacyMetricName(name))) {
      const found = name === "" ? this.#in.found() : quoteForMessage(name);
      throw this.#in.error(`invalid metric name, expected a name, '{' or '# ', found ${found}`, start);
    }
  }

  #requireLabelName(name: ByteString, start: number): void {
    if (name === "__name__" || !(this.#utf8Names ? isUtf8Name(name) : isLegacyLabelName(name))) {
      throw this.#in.error(`invalid or reserved label name ${quoteForMessage(name)}`, start);
    }
  }

  #expect(byte: number, what: string): void {
    if (this.#in.bytes[this.#in.at] !== byte) {
      throw this.#in.error(`expected ${what}, found ${this.#in.found()}`);
    }
    this.#in.at++;
  }
}

/** Reads seconds in decimal, without loss down to nanoseconds, which end the fraction. Undefined if that is no time. */
function parseTimestamp(text: string): Timestamp | undefined {
  const [, sign, integer = "", fraction = "", exponent = "0"] = DECIMAL.exec(text) ?? [];
  if (sign === undefined || integer + fraction === "") {
    return undefined;
  }
  const scale = BigInt(9 - fraction.length + Number(exponent));
  const digits = BigInt(`${sign === "-" ? "-" : ""}${integer}${fraction}`);
  const nanos = scale >= 0n ? digits * 10n ** scale : digits / 10n ** -scale;
  const remainder = ((nanos % 1_000_000_000n) + 1_000_000_000n) % 1_000_000_000n;
  const seconds = (nanos - remainder) / 1_000_000_000n;
  return seconds >= MIN_SECONDS && seconds <= MAX_SECONDS ? { seconds, nanos: Number(remainder) } : undefined;
}

const EOF = Buffer.from("# EOF");

/** Does a body end as OpenMetrics must, with or without the last line feed? */
export function endsWithEof(body: Uint8Array): boolean {
  const end = body[body.length - 1] === scan.LF ? body.length - 1 : body.length;
  return end >= EOF.length && EOF.equals(body.subarray(end - EOF.length, end));
}
