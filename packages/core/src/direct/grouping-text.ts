import type { GroupingKey } from "../model/grouping-key.ts";
import { timeLabels } from "../model/grouping-key.ts";
import { formatLabel } from "../model/labels.ts";
import { isLegacyLabelName } from "../model/names.ts";

/** The labels that a push adds to every sample, ready to be copied into lines. */
export interface GroupingText {
  readonly labels: readonly GroupingLabelText[];
  /** `{a="1",b="2"} `: what follows the name of a sample that has no labels of its own. */
  readonly alone: Uint8Array;
  /** Start and end of each value in `alone`. */
  readonly aloneValues: readonly (readonly [start: number, end: number])[];
  /** Are all names legacy ones, so that they need no quotes? */
  readonly legacy: boolean;
}

export interface GroupingLabelText {
  readonly name: Uint8Array;
  /** `name="value"` */
  readonly pair: Uint8Array;
  /** Does it only stand in for a label that samples may have, as `instance=""` does? */
  readonly fallback: boolean;
  /** Length of the value in `pair`, which ends one byte before the pair does. */
  readonly valueLength: number;
}

export function groupingText(key: GroupingKey): GroupingText {
  const labels = timeLabels(key).map((label) => {
    const pair = formatLabel(label);
    return {
      name: Buffer.from(label.name, "latin1"),
      pair: Buffer.from(pair, "latin1"),
      fallback: !key.labels.includes(label),
      valueLength: pair.length - label.name.length - 3,
    };
  });
  let at = 0;
  const aloneValues = labels.map(({ pair, valueLength }) => {
    at += 1 + pair.length;
    return [at - 1 - valueLength, at - 1] as const;
  });
  return {
    labels,
    alone: Buffer.from(`{${timeLabels(key).map(formatLabel).join()}} `, "latin1"),
    aloneValues,
    legacy: key.labels.every(({ name }) => isLegacyLabelName(name)),
  };
}
