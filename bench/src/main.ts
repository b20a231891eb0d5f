/**
 * Waystation beside the Go Pushgateway, both on this machine and in one run.
 *
 *   pnpm bench                        everything: about a quarter of an hour
 *   pnpm bench push scrape            some scenarios
 *   pnpm bench --smoke                does the bench itself work? Less than a minute, and the times mean nothing
 *   pnpm bench --write-readme         puts the kept results into bench/README.md
 *
 * Options: see `--help`, and bench/README.md for how to read what comes out.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { type Bench, FULL, SMOKE } from "./bench.ts";
import { SHAPE_NAMES, SHAPES, type ShapeName } from "./data/shapes.ts";
import { AUTOCANNON } from "./load/autocannon.ts";
import { findWrk } from "./load/wrk.ts";
import { describeMachine, formatMachine, isInMemory } from "./machine.ts";
import { findGoPushgateway, SOURCES, versionOf, waystation } from "./programs/programs.ts";
import { layOutPackages } from "./programs/published.ts";
import { formatMeasurements, Recorder } from "./report/measurements.ts";
import { writeReadme } from "./report/readme.ts";
import { REFERENCE, readResults, saveMeasurements } from "./report/results.ts";
import { formatTargets } from "./report/targets.ts";
import { SCENARIOS } from "./scenarios/scenarios.ts";

const HELP = `pnpm bench [scenario ...] [option ...]

Scenarios, all of them by default:
${SCENARIOS.map(({ name, title }) => `  ${name.padEnd(12)}${title}`).join("\n")}

Options:
  --data=SHAPE        what is pushed: one of
${SHAPE_NAMES.map((name) => `                        ${name.padEnd(14)}${SHAPES[name].description}`).join("\n")}
  --rounds=N          rounds of each measurement (${FULL.rounds})
  --seconds=N         whole seconds of each measurement under load (${FULL.seconds})
  --peer=PATH         the Go Pushgateway; otherwise PEER_PUSHGATEWAY, what scripts/peers has fetched, or one on the PATH
  --load=TOOL         wrk, or autocannon where that is missing
  --dir=FOLDER        where everything is written, on a disk (${tmpdir()})
  --sources           runs Waystation from the sources as they are, not as it is built and published
  --node-option=FLAG  for the Node that runs Waystation, as --node-option=--cpu-prof; repeatable
  --name=NAME         results go to bench/results/NAME.json (latest), in place of those of the same scenarios
  --minutes=N         gives up after so long (90, with --smoke 8)
  --smoke             little data, one short round; writes no results
  --write-readme      writes the tables of --name (${REFERENCE}) into bench/README.md, and measures nothing`;

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    data: { type: "string", default: "small-jobs" },
    rounds: { type: "string" },
    seconds: { type: "string" },
    peer: { type: "string" },
    load: { type: "string" },
    dir: { type: "string", default: tmpdir() },
    "node-option": { type: "string", multiple: true, default: [] },
    sources: { type: "boolean", default: false },
    name: { type: "string" },
    minutes: { type: "string" },
    smoke: { type: "boolean", default: false },
    "write-readme": { type: "boolean", default: false },
    help: { type: "boolean", short: "h", default: false },
  },
});

if (options.help) console.log(HELP);
else if (options["write-readme"]) updateReadme(options.name ?? REFERENCE);
else await run();

function updateReadme(name: string): void {
  const results = readResults(name);
  if (results === undefined) fail(`There is no bench/results/${name}.json. \`pnpm bench --name=${name}\` makes it.`);
  writeReadme(results);
}

async function run(): Promise<void> {
  const unknown = positionals.find((name) => !SCENARIOS.some((scenario) => scenario.name === name));
  if (unknown !== undefined)
    fail(`There is no scenario ${unknown}: choose of ${SCENARIOS.map(({ name }) => name).join(", ")}.`);
  const chosen = positionals.length === 0 ? SCENARIOS : SCENARIOS.filter(({ name }) => positionals.includes(name));
  if (!isShape(options.data)) fail(`--data=${options.data} is no shape: choose of ${SHAPE_NAMES.join(", ")}.`);
  const shape: ShapeName = options.data;

  const folder = mkdtempSync(join(options.dir, "waystation-bench-"));
  process.on("exit", () => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => fail(`Ended by ${signal}.`));
  const minutes = wholeNumber("minutes", options.smoke ? 8 : 90);
  setTimeout(() => fail(`Not done after ${minutes} minutes.`), minutes * 60_000).unref();

  const bench = prepare(shape, folder);
  const machine = describeMachine(folder, {
    goPushgateway: bench.go === undefined ? "no Go Pushgateway" : describeGo(bench.go.command),
    load: bench.load.name,
  });
  console.log(formatMachine(machine));
  if (isInMemory(folder))
    console.log(`${options.dir} is in memory, so nothing is durable: name a folder on a disk by --dir.`);

  const all = [];
  for (const scenario of chosen) {
    const started = performance.now();
    const head = { scenario: scenario.name, title: scenario.title, settings: scenario.settings(bench) };
    console.log(`\n${head.title} (${head.settings})\n`);
    const recorder = new Recorder(head);
    await scenario.measure(bench, recorder);
    const { measurements } = recorder;
    all.push(measurements);
    console.log(formatMeasurements(measurements));
    console.log(`\nTook ${((performance.now() - started) / 1000).toFixed(1)} s.`);
    if (!options.smoke) console.log(`In ${saveMeasurements(options.name ?? "latest", machine, measurements)}`);
  }
  if (!options.smoke) console.log(`\n${formatTargets(all.flatMap(({ series }) => series))}`);
  const values = all.flatMap(({ series }) => series.flatMap(({ values }) => values));
  console.log(`\n${all.length} scenarios, ${values.length} values measured.`);
}

function prepare(shape: ShapeName, folder: string): Bench {
  const size = options.smoke ? SMOKE : FULL;
  const wrk = options.load === "autocannon" ? undefined : findWrk(folder);
  if (options.load === "wrk" && wrk === undefined) fail("wrk is not on the PATH (Debian: apt-get install wrk).");
  return {
    size: {
      ...size,
      rounds: wholeNumber("rounds", size.rounds),
      largeRounds: Math.min(wholeNumber("rounds", size.largeRounds), size.largeRounds),
      seconds: wholeNumber("seconds", size.seconds),
    },
    shape,
    waystation: waystation(
      options.sources ? SOURCES : layOutPackages(join(folder, "published")),
      options["node-option"],
    ),
    go: findGoPushgateway(options.peer),
    load: wrk ?? AUTOCANNON,
    folder,
  };
}

function describeGo(command: readonly string[]): string {
  return `Go ${versionOf(command).replace(/ \(.*/, "")}`;
}

function isShape(name: string): name is ShapeName {
  return (SHAPE_NAMES as readonly string[]).includes(name);
}

function wholeNumber(name: "rounds" | "seconds" | "minutes", otherwise: number): number {
  const text = options[name];
  if (text === undefined) return otherwise;
  const number = Number(text);
  if (!Number.isInteger(number) || number < 1) fail(`--${name}=${text} is not a whole number from 1.`);
  return number;
}

function fail(message: string): never {
  console.error(message);
  process.exit(1);
}
