import { ESCAPING_SCHEMES, type EscapingScheme } from "../model/names.ts";
import { parseFloatText } from "./float.ts";

/**
 * Which format and which compression a scrape is answered with. Decides like the Go implementation: the format like
 * github.com/prometheus/common `expfmt` on github.com/munnerz/goautoneg, the compression like client_golang's `promhttp`. Both
 * have habits of their own, which are kept because scrapers have come to depend on what they get.
 */

export type ExpositionSyntax =
  | "text"
  | "openmetrics"
  | "protobuf-delimited"
  | "protobuf-text"
  | "protobuf-compact-text";

export interface ExpositionFormat {
  readonly syntax: ExpositionSyntax;
  /** Of the text formats; undefined for protobuf. */
  readonly version: "0.0.4" | "0.0.1" | "1.0.0" | undefined;
  readonly escaping: EscapingScheme;
  /** The value of the Content-Type header. */
  readonly contentType: string;
}

export interface FormatOptions {
  /**
   * When to answer with OpenMetrics, which the Go Pushgateway never does: `alone` if the header accepts nothing else that is on
   * offer, `by-weight` also beside other formats. Prometheus always asks for OpenMetrics first, and it renames counters whose names
   * do not end in `_total`, so `by-weight` changes series that dashboards may depend on. Default: `never`.
   */
  readonly openMetrics?: "never" | "alone" | "by-weight";
}

export type ContentEncoding = "identity" | "gzip" | "zstd";

export interface EncodingOptions {
  /** Offer zstd, which the Go Pushgateway does not. Default: false */
  readonly zstd?: boolean;
}

interface Offer {
  readonly syntax: ExpositionSyntax;
  readonly version?: ExpositionFormat["version"];
  readonly mediaType: string;
}

const PROTOBUF_TYPE = "application/vnd.google.protobuf";
const PROTOBUF_MESSAGE = "io.prometheus.client.MetricFamily";

const TEXT: Offer = { syntax: "text", version: "0.0.4", mediaType: "text/plain; version=0.0.4; charset=utf-8" };

const PROTOBUF_BY_ENCODING: ReadonlyMap<string | undefined, Offer> = new Map(
  (["delimited", "text", "compact-text"] as const).map((encoding) => [
    encoding,
    {
      syntax: `protobuf-${encoding}`,
      mediaType: `${PROTOBUF_TYPE}; proto=${PROTOBUF_MESSAGE}; encoding=${encoding}`,
    },
  ]),
);

const OPENMETRICS_TYPE = "application/openmetrics-text";
const OPENMETRICS_BY_VERSION: ReadonlyMap<string, Offer> = new Map(
  (["0.0.1", "1.0.0"] as const).map((version) => [
    version,
    { syntax: "openmetrics", version, mediaType: `${OPENMETRICS_TYPE}; version=${version}; charset=utf-8` },
  ]),
);

/**
 * The format for an `Accept` header: the best clause that names one; if there is none, text. A weight of zero does not exclude a
 * clause, and a wildcard matches no format in particular, though it stands behind all others. `escaping` is taken from every clause
 * down to the one that decides, whether or not that clause names a format.
 *
 * @param accept The first `Accept` header of the request; further ones are ignored upstream
 */
export function negotiateFormat(accept: string | undefined, options: FormatOptions = {}): ExpositionFormat {
  let escaping: EscapingScheme = "underscores";
  const clauses = parseAccept(accept ?? "");
  const openMetrics =
    options.openMetrics === "by-weight" || (options.openMetrics === "alone" && !clauses.some(acceptsOtherFormat));
  for (const clause of clauses) {
    escaping = ESCAPING_SCHEMES.find((scheme) => scheme === clause.parameters.get("escaping")) ?? escaping;
    const offer = offerFor(clause, openMetrics);
    if (offer !== undefined) {
      return toFormat(offer, escaping);
    }
  }
  return toFormat(TEXT, escaping);
}

function toFormat({ syntax, version, mediaType }: Offer, escaping: EscapingScheme): ExpositionFormat {
  return { syntax, version, escaping, contentType: `${mediaType}; escaping=${escaping}` };
}

/** Does a clause name a format that is always on offer, if only by a wildcard? */
function acceptsOtherFormat(clause: Clause): boolean {
  const { type, subtype } = clause;
  return type === "*" || (type === "text" && subtype === "*") || offerFor(clause, false) !== undefined;
}

function offerFor({ type, subtype, parameters }: Clause, openMetrics: boolean): Offer | undefined {
  const version = parameters.get("version");
  switch (`${type}/${subtype}`) {
    case PROTOBUF_TYPE:
      return parameters.get("proto") === PROTOBUF_MESSAGE
        ? PROTOBUF_BY_ENCODING.get(parameters.get("encoding"))
        : undefined;
    case "text/plain":
      return version === undefined || version === TEXT.version ? TEXT : undefined;
    case OPENMETRICS_TYPE:
      return openMetrics ? OPENMETRICS_BY_VERSION.get(version ?? "0.0.1") : undefined;
    default:
      return undefined;
  }
}

