import { type GroupingKey, timeLabels } from "../../model/grouping-key.ts";
import { formatLabel, formatLabels } from "../../model/labels.ts";
import { isLegacyLabelName } from "../../model/names.ts";

/** The labels that a push adds to every sample, ready to be copied into lines. */
export interface GroupingText {
  /** `{a="1",b="2"} `: what follows the name of a sample that has no labels of its own. */
  readonly alone: Uint8Array;
  /** Number of labels. */
  readonly count: number;
  /** Where they are in `alone`: {@link SPAN} numbers for each, in the order of names. */
  readonly spans: Int32Array;
  /** Are all names legacy ones, so that they need no quotes? */
  readonly legacy: boolean;
}

/**
 * Of each label: where its name begins and ends, where its value begins and ends (one byte before the pair does), and 1 if it only
 * stands in for one that samples may have, as `instance=""` does.
 */
export const SPAN = 5;

export function groupingText(key: GroupingKey): GroupingText {
  const labels = timeLabels(key);
  const text = `{${formatLabels(labels)}} `;
  // Kept for long, so not a part of a pool of buffers, which would be kept with it.
  const alone = Buffer.allocUnsafeSlow(text.length);
  alone.write(text, "latin1");
  const spans = new Int32Array(labels.length * SPAN);
  let at = 1;
  for (const [i, label] of labels.entries()) {
    const end = at + formatLabel(label).length;
    const nameEnd = at + label.name.length;
    spans.set([at, nameEnd, nameEnd + 2, end - 1, key.labels.includes(label) ? 0 : 1], i * SPAN);
    at = end + 1;
  }
  return { alone, count: labels.length, spans, legacy: key.labels.every(({ name }) => isLegacyLabelName(name)) };
}
