const UNITS: readonly (readonly [seconds: number, name: string])[] = [
  [86_400, "d"],
  [3_600, "h"],
  [60, "min"],
  [1, "s"],
];

/** `12 s`, `90 min`, `33 h`, `2 d`: in the larger unit only from two of it on, as `1 d` may be nearly two. */
export function formatAge(seconds: number): string {
  const [size, name] = UNITS.find(([size]) => seconds >= (size > 60 ? 2 * size : size)) ?? [1, "s"];
  return `${Math.max(0, Math.floor(seconds / size))} ${name}`;
}

/** A span of time of any size: `350 µs`, `1.5 s`, `2 h 5 min`. */
export function formatDuration(seconds: number): string {
  const size = Math.abs(seconds);
  if (size === 0) return "0 s";
  if (size < 1e-3) return `${trim(seconds * 1e6)} µs`;
  if (size < 1) return `${trim(seconds * 1e3)} ms`;
  if (size < 60) return `${trim(seconds)} s`;
  const index = UNITS.findIndex(([unit]) => size >= unit);
  const [unit, name] = UNITS[index]!;
  const [lower, lowerName] = UNITS[index + 1] ?? [1, "s"];
  const whole = Math.floor(size / unit);
  const rest = Math.floor((size - whole * unit) / lower);
  return `${seconds < 0 ? "-" : ""}${whole} ${name}${rest > 0 ? ` ${rest} ${lowerName}` : ""}`;
}

export function formatBytes(bytes: number): string {
  const names = ["B", "KiB", "MiB", "GiB", "TiB"];
  let size = bytes;
  let index = 0;
  for (; Math.abs(size) >= 1024 && index < names.length - 1; index++) size /= 1024;
  return `${trim(size)} ${names[index]}`;
}

const WHOLE = new Intl.NumberFormat("en-US");
const COMPACT = new Intl.NumberFormat("en-US", { notation: "compact", maximumFractionDigits: 1 });

export function formatCount(count: number): string {
  return WHOLE.format(count);
}

export function formatCompact(number: number): string {
  return Math.abs(number) < 1 ? String(Number(number.toPrecision(2))) : COMPACT.format(number);
}

export function plural(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

export function formatTime(seconds: number): string {
  return new Date(seconds * 1000).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium" });
}

/** A sample's value as people write numbers: without an exponent, unless it is very large or small. */
export function formatSample(value: string): string {
  const number = Number(value);
  return Number.isFinite(number) && Math.abs(number) < 1e15 ? String(number) : value;
}

/** Rounded to what fits beside others. */
export function formatRounded(value: string): string {
  const number = Number(value);
  return Number.isFinite(number) ? String(Number(number.toPrecision(6))) : value;
}

/** What a sample's value means, if the metric's name says in what it is measured. */
export function explainValue(name: string, value: string, now: number): string | undefined {
  const number = Number(value);
  if (!Number.isFinite(number)) return undefined;
  const base = name.replace(/_total$/, "");
  if (/(?:timestamp|time|completion|success)_seconds$/.test(base) && number > 1e9 && number < 1e10) {
    const age = now - number;
    return age >= 0 ? `${formatAge(age)} ago` : `in ${formatAge(-age)}`;
  }
  if (base.endsWith("_seconds") && Math.abs(number) !== 0) return formatDuration(number);
  if (base.endsWith("_bytes") && Math.abs(number) >= 1024) return formatBytes(number);
  if (/_(?:ratio|percent)$/.test(base)) return undefined;
  return Math.abs(number) >= 1e5 ? formatCompact(number) : undefined;
}

function trim(number: number): string {
  return String(Number(number.toPrecision(3)));
}
