import { useEffect, useRef, useState } from "preact/hooks";
import type uPlot from "uplot";

/** The colours of the page, for what is drawn on a canvas. */
export interface Colours {
  readonly line: string;
  readonly fill: string;
  readonly grid: string;
  readonly text: string;
}

export interface PlotProps {
  /** What it shows, in words, for those who do not see it. */
  readonly label: string;
  readonly data: uPlot.AlignedData;
  readonly height: number;
  /** Changes when the options have to be made anew. */
  readonly optionsKey: string;
  options(colours: Colours, library: typeof uPlot): Omit<uPlot.Options, "width" | "height">;
}

/** A plot by uPlot, which is loaded when the first one is drawn. Follows the width of its place, and the colours. */
export function Plot({ label, data, height, optionsKey, options }: PlotProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const [theme, setTheme] = useState(0);
  const newest = useRef(data);
  newest.current = data;

  useEffect(() => {
    const redraw = () => setTheme((count) => count + 1);
    const system = window.matchMedia("(prefers-color-scheme: dark)");
    window.addEventListener("themechange", redraw);
    system.addEventListener("change", redraw);
    return () => {
      window.removeEventListener("themechange", redraw);
      system.removeEventListener("change", redraw);
    };
  }, []);

  useEffect(() => {
    let gone = false;
    let observer: ResizeObserver | undefined;
    void import("uplot").then(({ default: library }) => {
      const element = box.current;
      if (gone || element === null) return;
      const width = Math.max(120, element.clientWidth);
      plot.current = new library({ ...options(coloursOf(element), library), width, height }, newest.current, element);
      observer = new ResizeObserver(() => plot.current?.setSize({ width: Math.max(120, element.clientWidth), height }));
      observer.observe(element);
    });
    return () => {
      gone = true;
      observer?.disconnect();
      plot.current?.destroy();
      plot.current = undefined;
    };
  }, [optionsKey, height, theme]);

  useEffect(() => plot.current?.setData(data), [data]);
  return <div ref={box} class="plot" role="img" aria-label={label} style={{ minHeight: `${height}px` }} />;
}

function coloursOf(element: HTMLElement): Colours {
  // A custom property is not computed before it is used as a colour.
  const probe = document.createElement("span");
  element.append(probe);
  const read = (name: string): string => {
    probe.style.color = `var(${name})`;
    return getComputedStyle(probe).color;
  };
  const colours = { line: read("--accent"), fill: read("--accent-soft"), grid: read("--line"), text: read("--dim") };
  probe.remove();
  return colours;
}

/** Axes alike in all plots. */
export function axis(colours: Colours, more: uPlot.Axis = {}): uPlot.Axis {
  return {
    stroke: colours.text,
    grid: { stroke: colours.grid, width: 1 },
    ticks: { stroke: colours.grid, width: 1, size: 4 },
    font: "11px system-ui, sans-serif",
    ...more,
  };
}
