import { type ByteString, fromByteString, isValidUtf8, toByteString } from "./byte-string.ts";
import type { Label, Metric, MetricFamily } from "./metric-family.ts";

/**
 * Metric and label names, and how names outside the legacy character set are escaped.
 *
 * Source: github.com/prometheus/common, `model/metric.go` (escaping schemes) and `model/labelname.go`.
 */

const LEGACY_METRIC_NAME = /^[a-zA-Z_:][a-zA-Z0-9_:]*$/;
const LEGACY_LABEL_NAME = /^[a-zA-Z_][a-zA-Z0-9_]*$/;

export function isLegacyMetricName(name: ByteString): boolean {
  return LEGACY_METRIC_NAME.test(name);
}

export function isLegacyLabelName(name: ByteString): boolean {
  return LEGACY_LABEL_NAME.test(name);
}

/** Any non-empty UTF-8, which Prometheus 3 accepts for metric and label names alike. */
export function isUtf8Name(name: ByteString): boolean {
  return name.length > 0 && isValidUtf8(name);
}

/** What a scraper may ask for with `escaping=`. */
export const ESCAPING_SCHEMES = ["allow-utf-8", "underscores", "dots", "values"] as const;

/**
 * How names are spelled for a scraper that does not take UTF-8 names. A character outside the legacy set becomes, by scheme:
 *
 * - `allow-utf-8`: itself;
 * - `underscores`: `_` (different names may become the same one);
 * - `dots`: `__`, but a dot becomes `_dot_`, and an underscore `__`;
 * - `values`: its hexadecimal code point between underscores, after the prefix `U__` for the whole name; an underscore `__`.
 */
export type EscapingScheme = (typeof ESCAPING_SCHEMES)[number];

const VALUES_PREFIX = "U__";

/** Spells a metric name. Except for `dots`, a legacy one stays as it is. Bytes that are not UTF-8 count as U+FFFD each. */
export function escapeName(name: ByteString, scheme: EscapingScheme): ByteString {
  return escapeBy(isLegacyMetricName, name, scheme);
}

/**
 * Spells a label name. Unlike upstream, a colon is escaped too: it is legal in metric names only, and a scrape with such a label
 * cannot be read by anyone.
 */
export function escapeLabelName(name: ByteString, scheme: EscapingScheme): ByteString {
  return escapeBy(isLegacyLabelName, name, scheme);
}

function escapeBy(isLegacy: (name: ByteString) => boolean, name: ByteString, scheme: EscapingScheme): ByteString {
  if (scheme === "allow-utf-8" || (scheme !== "dots" && isLegacy(name)) || name.length === 0) {
    return name;
  }
  const escapeCharacter = CHARACTER_ESCAPES[scheme];
  let escaped = scheme === "values" ? VALUES_PREFIX : "";
  let first = true;
  for (const character of codePoints(name)) {
    // A digit is legal behind another character only.
    const legacy = character !== "_" && isLegacy(first ? character : `_${character}`);
    escaped += legacy ? character : escapeCharacter(character);
    first = false;
  }
  return escaped;
}

const CHARACTER_ESCAPES: Record<Exclude<EscapingScheme, "allow-utf-8">, (character: string) => string> = {
  underscores: () => "_",
  dots: (character) => (character === "." ? "_dot_" : "__"),
  values: (character) => (character === "_" ? "__" : `_${character.codePointAt(0)!.toString(16)}_`),
};

/** Like a loop over a string in Go, where every byte that is not part of a character is a U+FFFD of its own. */
function* codePoints(name: ByteString): Generator<string> {
  if (isValidUtf8(name)) {
    yield* fromByteString(name);
    return;
  }
  for (let at = 0; at < name.length; ) {
    const length = [1, 2, 3, 4].find((count) => isValidUtf8(name.slice(at, at + count)) && at + count <= name.length);
    yield length === undefined ? "\ufffd" : fromByteString(name.slice(at, at + length));
    at += length ?? 1;
  }
}

/**
 * Turns the `U__` form of the scheme `values` back into the name, as in the grouping key of a URL: `__` is an underscore, `_2e_` the
 * character with that code point (at most five hexadecimal digits). A name that is not such a form is returned as it is.
 */
export function unescapeName(name: ByteString): ByteString {
  if (!name.startsWith(VALUES_PREFIX)) {
    return name;
  }
  let unescaped = "";
  for (let at = VALUES_PREFIX.length; at < name.length; at++) {
    if (name[at] !== "_") {
      unescaped += name[at];
      continue;
    }
    const end = name.indexOf("_", at + 1);
    const character = end < 0 ? undefined : unescapeCharacter(name.slice(at + 1, end));
    if (character === undefined) {
      return name;
    }
    unescaped += character;
    at = end;
  }
  return unescaped;
}

function unescapeCharacter(digits: string): ByteString | undefined {
  if (digits === "") {
    return "_";
  }
  if (!/^[0-9a-f]{1,5}$/i.test(digits)) {
    return undefined;
  }
  const codePoint = Number.parseInt(digits, 16);
  const surrogate = codePoint >= 0xd800 && codePoint <= 0xdfff;
  return surrogate ? undefined : toByteString(String.fromCodePoint(codePoint));
}

/** A family with all names spelled in the scheme: `family` itself if that changes none. Shares whatever does not change. */
export function escapeFamily(family: MetricFamily, scheme: EscapingScheme): MetricFamily {
  if (scheme === "allow-utf-8") {
    return family;
  }
  // Families are not escaped for the sake of their underscores, not even by the scheme `dots`.
  const name = isLegacyMetricName(family.name) ? family.name : escapeName(family.name, scheme);
  const metrics = mapChanged(family.metrics, (metric) => escapeMetric(metric, scheme));
  return name === family.name && metrics === family.metrics ? family : { ...family, name, metrics };
}

function escapeMetric(metric: Metric, scheme: EscapingScheme): Metric {
  const labels = mapChanged(metric.labels, (label) => escapeLabel(label, scheme));
  return labels === metric.labels ? metric : { ...metric, labels };
}

function escapeLabel(label: Label, scheme: EscapingScheme): Label {
  return isLegacyLabelName(label.name) ? label : { name: escapeLabelName(label.name, scheme), value: label.value };
}

/** Like `map`, but returns the array itself if every element stays the same. */
function mapChanged<T>(array: T[], map: (element: T) => T): T[] {
  const changed = array.findIndex((element) => map(element) !== element);
  return changed < 0 ? array : [...array.slice(0, changed), ...array.slice(changed).map(map)];
}
