import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { randomInt } from "node:crypto";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { Cursor, Journal } from "../../journal/journal.ts";
import { passed, Replica } from "../contract/kit.ts";
import { decodeHistory, payloadOf } from "./history.ts";

export interface CrashLoopOptions {
  /** A module that calls `journalCrashChild`. */
  readonly childModule: URL;
  /** Where the journal is: a folder, a file, … Handed to the child and to `journal`. */
  readonly location: string;
  /** The journal at a location, not opened yet. */
  readonly journal: (location: string) => Journal;
  /** How often to kill. Default: the environment's `CRASH_ROUNDS`, else 20. */
  readonly rounds?: number;
  /** Processes that write, and are killed, in each round. More than one only for journals that can be shared. Default: 1. */
  readonly writers?: number;
}

export interface CrashLoopReport {
  readonly rounds: number;
  /** Appends of which a child learned that they were stored. */
  readonly acknowledged: number;
  /** Entries that were found at the end, those in doubt included. */
  readonly entries: number;
  /** Snapshots of which a child learned that they were published. */
  readonly snapshots: number;
}

/** Milliseconds of storm before the kill. */
const STORM = { min: 20, max: 150 } as const;

/**
 * Lets processes append in a storm, kills them with SIGKILL at random moments (some while they are still opening the journal), opens
 * what they left, and checks it: every acknowledged entry is there with its bytes, no position is missing, nothing that was seen
 * before has changed, and the newest acknowledged snapshot, or a newer one, is found.
 *
 * @throws AssertionError naming the round and what was lost.
 */
export async function journalCrashLoop(options: CrashLoopOptions): Promise<CrashLoopReport> {
  const rounds = options.rounds ?? Number(process.env["CRASH_ROUNDS"] ?? 20);
  const writers = options.writers ?? 1;
  let known: readonly Cursor[] = [];
  let newestSnapshot = 0;
  let acknowledged = 0;
  let snapshots = 0;
  for (let round = 1; round <= rounds; round++) {
    const outputs = await Promise.all(Array.from({ length: writers }, () => storm(options)));
    const said = outputs.flatMap(parseOutput);
    const appended = said.filter(({ what }) => what === "append");
    const published = said.filter(({ what }) => what === "snapshot");
    newestSnapshot = published.reduce((newest, { position }) => Math.max(newest, position), newestSnapshot);

    const { history, snapshotAt } = await inspect(options.journal(options.location));
    for (const { position, tag } of known) expectAt(history, position, tag, `round ${round}: seen before`);
    for (const { position, tag } of appended) expectAt(history, position, tag, `round ${round}: acknowledged`);
    assert(
      snapshotAt >= newestSnapshot,
      `round ${round}: the snapshot at ${newestSnapshot} was lost, found ${snapshotAt}`,
    );
    known = history;
    acknowledged += appended.length;
    snapshots += published.length;
  }
  return { rounds, acknowledged, entries: known.length, snapshots };
}

function expectAt(history: readonly Cursor[], position: number, tag: string, why: string): void {
  const found = history[position - 1]?.tag;
  assert.equal(found, tag, `${why}, but position ${position} of ${history.length} now has another tag, or none`);
}

/** One process from its start to its violent end. Returns what it said. */
async function storm({ childModule, location }: CrashLoopOptions): Promise<string> {
  const child = spawn(process.execPath, [fileURLToPath(childModule), location], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  const ended = once(child, "close");
  let output = "";
  child.stdout.setEncoding("latin1").on("data", (said: string) => {
    output += said;
  });
  const opensInTime = randomInt(5) > 0;
  await Promise.race([opensInTime ? once(child.stdout, "data") : passed(randomInt(40, 120)), ended]);
  await Promise.race([passed(opensInTime ? randomInt(STORM.min, STORM.max) : 0), ended]);
  child.kill("SIGKILL");
  const [code, signal] = await ended;
  assert.equal(signal, "SIGKILL", `the child ended by itself, with code ${code}: its standard error says why`);
  return output;
}

interface Said {
  readonly what: string;
  readonly position: number;
  readonly tag: string;
}

/** Whole lines only: the kill may have cut the last one. */
function parseOutput(output: string): Said[] {
  const lines = output.slice(0, output.lastIndexOf("\n") + 1).split("\n");
  return lines.map((line) => {
    const [what = "", position, tag = ""] = line.split(" ");
    return { what, position: Number(position), tag };
  });
}

/** Opens the journal, and checks that the bytes of entries are those that their tags call for. */
async function inspect(journal: Journal): Promise<{ history: Cursor[]; snapshotAt: number }> {
  const replica = await Replica.open(journal);
  try {
    const history = replica.snapshot ? decodeHistory(replica.snapshot.bytes) : [];
    assert.equal(history.length, replica.snapshot?.at.position ?? 0, "the snapshot is not whole");
    for (const { position, tag, data } of await replica.catchUp()) {
      assert(payloadOf(tag).equals(data), `the bytes of entry ${position} are not those that were appended`);
      history.push({ position, tag });
    }
    return { history, snapshotAt: replica.snapshot?.at.position ?? 0 };
  } finally {
    await journal.close();
  }
}
