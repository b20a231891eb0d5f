import type { AppliedHistory, Journal } from "../journal/journal.ts";
import type { Publisher } from "./channels.ts";
import { findLost, type LostEntries } from "./lost-entries.ts";
import type { RecentHistory } from "./recent-history.ts";

export type Healing =
  /** The journal holds the history again: there is nothing to begin anew. */
  | { readonly outcome: "restored" }
  /** It holds another one, which lacks what is `lost`, if anything. */
  | { readonly outcome: "diverged"; readonly lost: LostEntries | undefined };

/**
 * Offers a history to a journal that said `REWOUND`: one that lost its end, or all of it, and was not appended to since, takes it back.
 *
 * @param journal one that can be restored
 * @param snapshot of the state at the head of the history
 * @throws `UNAVAILABLE`, `FULL`; to be tried again
 */
export async function heal(
  journal: Journal,
  history: RecentHistory,
  snapshot: AsyncIterable<Uint8Array>,
  publisher: Publisher,
): Promise<Healing> {
  const { position } = history.head;
  const offered: AppliedHistory = {
    before: history.before,
    entries: history.entries,
    knows: (cursor) => history.knows(cursor),
    snapshot: () => snapshot,
  };
  try {
    const outcome = await journal.restore!(offered);
    const healing: Healing = outcome === "restored" ? { outcome } : { outcome, lost: await findLost(journal, history) };
    publisher.publish("waystation:rewound", { outcome, position });
    return healing;
  } catch (error) {
    publisher.publish("waystation:rewound", { outcome: "failed", position, error: error as Error });
    throw error;
  }
}
