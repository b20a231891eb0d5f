import type { Histogram, Summary } from "../../../src/api-v2/schema.ts";
import { formatCompact, formatRounded } from "../lib/format.ts";
import { Bars } from "./bars.tsx";
import { type Bar, bucketBars, shorten } from "./buckets.ts";

export function HistogramChart({ name, histogram }: { name: string; histogram: Histogram }) {
  const bars = bucketBars(histogram);
  const mean = Number(histogram.sum) / Number(histogram.count);
  return (
    <div class="chart">
      <p class="facts">
        <span>
          <b>{formatCompact(Number(histogram.count))}</b> observations
        </span>
        <span>
          sum <b>{formatRounded(histogram.sum)}</b>
        </span>
        {Number.isFinite(mean) && (
          <span>
            mean <b>{shorten(String(mean))}</b>
          </span>
        )}
        {histogram.native !== null && <span class="tag">native</span>}
      </p>
      {bars.length > 0 && (
        <>
          <Bars
            bars={bars}
            unit="observations"
            label={`Histogram of ${name}: observations in ${bars.length} buckets`}
          />
          <Values head={["Bucket", "Observations"]} rows={bars.map(({ range, value }) => [range, String(value)])} />
        </>
      )}
    </div>
  );
}

export function SummaryChart({ name, summary }: { name: string; summary: Summary }) {
  const bars = summary.quantiles.map(({ quantile, value }): Bar => {
    const percent = `p${shorten(String(Number(quantile) * 100))}`;
    return { bound: percent, range: percent, value: Number.isFinite(Number(value)) ? Number(value) : 0 };
  });
  return (
    <div class="chart">
      <p class="facts">
        <span>
          <b>{formatCompact(Number(summary.count))}</b> observations
        </span>
        <span>
          sum <b>{formatRounded(summary.sum)}</b>
        </span>
      </p>
      {bars.length > 0 && (
        <>
          <Bars bars={bars} unit="value" label={`Summary ${name}: values of ${bars.length} quantiles`} />
          <Values
            head={["Quantile", "Value"]}
            rows={summary.quantiles.map(({ quantile, value }) => [quantile, value] as const)}
          />
        </>
      )}
    </div>
  );
}

/** The same in words. */
function Values({ head, rows }: { head: readonly [string, string]; rows: readonly (readonly [string, string])[] }) {
  return (
    <details class="values">
      <summary>As a table</summary>
      <table>
        <thead>
          <tr>
            <th scope="col">{head[0]}</th>
            <th scope="col" class="number">
              {head[1]}
            </th>
          </tr>
        </thead>
        <tbody>
          {rows.map(([name, value]) => (
            <tr key={name}>
              <td>{name}</td>
              <td class="number">{value}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </details>
  );
}