/** Sorting takes time by the square of this. No client sends more than a few. */
const MAX_CLAUSES = 200;

interface Clause {
  readonly type: string;
  readonly subtype: string;
  /** The weight, 1 if none is given. */
  readonly q: number;
  readonly parameters: ReadonlyMap<string, string>;
}

/** The clauses of an `Accept` header, best first. Names are case-sensitive; what is malformed is left out. */
function parseAccept(header: string): Clause[] {
  const clauses: Clause[] = [];
  for (const part of header.split(",", MAX_CLAUSES)) {
    const [range, parameters] = cut(trimSpaces(part), ";");
    const [typeText, subtypes] = cut(range, "/");
    const type = trimSpaces(typeText);
    if (subtypes !== "") {
      const [subtype, rest] = cut(subtypes, "/");
      if (rest === "") {
        clauses.push({ type, subtype: trimSpaces(subtype), ...parseParameters(parameters) });
      }
    } else if (type === "*") {
      clauses.push({ type, subtype: "*", ...parseParameters(parameters) });
    }
  }
  return sortClauses(clauses);
}

function parseParameters(text: string): Pick<Clause, "q" | "parameters"> {
  let q = 1;
  const parameters = new Map<string, string>();
  for (const parameter of text.split(";")) {
    const [name, valueText] = cut(parameter, "=");
    const [value, rest] = cut(valueText, "=");
    if (valueText === "" || rest !== "") {
      continue;
    }
    const token = trimSpaces(name);
    if (token === "q") {
      // Not trimmed: `q= 0.5` is not a number, which counts as zero.
      q = Math.fround(parseFloatText(value) ?? 0);
    } else {
      parameters.set(token, trimSpaces(value));
    }
  }
  return { q, parameters };
}

/** What is before and after the first separator. */
function cut(text: string, separator: string): [string, string] {
  const at = text.indexOf(separator);
  return at < 0 ? [text, ""] : [text.slice(0, at), text.slice(at + 1)];
}

function trimSpaces(text: string): string {
  let start = 0;
  let end = text.length;
  while (start < end && text[start] === " ") {
    start++;
  }
  while (end > start && text[end - 1] === " ") {
    end--;
  }
  return text.slice(start, end);
}

/**
 * Insertion sort, because the relation is no order (a wildcard goes behind everything, even if its weight is higher) and another
 * algorithm would arrange some headers differently.
 */
function sortClauses(clauses: Clause[]): Clause[] {
  for (let i = 1; i < clauses.length; i++) {
    for (let j = i; j > 0 && goesBefore(clauses[j]!, clauses[j - 1]!); j--) {
      [clauses[j - 1], clauses[j]] = [clauses[j]!, clauses[j - 1]!];
    }
  }
  return clauses;
}

function goesBefore(a: Clause, b: Clause): boolean {
  return a.q > b.q || (a.type !== "*" && b.type === "*") || (a.subtype !== "*" && b.subtype === "*");
}

/**
 * The compression for an `Accept-Encoding` header: the one with the highest weight; of equals, identity before gzip before zstd. `*`
 * stands for any of them. Names are case-sensitive, and what follows a malformed part is ignored.
 */
export function negotiateEncoding(acceptEncoding: string | undefined): "identity" | "gzip";
export function negotiateEncoding(acceptEncoding: string | undefined, options: EncodingOptions): ContentEncoding;
export function negotiateEncoding(acceptEncoding: string | undefined, options: EncodingOptions = {}): ContentEncoding {
  const offers: ContentEncoding[] = options.zstd ? ["identity", "gzip", "zstd"] : ["identity", "gzip"];
  const codings = parseAcceptEncoding(acceptEncoding ?? "");
  let best: ContentEncoding = "identity";
  let bestQ = 0;
  for (const offer of offers) {
    for (const { name, q } of codings) {
      if (q > bestQ && (name === offer || name === "*")) {
        best = offer;
        bestQ = q;
      }
    }
  }
  return best;
}

interface Coding {
  readonly name: string;
  readonly q: number;
}

/** A name and perhaps a weight, with the blanks around them: each of these has one way to match. */
const CODING =
  /([!#$%&'*+\-.^_`|~\w/]+)[ \t\r\n]*(?:(;)[ \t\r\n]*(?:q=([01])(\.[0-9]*)?[ \t\r\n]*)?)?((?:,[ \t\r\n]*)?)/y;

function parseAcceptEncoding(header: string): Coding[] {
  const codings: Coding[] = [];
  CODING.lastIndex = 0;
  for (let more = true; more; ) {
    const [, name, semicolon, integer, fraction = ".", comma] = CODING.exec(header) ?? [];
    if (name === undefined || (semicolon !== undefined && integer === undefined)) {
      break;
    }
    codings.push({ name, q: Number(integer ?? 1) + Number(`0${fraction}`) });
    more = comma !== "";
  }
  return codings;
}
