import { writeSync } from "node:fs";
import type { Cursor, Journal } from "../../journal/journal.ts";
import { Replica, randomTag } from "../contract/kit.ts";
import { decodeHistory, encodeHistory, payloadOf } from "./history.ts";

/** Entries between two compactions. */
const COMPACT_EVERY = 15;

/**
 * The process that {@link journalCrashLoop} kills: opens the journal and appends as fast as it can, compacting at times. It says on
 * its standard output what was acknowledged (`append <position> <tag>`, `snapshot <position>`), at once, so that nothing that it
 * knows is lost with it. A module for it is two lines:
 *
 * ```ts
 * await journalCrashChild((location) => new FileJournal({ directory: location }));
 * ```
 */
export async function journalCrashChild(journal: (location: string) => Journal): Promise<never> {
  const location = process.argv[2];
  if (location === undefined) throw new TypeError("the location of the journal has to be the first argument");
  const replica = await Replica.open(journal(location));
  const before = replica.snapshot ? decodeHistory(replica.snapshot.bytes) : [];
  await replica.catchUp();
  say("ready");
  let compaction: Promise<void> | undefined;
  for (let count = 1; ; count++) {
    const tag = randomTag();
    const { position } = await replica.append(payloadOf(tag), { tag });
    say(`append ${position} ${tag}`);
    if (count % COMPACT_EVERY === 0) {
      await compaction;
      compaction = compact(replica, [...before, ...replica.entries]);
    }
  }
}

async function compact(replica: Replica, history: readonly Cursor[]): Promise<void> {
  const at = replica.at;
  const bytes = encodeHistory(history);
  const third = Math.ceil(bytes.length / 3);
  const chunks = [bytes.subarray(0, third), bytes.subarray(third, 2 * third), bytes.subarray(2 * third)];
  if ((await replica.compact(at, ...chunks)) === "published") say(`snapshot ${at.position}`);
}

/** Tries again while the pipe is full: its reader may be short of processor time. */
function say(line: string): void {
  const bytes = Buffer.from(`${line}\n`);
  for (let written = 0; written < bytes.length; ) {
    try {
      written += writeSync(1, bytes, written);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
    }
  }
}
