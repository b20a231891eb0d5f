import { cpSync, rmSync } from "node:fs";
import { join } from "node:path";
import { Gateway as GatewayCore, type Journal, parseGroupingKey } from "@waystation/core";
import { FileJournal } from "@waystation/storage-file";
import { SqliteJournal } from "@waystation/storage-sqlite";
import { type Bench, GO_MISSING, GO_UNCHECKED, MEMORY, newFolder, rotate, roundsFor, type Scenario } from "../bench.ts";
import { DataSet } from "../data/data-set.ts";
import { fill } from "../http/fill.ts";
import { expectAll } from "../http/scrape.ts";
import { Gateway, type GatewayProgram } from "../programs/gateway.ts";
import type { Recorder } from "../report/measurements.ts";
import { formatNumber } from "../report/summary.ts";

/** Pushes that wait for the journal at once while it is prepared. */
const BATCH = 1_000;

/** How long a gateway takes from its start until it is ready for pushes. */
export const restart: Scenario = {
  name: "restart",
  title: "Restart",
  settings: ({ shape }) => `${shape}; from the start of the process until /-/ready says so`,
  async measure(bench, recorder) {
    if (bench.go === undefined) recorder.skip(GO_MISSING);
    for (const series of bench.size.series) await measureSize(bench, recorder, series);
  },
};

interface Start {
  readonly id: string;
  readonly who: string;
  readonly program: GatewayProgram;
  /** What is stored. Each start gets a copy: a gateway that runs may compact it. Undefined if there is nothing. */
  readonly stored: string | undefined;
  flags(folder: string): string[];
}

async function measureSize(bench: Bench, recorder: Recorder, series: number): Promise<void> {
  const data = DataSet.ofSeries(bench.shape, series);
  const starts = await prepare(bench, data);
  for (let round = 0; round < roundsFor(bench.size, series); round++) {
    for (const { id, who, program, stored, flags } of rotate(starts, round)) {
      const folder = newFolder(bench);
      if (stored !== undefined) cpSync(stored, folder, { recursive: true });
      {
        await using gateway = await Gateway.start(program, flags(folder));
        const against = id === "go" ? [] : [`restart.${series}.go`];
        const what = `${formatNumber(series)} series`;
        recorder.add({ id: `restart.${series}.${id}`, what, who, unit: "ms", against }, gateway.readyAfter);
        if (round === 0 && stored !== undefined) await expectAll(gateway.port, data);
      }
      rmSync(folder, { recursive: true });
    }
  }
}

const STORAGES = [
  {
    name: "file",
    journal: (folder: string): Journal => new FileJournal({ directory: join(folder, "journal") }),
    flags: (folder: string) => [`--storage=file:${join(folder, "journal")}`],
  },
  {
    name: "sqlite",
    journal: (folder: string): Journal => new SqliteJournal({ path: join(folder, "waystation.db") }),
    flags: (folder: string) => [`--storage=sqlite:${join(folder, "waystation.db")}`],
  },
];

async function prepare(bench: Bench, data: DataSet): Promise<Start[]> {
  const { waystation: program, go } = bench;
  const starts: Start[] = [];
  for (const { name, journal, flags } of STORAGES) {
    for (const form of ["journal", "snapshot"] as const) {
      const stored = newFolder(bench);
      await write(journal(stored), data, form);
      starts.push({ id: `${name}.${form}`, who: `Waystation, ${name} ${form}`, program, stored, flags });
    }
  }
  starts.push({ id: "empty", who: "Waystation, nothing stored", program, stored: undefined, flags: () => MEMORY });
  if (go !== undefined) {
    const stored = newFolder(bench);
    const flags = (folder: string) => [...GO_UNCHECKED, `--persistence.file=${join(folder, "metrics")}`];
    await using gateway = await Gateway.start(go, flags(stored));
    await fill(gateway.port, data);
    starts.push({ id: "go", who: go.name, program: go, stored, flags });
  }
  return starts;
}

/** Pushes every group once, and leaves the journal with nothing but the entries of that, or with nothing but a snapshot. */
async function write(journal: Journal, data: DataSet, form: "journal" | "snapshot"): Promise<void> {
  const gateway = await GatewayCore.open({ journal, compactAfterBytes: Number.MAX_SAFE_INTEGER });
  try {
    const tail = data.targetPrefix.slice("/metrics/".length);
    for (let first = 0; first < data.groups; first += BATCH) {
      const batch = Array.from({ length: Math.min(BATCH, data.groups - first) }, (_, i) => first + i);
      await Promise.all(
        batch.map((group) => gateway.push({ key: parseGroupingKey(`${tail}${group}`), body: data.body(group, 0) })),
      );
    }
    if (form === "snapshot") await gateway.compact();
  } finally {
    await gateway.close();
  }
}
