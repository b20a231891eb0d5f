/**
 * A journal orders opaque entries, makes them durable and gives them back. It knows nothing of metrics.
 *
 * Rules that hold for every implementation and that `@waystation/core/testing` checks:
 *
 * - One append is one entry, atomic: after a crash it is there as a whole or not at all.
 * - Positions are dense (1, 2, 3, …), so a reader sees a gap. An entry's tag names it: two entries at one position with different
 *   tags belong to different histories.
 * - Durability is by prefix: an acknowledged append implies that everything before it is as durable.
 * - Entries, cursors and chunks handed in are not kept or changed after the promise settles; those handed out belong to the caller.
 *
 * Failures are `WaystationError`s. Of `append`: `UNAVAILABLE`, `FULL`, `LATE`, `TRUNCATED`, `REWOUND`, `CLOSED` mean certainly not
 * written; `IN_DOUBT` means it may have been written, or may still be. Any other rejection is a defect and treated like `IN_DOUBT`.
 */

/** A place in a journal and the history that it belongs to. The start is {@link ORIGIN}. */
export interface Cursor {
  readonly position: number;
  /** 48 random bits in decimal, chosen by the writer of the entry at `position`. */
  readonly tag: string;
}

export const ORIGIN: Cursor = Object.freeze({ position: 0, tag: "0" });

export interface Entry extends Cursor {
  readonly data: Uint8Array;
}

/** Entries in order, without gaps from `since.position + 1`, about {@link MAX_TAIL_BYTES} at most. */
export interface Tail {
  readonly entries: readonly Entry[];
  /** Newest position in the journal at that moment. Above the last of `entries` (and of `since`) there is more: read again. */
  readonly head: number;
  /** The journal's clock in milliseconds since the epoch. For a journal without a clock of its own: `Date.now()`. */
  readonly time: number;
}

/** How much one tail may hold; a single larger entry still comes, alone. */
export const MAX_TAIL_BYTES = 4 * 1024 * 1024;

/** The newest complete snapshot; reading goes on from `at`. */
export interface Snapshot {
  readonly at: Cursor;
  /** The bytes that were given to `compact`, possibly cut at other places. Read once. */
  readonly chunks: AsyncIterable<Uint8Array>;
}

/**
 * What an acknowledged append outlives, weakest first. `host-crash` includes power loss.
 */
export const DURABILITIES = ["nothing", "gateway-crash", "storage-crash", "host-crash", "host-loss"] as const;
export type Durability = (typeof DURABILITIES)[number];

export interface JournalHealth {
  /** May appends be expected to work now? */
  readonly ok: boolean;
  /** Why not, or what an operator should know; one line. */
  readonly detail?: string;
  /** Bytes of entries since the newest snapshot, and of that snapshot, where the journal can tell cheaply. */
  readonly journalBytes?: number;
  readonly snapshotBytes?: number;
}

export interface AppendOwn {
  /** The tag of the new entry. */
  readonly tag: string;
  /** On the journal's clock, milliseconds: after it the append is refused with `LATE`, not executed late. */
  readonly deadline: number;
}

/** What a gateway still holds of a history that its journal may have lost, for {@link Journal.restore}. */
export interface AppliedHistory {
  /** The place right before the first of `entries`. */
  readonly before: Cursor;
  /** The newest entries that were applied, in order and without gaps, as many as are kept. The last one is where the gateway is. */
  readonly entries: readonly Entry[];
  /** Is this a place in the history, as far as is known? For places older than `before`, of which no entry is kept. */
  knows(cursor: Cursor): boolean;
  /** A snapshot of the state after the last of `entries`, as for `compact`. Called at most once. */
  snapshot(): AsyncIterable<Uint8Array>;
}

export interface Journal {
  /** `"sqlite"`, `"file"`, …: for logs, errors and metrics. */
  readonly name: string;
  /** May other processes append to the same journal while this one has it open? */
  readonly shared: boolean;
  /** Is nothing kept of what is appended, so that there is nothing to compact either? Default: false. */
  readonly forgetful?: boolean;
  /** As found out (probed) so far, not as hoped for; read it again after `open` and after failures. */
  readonly survives: Durability;

  /**
   * Opens or creates the journal; to be called before anything else. Resolves with the newest complete snapshot, if any. Rejects
   * with `LOCKED`, `CORRUPT`, `UNSUPPORTED`, `CONFIG` or `UNAVAILABLE`.
   *
   * On a journal that is open it only looks for the newest snapshot anew, as after `TRUNCATED` or `REWOUND`. Chunks that an earlier
   * call gave need not be readable any longer.
   */
  open(signal?: AbortSignal): Promise<Snapshot | undefined>;

  /**
   * Appends one entry after everything there is, and resolves once it is as durable as `survives` says. The tail holds what anybody
   * appended after `since` and before this entry, which itself is not sent back; if it is partial (its last position is below
   * `at.position - 1`), the rest is to be read. Rejects with `TRUNCATED` or `REWOUND`, having written nothing, if `since` is no
   * longer, or not, a place in this history.
   */
  append(data: Uint8Array, since: Cursor, own: AppendOwn): Promise<{ readonly at: Cursor; readonly tail: Tail }>;

  /** What was appended after `since`, by anybody; an empty tail at the head. Rejects with `TRUNCATED`, `REWOUND`, `UNAVAILABLE`. */
  read(since: Cursor): Promise<Tail>;

  /**
   * Replaces everything up to and including `at` by `snapshot`, atomically, and only if `at` is in this history and newer than the
   * present snapshot; else `"older"`, with nothing changed. Entries shortly before `at` may stay readable for slow readers. May
   * overlap with appends and reads. If the iterable throws, nothing is published and that error is passed on.
   */
  compact(at: Cursor, snapshot: AsyncIterable<Uint8Array>): Promise<"published" | "older">;

  /** Calls back when others may have appended: a hint, which may be late, missing or wrong. Returns a function that stops it. */
  watch?(onGrowth: () => void): () => void;

  /**
   * After `REWOUND`: puts back what a journal lost that went back in its history, or was emptied, such as a Redis that restarted from an
   * old file. Happens only if nobody has appended since, that is if the journal ends at a place of this history: the missing entries
   * are then appended with their own positions and tags, or, if they are no longer all held, the snapshot and the newest entries take
   * the place of everything. `"restored"`: the journal holds this history, whoever put it back; read on. `"diverged"`: it holds another
   * one, and nothing was changed. Rejects with `UNAVAILABLE` or `FULL`; trying again is then safe.
   *
   * Other gateways may hold more of it: for some time after `"restored"` the journal lets nobody append, and nothing that it gives is
   * taken for all.
   */
  restore?(history: AppliedHistory): Promise<"restored" | "diverged">;

  /**
   * Takes or renews the lease `name` for `holder`, for `ms` milliseconds from some moment during the call; 0 gives it back. True while
   * `holder` has it, false while another has. A journal without leases has one user only. Rejects with `UNAVAILABLE`.
   */
  lease?(name: string, holder: string, ms: number): Promise<boolean>;

  /** Never rejects, and settles within a second or so. */
  health(): Promise<JournalHealth>;

  /** Waits for what is under way, then lets go of all resources. Later calls reject with `CLOSED`; closing twice is fine. */
  close(): Promise<void>;
}
