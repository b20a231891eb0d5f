import { readFileSync, writeFileSync } from "node:fs";
import { formatMachine } from "../machine.ts";
import { formatMeasurements } from "./measurements.ts";
import type { Results } from "./results.ts";
import { formatTargets } from "./targets.ts";

const README = new URL("../../README.md", import.meta.url);

/** Writes the tables of these results between the marks in the README. */
export function writeReadme({ machine, scenarios }: Results): void {
  const series = scenarios.flatMap((scenario) => scenario.series);
  const tables = scenarios.map((one) => {
    return `### ${one.title}\n\n${one.settings}; ${one.started.slice(0, 10)}.\n\n${formatMeasurements(one)}`;
  });
  let text = readFileSync(README, "utf8");
  text = replaceBetween(text, "targets", `${formatMachine(machine)}\n\n${formatTargets(series)}`);
  text = replaceBetween(text, "results", tables.join("\n\n"));
  writeFileSync(README, text);
}

/** Replaces what is between `<!-- name: … -->` and `<!-- end of name -->`. @throws if these marks are not there */
export function replaceBetween(text: string, name: string, content: string): string {
  const marks = new RegExp(`(<!-- ${name}:[^>]*-->\n)[^]*?(<!-- end of ${name} -->)`);
  if (!marks.test(text)) throw new Error(`the marks of ${name} are missing`);
  return text.replace(marks, (_, start: string, end: string) => `${start}\n${content}\n\n${end}`);
}
