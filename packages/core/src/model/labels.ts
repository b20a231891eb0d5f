import { type ByteString, compareBytes } from "./byte-string.ts";
import type { Label } from "./metric-family.ts";
import { isLegacyLabelName } from "./names.ts";

const NEEDS_ESCAPE = /[\\"\n]/;

/** As label values stand between quotes in the text formats. */
export function escapeLabelValue(value: ByteString): ByteString {
  if (!NEEDS_ESCAPE.test(value)) return value;
  return value.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}

/** One pair as the text formats print it; names outside the legacy set are quoted. */
export function formatLabel(label: Label): ByteString {
  const name = isLegacyLabelName(label.name) ? label.name : `"${escapeLabelValue(label.name)}"`;
  return `${name}="${escapeLabelValue(label.value)}"`;
}

/** `a="1",b="2"`: the pairs in the given order, without braces. Unambiguous, so it also serves as a key. */
export function formatLabels(labels: readonly Label[]): ByteString {
  return labels.map(formatLabel).join();
}

export function compareLabelNames(a: Label, b: Label): number {
  return compareBytes(a.name, b.name);
}

/**
 * The order of series in an exposition: by number of labels, then by the values in the order of their names. Both lists must be
 * sorted by name. Series that differ in names only compare as equal here, as they do in the Go implementation.
 */
export function compareLabelValues(a: readonly Label[], b: readonly Label[]): number {
  if (a.length !== b.length) return a.length - b.length;
  for (let i = 0; i < a.length; i++) {
    const order = compareBytes(a[i]!.value, b[i]!.value);
    if (order !== 0) return order;
  }
  return 0;
}
