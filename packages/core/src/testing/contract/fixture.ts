import type { Journal } from "../../journal/journal.ts";

/** How a fixture's storage is to be set up for one case. */
export interface FixtureSettings {
  /** Drop entries at and before a snapshot as soon as it is published, with no lag for slow readers. */
  readonly eagerTrim: boolean;
}

/** One storage (a folder, a file, a key prefix, …), empty at first, and the journals on it. Each case gets its own. */
export interface JournalFixture {
  /** A new journal on this storage, not opened yet: what a starting process would make. */
  journal(): Journal;
  /**
   * Leaves the storage as the sudden death of the journal's process would: without `close`, locks free, nothing flushed that was
   * not acknowledged. Journals made from now on see that storage. The dead one is still closed at the end of the case.
   */
  crash?(journal: Journal): Promise<void>;
  /**
   * Makes the storage behave badly for this journal, in any way (refuse, swallow answers, deliver late), until the returned
   * function is awaited. Suits storages behind a connection.
   */
  disturb?(journal: Journal): Promise<() => Promise<void>>;
  /** Removes the storage. All journals have been closed by then. */
  destroy(): Promise<void>;
}

/** What the journal claims. Claims are tested both ways: a journal that is not shared has to refuse a second opener, for example. */
export interface JournalCapabilities {
  /** Several journals may have the storage open at once. If not, the second one must be refused with `LOCKED`. */
  readonly shared: boolean;
  /** With default settings, a reader slightly behind a new snapshot can go on reading. */
  readonly trimLag: boolean;
  /** The fixture has `crash`. */
  readonly crash: boolean;
  /** The fixture has `disturb`. */
  readonly disturb: boolean;
}

export interface JournalContractOptions {
  /** Registers one case: `test` of node:test, `it` of mocha or vitest, or a function that collects. */
  readonly test: (name: string, body: () => Promise<void>) => unknown;
  /** Starts the name of each case: `"file journal"`. */
  readonly name: string;
  readonly create: (settings: FixtureSettings) => Promise<JournalFixture>;
  readonly capabilities: JournalCapabilities;
  /** Random command sequences that the model case tries, each on a fixture of its own. Default: 50. */
  readonly modelRuns?: number;
}
