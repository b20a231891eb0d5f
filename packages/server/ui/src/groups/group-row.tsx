import type { GroupSummary } from "../../../src/api-v2/schema.ts";
import { Age } from "../lib/age.tsx";
import { formatBytes, formatCount, plural } from "../lib/format.ts";
import { describeLabels, LabelChips } from "../lib/labels.tsx";
import type { Thresholds } from "../lib/thresholds.ts";

export interface GroupRowProps {
  readonly group: GroupSummary;
  readonly gone: boolean;
  readonly now: number;
  readonly thresholds: Thresholds;
  readonly selected: boolean;
  onSelect(selected: boolean): void;
}

/** The cells of one row of the list. */
export function GroupRow({ group, gone, now, thresholds, selected, onSelect }: GroupRowProps) {
  const { id, labels, families, series, bytes, pushTime, failed, failure } = group;
  return (
    <>
      <span role="gridcell" class="cell select">
        <label class="box">
          <input
            type="checkbox"
            tabIndex={-1}
            checked={selected}
            disabled={gone}
            onChange={({ currentTarget }) => onSelect(currentTarget.checked)}
            aria-label={`Select ${describeLabels(labels)}`}
          />
        </label>
      </span>
      <span role="gridcell" class="cell labels">
        <a href={`#/group/${id}`} tabIndex={-1} class={gone ? "gone" : ""}>
          <LabelChips labels={labels} />
        </a>
        {failed && !gone && (
          <span class="failed" title={failure ?? undefined}>
            <span aria-hidden="true">✕ </span>
            {failure ?? "the newest push failed"}
          </span>
        )}
        {gone && <span class="meta">deleted</span>}
      </span>
      <span role="gridcell" class="cell pushTime">
        <Age time={pushTime} now={now} thresholds={thresholds} />
      </span>
      <span role="gridcell" class="cell series" title={plural(families, "metric family", "metric families")}>
        {formatCount(series)}
        <span class="unit"> series</span>
      </span>
      <span role="gridcell" class="cell bytes">
        {formatBytes(bytes)}
      </span>
    </>
  );
}
