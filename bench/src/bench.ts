import { mkdtempSync } from "node:fs";
import { join } from "node:path";
import { DataSet } from "./data/data-set.ts";
import { SHAPE_NAMES, SHAPES, type ShapeName } from "./data/shapes.ts";
import type { LoadTool } from "./load/load.ts";
import type { GatewayProgram } from "./programs/gateway.ts";
import type { Recorder } from "./report/measurements.ts";

/** What a run has to work with. */
export interface Bench {
  readonly size: Size;
  readonly shape: ShapeName;
  readonly waystation: GatewayProgram;
  /** Undefined if it is not on this machine. Ratios to it are then missing. */
  readonly go: GatewayProgram | undefined;
  readonly load: LoadTool;
  /** Everything that is written goes in here. It is on a disk, if durable pushes are to mean something. */
  readonly folder: string;
}

/** How much is measured, and how often. */
export interface Size {
  readonly rounds: number;
  /** Of each measurement under load; a whole number. */
  readonly seconds: number;
  /** Seconds of load before the first round, for code to be optimised and heaps to grow. */
  readonly warmUp: number;
  /** Groups stored where it matters little how many there are. */
  readonly someGroups: number;
  /** Groups stored while pushing, for Waystation and the Go Pushgateway without consistency check. */
  readonly pushGroups: readonly number[];
  /** For both, the Go Pushgateway with its check. */
  readonly checkedGroups: readonly number[];
  /** For Waystation alone. */
  readonly ownGroups: readonly number[];
  /** Series stored while scraping, restarting, and looking at memory. */
  readonly series: readonly number[];
  /** Rounds of what takes the Go Pushgateway most of a minute: with more series than {@link LARGE}. */
  readonly largeRounds: number;
  /** Series stored in the scenario of scrapes back to back. */
  readonly busySeries: number;
  /** Of each measurement in it: tails need more time than rates. */
  readonly busySeconds: number;
  /** Numbers of replicas on one Redis, and of processes on one SQLite file. */
  readonly redisReplicas: readonly number[];
  readonly sqliteProcesses: readonly number[];
  /** Scrapes in each round of the freshness scenario. */
  readonly freshnessScrapes: number;
  readonly codecShapes: readonly ShapeName[];
  /** Milliseconds for each measurement in the codec scenario. */
  readonly codecMs: number;
}

export const LARGE = 500_000;

export const FULL: Size = {
  rounds: 5,
  seconds: 3,
  warmUp: 2,
  someGroups: 1_000,
  pushGroups: [1, 1_000, 10_000],
  checkedGroups: [1, 1_000, 5_000],
  ownGroups: [100_000],
  series: [100_000, 1_000_000],
  largeRounds: 3,
  busySeries: 1_000_000,
  busySeconds: 10,
  redisReplicas: [1, 2, 3],
  sqliteProcesses: [1, 2],
  freshnessScrapes: 200,
  codecShapes: SHAPE_NAMES,
  codecMs: 500,
};

/** Only to see that everything works. */
export const SMOKE: Size = {
  rounds: 1,
  seconds: 1,
  warmUp: 0,
  someGroups: 20,
  pushGroups: [20],
  checkedGroups: [20],
  ownGroups: [],
  series: [2_000],
  largeRounds: 1,
  busySeries: 2_000,
  busySeconds: 1,
  redisReplicas: [2],
  sqliteProcesses: [2],
  freshnessScrapes: 10,
  codecShapes: ["mixed"],
  codecMs: 30,
};

/** A question that the bench answers. */
export interface Scenario {
  readonly name: string;
  readonly title: string;
  /** Under which conditions, for readers of the results. */
  settings(bench: Bench): string;
  measure(bench: Bench, recorder: Recorder): Promise<void>;
}

/** A new empty folder for one program. */
export function newFolder({ folder }: Bench): string {
  return mkdtempSync(join(folder, "data-"));
}

/** So many groups, or fewer if that were more than the usual size of the shape. */
export function dataOfGroups(shape: ShapeName, groups: number): DataSet {
  return new DataSet(shape, Math.min(groups, SHAPES[shape].groups));
}

export function roundsFor({ rounds, largeRounds }: Size, series: number): number {
  return series > LARGE ? Math.min(rounds, largeRounds) : rounds;
}

/** Each round begins with another one, so that none always follows the same one. */
export function rotate<T>(items: readonly T[], by: number): T[] {
  return items.map((_, i) => items[(i + by) % items.length]!);
}

/** Flags for a storage that may lose entries under a gateway, which then should not leave them in the working folder. */
export function sharedStorage(url: string): string[] {
  return [`--storage=${url}`, "--storage.lost-entries-dir="];
}

export const GO_MISSING = "everything about the Go Pushgateway, as it was not found (scripts/peers fetches it)";
export const GO_UNCHECKED: readonly string[] = ["--push.disable-consistency-check"];
export const MEMORY: string[] = ["--storage=memory:"];
