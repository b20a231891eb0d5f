import { useMemo } from "preact/hooks";
import type uPlot from "uplot";
import { formatCompact } from "../lib/format.ts";
import { axis, Plot } from "../lib/plot.tsx";
import type { Bar } from "./buckets.ts";

/** One bar per bucket or quantile, all of one width: bounds grow too fast for a scale of their own. */
export function Bars({ bars, label, unit }: { bars: readonly Bar[]; label: string; unit: string }) {
  const data = useMemo(
    () => [bars.map((_, i) => i), bars.map(({ value }) => value)] as [number[], number[]],
    [bars.map(({ value }) => value).join()],
  );
  const bounds = bars.map(({ bound }) => bound).join();
  return (
    <Plot
      label={label}
      data={data}
      height={180}
      optionsKey={bounds}
      options={(colours, library) => ({
        legend: { show: false },
        cursor: { drag: { x: false, y: false }, points: { show: false } },
        scales: {
          x: { time: false, range: [-0.6, bars.length - 0.4] },
          y: { range: (_, __, max) => [0, max > 0 ? max * 1.05 : 1] },
        },
        axes: [
          axis(colours, {
            grid: { show: false },
            size: 30,
            splits: (plot) => labelled(bars.length, plot.width, longest(bars)),
            values: (_, splits) => splits.map((at) => bars[at]?.bound ?? ""),
          }),
          axis(colours, { size: 52, values: (_, splits) => splits.map(formatCompact) }),
        ],
        series: [
          {},
          {
            label: unit,
            stroke: colours.line,
            fill: colours.fill,
            width: 1,
            points: { show: false },
            paths: library.paths.bars!({ size: [0.86, 72], radius: 0.08 }),
          },
        ],
        plugins: [{ hooks: { init: addReadout, setCursor: (plot) => updateReadout(plot, bars) } }],
      })}
    />
  );
}

function longest(bars: readonly Bar[]): number {
  return Math.max(1, ...bars.map(({ bound }) => bound.length));
}

/** Which bars get their bound written below: as many as there is room for. */
function labelled(count: number, width: number, characters: number): number[] {
  const room = Math.max(1, Math.floor((width - 60) / (characters * 7 + 14)));
  const step = Math.ceil(count / room);
  const places = [];
  for (let at = count - 1; at >= 0; at -= step) places.unshift(at);
  return places;
}

function addReadout(plot: uPlot): void {
  const readout = document.createElement("p");
  readout.className = "readout";
  plot.over.append(readout);
}

function updateReadout(plot: uPlot, bars: readonly Bar[]): void {
  const bar = bars[plot.cursor.idx ?? -1];
  const readout = plot.over.querySelector(".readout");
  if (readout !== null) readout.textContent = bar === undefined ? "" : `${bar.range}: ${formatCompact(bar.value)}`;
}
