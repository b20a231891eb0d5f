import { useState } from "preact/hooks";
import { loadSetting, saveSetting } from "./settings.ts";

/** From which age on, in seconds, a group's last push turns amber and red. */
export interface Thresholds {
  readonly amber: number;
  readonly red: number;
}

const DEFAULTS: Thresholds = { amber: 2 * 3_600, red: 26 * 3_600 };

export function loadThresholds(): Thresholds {
  const [amber, red] = (loadSetting("thresholds") ?? "").split(",").map(Number);
  return amber !== undefined && red !== undefined && amber > 0 && red >= amber ? { amber, red } : DEFAULTS;
}

export function useThresholds(): [Thresholds, (thresholds: Thresholds) => void] {
  const [thresholds, setThresholds] = useState(loadThresholds);
  return [
    thresholds,
    (next) => {
      saveSetting("thresholds", `${next.amber},${next.red}`);
      setThresholds(next);
    },
  ];
}

/** Reads `90s`, `30m`, `2h`, `1d`; undefined if it is none of these. */
export function parseSpan(text: string): number | undefined {
  const match = /^\s*(\d+(?:\.\d+)?)\s*([smhd])(?:in)?\s*$/.exec(text);
  if (match === null) return undefined;
  const seconds = Number(match[1]) * { s: 1, m: 60, h: 3_600, d: 86_400 }[match[2] as "s" | "m" | "h" | "d"];
  return seconds > 0 ? seconds : undefined;
}

export function formatSpan(seconds: number): string {
  for (const [unit, name] of [
    [86_400, "d"],
    [3_600, "h"],
    [60, "m"],
  ] as const) {
    if (seconds % unit === 0 && seconds >= unit) return `${seconds / unit}${name}`;
  }
  return `${seconds}s`;
}
