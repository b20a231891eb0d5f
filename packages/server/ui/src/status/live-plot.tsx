import { useMemo } from "preact/hooks";
import type { ProcessSample } from "../../../src/api-v2/schema.ts";
import { axis, Plot } from "../lib/plot.tsx";

export interface LivePlotProps {
  readonly title: string;
  readonly samples: readonly ProcessSample[];
  /** Of a sample and the one before it. */
  value(now: ProcessSample, before: ProcessSample): number | null;
  format(value: number): string;
}

/** One number over the last minutes: the newest in words, all as a line. */
export function LivePlot({ title, samples, value, format }: LivePlotProps) {
  const count = samples.length;
  const newest = samples.at(-1)?.time;
  const data = useMemo(() => {
    const times: number[] = [];
    const values: (number | null)[] = [];
    for (let i = 1; i < count; i++) {
      times.push(samples[i]!.time);
      values.push(value(samples[i]!, samples[i - 1]!));
    }
    return [times, values] as [number[], (number | null)[]];
  }, [count, newest]);
  const last = data[1].at(-1);
  const text = last === undefined ? "…" : last === null ? "–" : format(last);
  return (
    <figure class="live-plot">
      <figcaption>
        {title} <b>{text}</b>
      </figcaption>
      <Plot
        label={`${title}, last minutes; now ${text}`}
        data={data}
        height={110}
        optionsKey={title}
        options={(colours) => ({
          legend: { show: false },
          padding: [8, 28, 0, 0],
          cursor: { show: false },
          scales: {
            x: { range: (_, first, last) => [Math.min(first, last - MIN_SPAN), last] },
            y: { range: (_, __, max) => [0, roundUp(max)] },
          },
          axes: [
            axis(colours, { grid: { show: false }, size: 24, space: 80, values: (_, times) => times.map(formatClock) }),
            axis(colours, {
              size: 58,
              splits: (plot) => [0, plot.scales["y"]!.max! / 2, plot.scales["y"]!.max!],
              values: (_, splits) => splits.map(format),
            }),
          ],
          series: [{}, { stroke: colours.line, fill: colours.fill, width: 1.5, spanGaps: true, points: { size: 4 } }],
        })}
      />
    </figure>
  );
}

/** Seconds that a plot spans at least. */
const MIN_SPAN = 120;

/** The next one of 1, 2, 5, 10, 20, …; of powers of two beyond what bytes begin to have units at. */
function roundUp(value: number): number {
  if (!(value > 0)) return 1;
  if (value >= 1024 * 1024) return 2 ** Math.ceil(Math.log2(value));
  const size = 10 ** Math.floor(Math.log10(value));
  return ([1, 2, 5].find((factor) => factor * size >= value) ?? 10) * size;
}

function formatClock(seconds: number): string {
  return new Date(seconds * 1000).toLocaleTimeString(undefined, {
    hourCycle: "h23",
    hour: "2-digit",
    minute: "2-digit",
    second: "2-digit",
  });
}
