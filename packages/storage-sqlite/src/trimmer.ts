import type { Database, Statement } from "better-sqlite3";
import type { EntryMark, EntryTable } from "./entries.ts";

/** What one slice deletes at most, so that no append waits long for it. */
const SLICE_ROWS = 1_000;
const SLICE_BYTES = 4 * 1024 * 1024;

/** How many times {@link TrimLag.bytes} the young entries may take: where much is pushed, a minute of it would fill the disk. */
const YOUNG_FACTOR = 4;

/** Which entries behind a snapshot stay readable, so that live replicas that lag a little need not load the snapshot. */
export interface TrimLag {
  /** Entries among so many bytes before the snapshot stay. */
  readonly bytes: number;
  /** Those written less than so many milliseconds ago stay too, up to four times `bytes`. */
  readonly ms: number;
}

/** Deletes entries that a snapshot has replaced, in slices. */
export class Trimmer {
  readonly #entries: EntryTable;
  readonly #lag: TrimLag;
  readonly #delete: Statement<[number]>;

  constructor(database: Database, entries: EntryTable, lag: TrimLag) {
    this.#entries = entries;
    this.#lag = lag;
    this.#delete = database.prepare("DELETE FROM entry WHERE position < ?");
  }

  /** The lowest position that must stay, with a snapshot at position `snapshot` (0: none). To be called in a transaction. */
  floor(snapshot: number, now: number): number {
    let low = this.#entries.lowest();
    const at = this.#entries.markAt(snapshot);
    if (!at) return low;
    // Lag shrinks with the position, so the first entry within it can be searched for by halving.
    let high = snapshot;
    while (low < high) {
      const middle = low + Math.floor((high - low) / 2);
      const mark = this.#entries.markAt(middle);
      if (!mark || this.#lags(mark, at, now)) high = middle;
      else low = middle + 1;
    }
    return low;
  }

  /** Deletes some entries below `floor`; `true` when none are left. To be called in a write transaction. */
  deleteSlice(floor: number): boolean {
    const lowest = this.#entries.lowest();
    const first = this.#entries.markAt(lowest);
    if (!first || lowest >= floor) return true;
    let end = Math.min(floor, lowest + SLICE_ROWS);
    while (end > lowest + 1 && (this.#entries.markAt(end - 1)?.total ?? 0) - first.total > SLICE_BYTES) {
      end = lowest + Math.ceil((end - lowest) / 2);
    }
    this.#delete.run(end);
    return end === floor;
  }

  /** A time in the future comes from a clock that was set back since, and says nothing. */
  #lags(mark: EntryMark, snapshot: EntryMark, now: number): boolean {
    const age = now - mark.time;
    const behind = snapshot.total - mark.total;
    const { bytes, ms } = this.#lag;
    return behind < bytes || (age >= 0 && age < ms && behind < YOUNG_FACTOR * bytes);
  }
}
