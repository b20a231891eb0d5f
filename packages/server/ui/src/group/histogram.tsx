import type { Histogram, Summary } from "../../../src/api-v2/schema.ts";
import { formatCompact, formatRounded } from "../lib/format.ts";
import { type Bar, Bars } from "./bars.tsx";

/** What each bucket counts for itself: classic ones are pushed cumulative, and in any order. */
export function bucketBars({ buckets, count, native }: Histogram): Bar[] {
  if (native !== null && native.length > 0) {
    return native.map(({ lower, upper, count }) => ({
      bound: shorten(upper),
      range: `${shorten(lower)} to ${shorten(upper)}`,
      value: Number(count),
    }));
  }
  const sorted = buckets.map(({ le, count }) => ({ le, bound: parseBound(le), count: Number(count) }));
  sorted.sort((a, b) => a.bound - b.bound);
  if (sorted.at(-1)?.bound !== Number.POSITIVE_INFINITY) {
    sorted.push({ le: "+Inf", bound: Number.POSITIVE_INFINITY, count: Number(count) });
  }
  return sorted.map(({ le, count }, i) => ({
    bound: le,
    range: i === 0 ? `up to ${le}` : le === "+Inf" ? `over ${sorted[i - 1]!.le}` : `${sorted[i - 1]!.le} to ${le}`,
    value: Math.max(0, count - (sorted[i - 1]?.count ?? 0)),
  }));
}

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

function parseBound(text: string): number {
  return text === "+Inf" ? Number.POSITIVE_INFINITY : text === "-Inf" ? Number.NEGATIVE_INFINITY : Number(text);
}

function shorten(text: string): string {
  const number = parseBound(text);
  return Number.isFinite(number) ? String(Number(number.toPrecision(3))) : text;
}
