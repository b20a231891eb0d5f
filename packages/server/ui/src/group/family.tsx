import type { Family, Labels, Metric } from "../../../src/api-v2/schema.ts";
import { explainValue, formatCount, formatSample } from "../lib/format.ts";
import { HistogramChart, SummaryChart } from "./histogram.tsx";

/** Charts of one family that are drawn; the others are in the raw exposition. */
const MAX_CHARTS = 12;
const MAX_ROWS = 200;

export interface FamilyProps {
  readonly family: Family;
  /** Those of the group, which every metric of it has. */
  readonly groupLabels: Labels;
  readonly now: number;
  onDelete(): void;
}

export function FamilyCard({ family, groupLabels, now, onDelete }: FamilyProps) {
  const { name, type, help, unit, metrics, series, omitted } = family;
  const charted = type === "histogram" || type === "gauge_histogram" || type === "summary";
  const shown = metrics.slice(0, charted ? MAX_CHARTS : MAX_ROWS);
  const hidden = omitted + metrics.length - shown.length;
  return (
    <article class="family" aria-labelledby={`family-${name}`}>
      <header>
        <span class="heading">
          <h3 id={`family-${name}`}>{name}</h3>
          <span class="tag">{type.replace("_", " ")}</span>
          {unit !== null && <span class="tag">{unit}</span>}
        </span>
        <button
          type="button"
          class="quiet danger-text"
          onClick={onDelete}
          aria-label={`Delete ${name} from this group`}
        >
          Delete
        </button>
      </header>
      {help === null ? <p class="help none">no help given</p> : <p class="help">{help}</p>}
      {charted ? (
        shown.map((metric) => (
          <div key={keyOf(metric)}>
            <MetricLabels labels={metric.labels} groupLabels={groupLabels} />
            {metric.histogram !== undefined && <HistogramChart name={name} histogram={metric.histogram} />}
            {metric.summary !== undefined && <SummaryChart name={name} summary={metric.summary} />}
          </div>
        ))
      ) : (
        <table class="samples">
          <thead class="off-screen">
            <tr>
              <th scope="col">Labels</th>
              <th scope="col">Value</th>
            </tr>
          </thead>
          <tbody>
            {shown.map((metric) => (
              <tr key={keyOf(metric)}>
                <td>
                  <MetricLabels labels={metric.labels} groupLabels={groupLabels} />
                </td>
                <td class="number">
                  <span class="sample">{formatSample(metric.value ?? "")}</span>
                  <Explained name={name} value={metric.value ?? ""} now={now} />
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      )}
      {hidden > 0 && (
        <p class="more">
          {metrics.length === 0
            ? `Too large to be shown here: ${formatCount(series)} series. See the raw exposition.`
            : `${formatCount(hidden)} more are in the raw exposition.`}
        </p>
      )}
    </article>
  );
}

function Explained({ name, value, now }: { name: string; value: string; now: number }) {
  const meaning = explainValue(name, value, now);
  return meaning === undefined ? null : <span class="meaning">{meaning}</span>;
}

/** Labels besides those that name the group. */
function MetricLabels({ labels, groupLabels }: { labels: Labels; groupLabels: Labels }) {
  const own = Object.entries(labels).filter(
    ([name, value]) => !Object.hasOwn(groupLabels, name) && !(name === "instance" && value === ""),
  );
  if (own.length === 0) return null;
  return (
    <span class="metric-labels">
      {own.map(([name, value]) => (
        <span key={name}>
          <span class="name">{name}</span>="<span class="value">{value}</span>"
        </span>
      ))}
    </span>
  );
}

function keyOf({ labels }: Metric): string {
  return JSON.stringify(labels);
}
