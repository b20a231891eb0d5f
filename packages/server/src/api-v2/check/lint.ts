import { fromByteString, type MetricFamily } from "@waystation/core";

/**
 * What `promtool check metrics` warns of, in words of our own.
 *
 * Rules: github.com/prometheus/client_golang, `prometheus/testutil/promlint`; the conventions behind them:
 * https://prometheus.io/docs/practices/naming/. Repeated series are not among these: a push that has them is refused.
 */
export type LintRule =
  | "help-missing"
  | "base-unit"
  | "abbreviated-unit"
  | "total-suffix"
  | "reserved-suffix"
  | "reserved-label"
  | "type-in-name"
  | "colon"
  | "camel-case";

export interface LintWarning {
  readonly rule: LintRule;
  readonly message: string;
}

/** Each rule at most once per message. */
export function lintFamily(family: MetricFamily): LintWarning[] {
  const name = fromByteString(family.name);
  return [
    ...lintHelp(family),
    ...lintUnits(name),
    ...lintSuffixes(name, family),
    ...lintName(name, family),
    ...lintLabels(family),
  ];
}

function lintHelp({ help }: MetricFamily): LintWarning[] {
  return help === undefined ? [{ rule: "help-missing", message: "has no HELP: say what it measures" }] : [];
}

function lintUnits(name: string): LintWarning[] {
  const warnings: LintWarning[] = [];
  const [unit, base] = findUnit(name) ?? [];
  if (unit !== base) warnings.push({ rule: "base-unit", message: `is in ${unit}: use the base unit, ${base}` });
  const words = name.toLowerCase().split("_").slice(1);
  const abbreviated = words.find((word) => ABBREVIATIONS.has(word));
  if (abbreviated !== undefined) {
    warnings.push({ rule: "abbreviated-unit", message: `abbreviates a unit as "${abbreviated}": write it out` });
  }
  return warnings;
}

function lintSuffixes(name: string, { type }: MetricFamily): LintWarning[] {
  const warnings: LintWarning[] = [];
  if (type === "counter" && !name.endsWith("_total")) {
    warnings.push({ rule: "total-suffix", message: 'is a counter: its name should end in "_total"' });
  }
  if (type === "untyped") return warnings;
  if (type !== "counter" && name.endsWith("_total")) {
    warnings.push({ rule: "total-suffix", message: `ends in "_total", but is a ${spell(type)} and not a counter` });
  }
  for (const [suffix, owners] of Object.entries(PARTS)) {
    if (!name.endsWith(suffix) || owners.includes(type)) continue;
    warnings.push({
      rule: "reserved-suffix",
      message: `ends in "${suffix}", which belongs to a ${owners.join(" or ")}`,
    });
  }
  return warnings;
}

function lintName(name: string, { type }: MetricFamily): LintWarning[] {
  const warnings: LintWarning[] = [];
  if (type !== "untyped" && `${name.toLowerCase()}_`.includes(`_${type}_`)) {
    warnings.push({ rule: "type-in-name", message: `names its type, ${spell(type)}` });
  }
  if (name.includes(":")) warnings.push({ rule: "colon", message: "has a colon, which is for recording rules" });
  if (CAMEL_CASE.test(name)) warnings.push({ rule: "camel-case", message: "is in camelCase: write snake_case" });
  return warnings;
}

function lintLabels({ type, metrics }: MetricFamily): LintWarning[] {
  const names = new Set(metrics.flatMap(({ labels }) => labels.map((label) => fromByteString(label.name))));
  const warnings: LintWarning[] = [];
  const camel = [...names].find((label) => CAMEL_CASE.test(label));
  if (camel !== undefined) {
    warnings.push({ rule: "camel-case", message: `has a label in camelCase, ${camel}: write snake_case` });
  }
  if (type === "untyped") return warnings;
  for (const [label, owner] of Object.entries(BOUND_LABELS)) {
    if (!names.has(label) || type === owner) continue;
    warnings.push({ rule: "reserved-label", message: `has a label "${label}", which belongs to a ${owner}` });
  }
  return warnings;
}

const spell = (type: MetricFamily["type"]): string => type.replace("_", " ");

const CAMEL_CASE = /[a-z][A-Z]/;
const BOUND_LABELS = { le: "histogram", quantile: "summary" } as const;
const PARTS: Readonly<Record<string, readonly string[]>> = {
  _bucket: ["histogram"],
  _count: ["histogram", "summary"],
  _sum: ["histogram", "summary"],
};

/** The first unit that a name mentions, prefix included, with the base unit to use. */
function findUnit(name: string): readonly [unit: string, base: string] | undefined {
  for (const word of name.split("_")) {
    const base = BASE_UNITS.get(word);
    if (base !== undefined) return [word, base];
    for (const prefix of PREFIXES) {
      const prefixed = word.startsWith(prefix) ? BASE_UNITS.get(word.slice(prefix.length)) : undefined;
      if (prefixed !== undefined) return [word, prefixed];
    }
  }
  return undefined;
}

const BASE_UNITS: ReadonlyMap<string, string> = new Map(
  Object.entries({
    amperes: [],
    bytes: ["bits"],
    celsius: ["fahrenheit", "rankine"],
    grams: ["pounds", "ounces"],
    joules: ["calories"],
    kelvin: ["kelvins"],
    meters: ["inches", "yards", "miles"],
    metres: [],
    seconds: ["minutes", "hours", "days", "weeks"],
    volts: [],
  }).flatMap(([base, others]) => [base, ...others].map((unit) => [unit, base] as const)),
);

const PREFIXES = "pico nano micro milli centi deci deca hecto kilo kibi mega mibi giga gibi tera tebi peta pebi".split(
  " ",
);

const ABBREVIATIONS: ReadonlySet<string> = new Set("s ms us ns sec b kb mb gb tb pb m h d".split(" "));
