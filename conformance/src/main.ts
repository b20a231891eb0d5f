/**
 * The conformance suite as a command.
 *
 *   pnpm conformance                                            Waystation against the recorded answers of the Go Pushgateway
 *   pnpm conformance --candidate '<command>'                    another gateway against them
 *   pnpm conformance --peer '<command>' --candidate '<command>' two gateways against each other
 *   pnpm conformance --peer '<command>' --record                the peer's answers, recorded anew
 *   pnpm conformance --peer '<command>' --fuzz 1000 [--seed N]  random sequences sent to both
 *
 * Other options: --only WORD (cases whose name contains it), --list. In commands `{port}` and `{dir}` are filled in; without `{port}`,
 * `--web.listen-address` is added.
 */
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { CASES } from "./cases/index.ts";
import { describeMismatch } from "./describe.ts";
import { fuzz } from "./fuzz/fuzz.ts";
import { Gateways } from "./gateways.ts";
import { type Recording, readRecording, writeRecording } from "./recording.ts";
import { checkCase, recordCase } from "./run-case.ts";
import { RECORDING_FILE, WAYSTATION_COMMAND } from "./waystation.ts";

const { values: options } = parseArgs({
  options: {
    peer: { type: "string" },
    candidate: { type: "string", default: WAYSTATION_COMMAND },
    record: { type: "boolean", default: false },
    fuzz: { type: "string" },
    seed: { type: "string" },
    only: { type: "string", default: "" },
    list: { type: "boolean", default: false },
  },
});
const cases = CASES.filter(({ name }) => name.includes(options.only));

if (options.list) {
  for (const { name } of cases) console.log(name);
} else if (options.record) {
  await record(required(options.peer, "--record"));
} else if (options.fuzz !== undefined) {
  const peer = required(options.peer, "--fuzz");
  await fuzz({
    peer,
    candidate: options.candidate,
    runs: Number(options.fuzz),
    ...(options.seed && { seed: Number(options.seed) }),
  });
} else {
  await compare();
}

function required(peer: string | undefined, by: string): string {
  if (peer !== undefined) return peer;
  console.error(`${by} needs --peer '<command>'`);
  process.exit(2);
}

async function record(command: string): Promise<void> {
  await using peers = new Gateways(command);
  const answers: Record<string, Recording["cases"][string]> = {};
  for (const testCase of CASES) answers[testCase.name] = await recordCase(testCase, await peers.with(testCase.flags));
  const version = execFileSync("sh", ["-c", `${command} --version`], { encoding: "utf8" }).split("\n")[0] ?? "";
  writeRecording(RECORDING_FILE, { of: version.replace(/,? *\(branch.*/, ""), cases: answers });
  console.log(`recorded ${CASES.length} cases in ${fileURLToPath(new URL(RECORDING_FILE, "file:"))}`);
}

async function compare(): Promise<void> {
  await using peers = options.peer === undefined ? undefined : new Gateways(options.peer);
  await using candidates = new Gateways(options.candidate);
  const recording = peers ? undefined : readRecording(RECORDING_FILE);
  let failed = 0;
  for (const testCase of cases) {
    const expected = peers
      ? await recordCase(testCase, await peers.with(testCase.flags))
      : (recording?.cases[testCase.name] ?? []);
    const mismatch = await checkCase(testCase, await candidates.with(testCase.flags), expected);
    if (mismatch === undefined) continue;
    failed += 1;
    console.log(`FAIL ${testCase.name}\n${describeMismatch(mismatch)}\n`);
  }
  console.log(`${cases.length - failed} passed, ${failed} failed`);
  process.exitCode = failed === 0 ? 0 : 1;
}
