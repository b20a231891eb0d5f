import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import type { Machine } from "../machine.ts";
import type { Measurements } from "./measurements.ts";

/** What is in a file of results: of each scenario its newest run. */
export interface Results {
  readonly machine: Machine;
  readonly scenarios: Measurements[];
}

/** The results that are kept in the repository, and shown in the README. */
export const REFERENCE = "reference";

export function readResults(name: string): Results | undefined {
  try {
    return JSON.parse(readFileSync(fileOf(name), "utf8")) as Results;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return undefined;
    throw error;
  }
}

/** Puts measurements in the place of those that the file has of the same scenario; scenarios that were not run stay. Returns its path. */
export function saveMeasurements(name: string, machine: Machine, measured: Measurements): string {
  const scenarios = readResults(name)?.scenarios ?? [];
  const before = scenarios.findIndex(({ scenario }) => scenario === measured.scenario);
  if (before < 0) scenarios.push(measured);
  else scenarios[before] = measured;
  const results: Results = { machine, scenarios };
  const file = fileOf(name);
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, `${JSON.stringify(results, shortNumbers, 1)}\n`);
  return file;
}

/** More digits than six are noise. */
function shortNumbers(_key: string, value: unknown): unknown {
  return typeof value === "number" ? Number(value.toPrecision(6)) : value;
}

function fileOf(name: string): string {
  return fileURLToPath(new URL(`../../results/${name}.json`, import.meta.url));
}
