import { isWaystationError } from "../errors.ts";
import type { Cursor, Entry, Journal } from "../journal/journal.ts";
import type { RecentHistory } from "./recent-history.ts";

/** What a replica had applied and its journal does not hold any more. */
export interface LostEntries {
  /** The first and the last position, in the history that was lost. */
  readonly from: number;
  readonly to: number;
  /** Those that are still held, in order: the newest. */
  readonly entries: readonly Entry[];
}

/**
 * Finds out where the journal left this history. Places that it has compacted away since cannot be compared: they do not count as lost.
 *
 * @returns undefined if nothing of the history is known to be missing
 * @throws `UNAVAILABLE`
 */
export async function findLost(journal: Journal, history: RecentHistory): Promise<LostEntries | undefined> {
  const { head, entries } = history;
  // Whatever follows an entry that is missing is missing too.
  let [low, high] = [history.oldest, head.position + 1];
  while (low < high) {
    const middle = Math.floor((low + high) / 2);
    if (await isMissing(journal, { position: middle, tag: history.tagAt(middle)! })) high = middle;
    else low = middle + 1;
  }
  if (low > head.position) return undefined;
  return { from: low, to: head.position, entries: entries.filter(({ position }) => position >= low) };
}

async function isMissing(journal: Journal, cursor: Cursor): Promise<boolean> {
  try {
    await journal.read(cursor);
    return false;
  } catch (error) {
    if (isWaystationError(error, "REWOUND")) return true;
    if (isWaystationError(error, "TRUNCATED")) return false;
    throw error;
  }
}
