import { decimal, integer, type Random } from "./random.ts";

/** What the groups of a data set look like. */
export interface Shape {
  readonly name: ShapeName;
  readonly description: string;
  /** Groups that make its usual size, of about 100,000 series. */
  readonly groups: number;
  /** Bodies of different families that groups take in turn. */
  readonly kinds: readonly ((random: Random) => string)[];
}

export const SHAPE_NAMES = ["small-jobs", "wide-job", "histograms", "many-labels", "mixed"] as const;
export type ShapeName = (typeof SHAPE_NAMES)[number];

export const SHAPES: Readonly<Record<ShapeName, Shape>> = {
  "small-jobs": {
    name: "small-jobs",
    description: "many batch jobs with 10 families of one sample each, 1,150 bytes",
    groups: 10_000,
    kinds: [smallJob],
  },
  "wide-job": {
    name: "wide-job",
    description: "few jobs with 10 families of 1,000 samples each, 0.6 MB",
    groups: 10,
    kinds: [wideJob],
  },
  histograms: {
    name: "histograms",
    description: "5 histograms of 18 buckets",
    groups: 1_000,
    kinds: [histograms],
  },
  "many-labels": {
    name: "many-labels",
    description: "10 families of one sample with 12 labels",
    groups: 10_000,
    kinds: [manyLabels],
  },
  mixed: {
    name: "mixed",
    description:
      "five kinds of jobs: gauges, counters with labels, histogram and summary, escapes and UTF-8, information",
    groups: 9_260,
    kinds: [smallJob, counters, histogramAndSummary, escapes, information],
  },
};

function head(name: string, type: string, help: string): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
}

/** Seconds since the epoch, as jobs push them. */
function timestamp(random: Random): number {
  return 1_700_000_000 + decimal(random, 86_400, 3);
}

function smallJob(random: Random): string {
  const families: [name: string, help: string, value: number][] = [
    ["export_bytes", "Size of the written export file.", integer(random, 1e9)],
    ["export_cpu_seconds", "CPU time of the last run.", decimal(random, 900, 2)],
    ["export_duration_seconds", "Duration of the last run.", decimal(random, 3600, 2)],
    ["export_exit_code", "Exit code of the last run.", integer(random, 3)],
    ["export_last_success_time", "When it last succeeded, seconds.", timestamp(random)],
    ["export_memory_bytes", "Largest resident memory.", integer(random, 4e9)],
    ["export_queue_seconds", "Time spent in the queue before the run.", decimal(random, 60, 3)],
    ["export_retries", "Requests that had to be repeated.", integer(random, 20)],
    ["export_rows", "Rows in the written export file.", integer(random, 5e6)],
    ["export_skipped_ratio", "Part of the rows that was skipped.", decimal(random, 1, 4)],
  ];
  return families.map(([name, help, value]) => `${head(name, "gauge", help)}${name} ${value}\n`).join("");
}

function wideJob(random: Random): string {
  let text = "";
  for (let family = 0; family < 10; family++) {
    const name = `table_statistics_${family}`;
    text += head(name, "gauge", `Statistic ${family} of each table.`);
    for (let table = 0; table < 1_000; table++) {
      text += `${name}{schema="s${table % 20}",table="table_${table}"} ${decimal(random, 1e6, 1)}\n`;
    }
  }
  return text;
}

const BOUNDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 25, 50, 100, 250];

function histogram(random: Random, name: string, labels: string): string {
  let count = 0;
  let text = "";
  for (const bound of [...BOUNDS, "+Inf"]) {
    count += integer(random, 1_000);
    text += `${name}_bucket{${labels},le="${bound}"} ${count}\n`;
  }
  return `${text}${name}_sum{${labels}} ${decimal(random, 1e5, 3)}\n${name}_count{${labels}} ${count}\n`;
}

function histograms(random: Random): string {
  return ["copy", "load", "merge", "sort", "write"]
    .map((step) => {
      const name = `pipeline_${step}_seconds`;
      return head(name, "histogram", `Durations of the ${step} step.`) + histogram(random, name, 'stage="final"');
    })
    .join("");
}

function manyLabels(random: Random): string {
  let text = "";
  for (let family = 0; family < 10; family++) {
    const name = `build_artifact_${family}_bytes`;
    const labels = [
      "arch",
      "branch",
      "builder",
      "channel",
      "commit",
      "compiler",
      "os",
      "pool",
      "region",
      "stage",
      "team",
    ]
      .map((label, i) => `${label}="${label}-${(i * 7 + family) % 13}"`)
      .join(",");
    text += `${head(name, "gauge", "Size of a built artifact.")}${name}{${labels},zone="z1"} ${integer(random, 1e8)}\n`;
  }
  return text;
}

function counters(random: Random): string {
  return ["read", "written"]
    .map((verb) => {
      const name = `sync_objects_${verb}_total`;
      const samples = ["eu", "us", "ap"].flatMap((region) =>
        ["ok", "error"].map((result) => `${name}{region="${region}",result="${result}"} ${integer(random, 1e7)}\n`),
      );
      return head(name, "counter", `Objects ${verb}.`) + samples.join("");
    })
    .join("");
}

function histogramAndSummary(random: Random): string {
  const name = "sync_wait_seconds";
  const quantiles = [0.5, 0.9, 0.99].map((q) => `${name}{quantile="${q}"} ${decimal(random, 10, 6)}\n`);
  return (
    head("sync_request_seconds", "histogram", "Durations of requests.") +
    histogram(random, "sync_request_seconds", 'peer="archive"') +
    head(name, "summary", "Waiting times.") +
    `${quantiles.join("")}${name}_sum ${decimal(random, 1e4, 3)}\n${name}_count ${integer(random, 1e5)}\n`
  );
}

function escapes(random: Random): string {
  const name = "scan_files";
  const folders = ["C:\\\\data", 'the \\"old\\" one', "größer", "two\\nlines"];
  const samples = folders.map((folder) => `${name}{folder="${folder}"} ${random().toExponential(6)}\n`);
  return `# HELP ${name} Files below a folder, with \\\\ and\\nmore.\n# TYPE ${name} untyped\n${samples.join("")}scan_errors ${integer(random, 9)}\n`;
}

function information(random: Random): string {
  const labels = 'branch="main",commit="9b2c1f0",compiler="clang-19",version="4.11.2"';
  return (
    `${head("deploy_info", "gauge", "What was deployed.")}deploy_info{${labels}} 1\n` +
    `${head("deploy_time_seconds", "gauge", "When.")}deploy_time_seconds ${timestamp(random)}\n`
  );
}
