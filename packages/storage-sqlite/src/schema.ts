/** The file format. A change to any of this raises {@link SCHEMA_VERSION}. */

/** "WayS" in `PRAGMA application_id`: tells a journal from other SQLite databases. */
export const APPLICATION_ID = 0x57617953;

/** `PRAGMA user_version` of a journal that this release writes and reads. */
export const SCHEMA_VERSION = 1;

/**
 * - `entry`: one row per entry. `time` is when it was written (ms), `total` the bytes of all entries up to and including it since the
 *   journal began, so that sizes are differences, and `crc` covers the whole row. Rows are only ever deleted from the low end, and
 *   never the newest one: the lowest row present is the lowest cursor that can still be read from.
 * - `snapshot`: the published one, and those being written. Generations never recur, so whoever wakes up after its unfinished
 *   snapshot was cleared away cannot write into another one. `touched` is when the last chunk came (ms).
 * - `chunk`: the bytes of snapshots. Chunks whose generation has no row in `snapshot` are garbage.
 * - `lease`: granted for `ms` until `expires` (both ms).
 */
export const SCHEMA = `
  CREATE TABLE entry (
    position INTEGER PRIMARY KEY,
    tag TEXT NOT NULL,
    time INTEGER NOT NULL,
    total INTEGER NOT NULL,
    crc INTEGER NOT NULL,
    data BLOB NOT NULL
  ) STRICT;
  CREATE TABLE snapshot (
    generation INTEGER PRIMARY KEY AUTOINCREMENT,
    position INTEGER NOT NULL,
    tag TEXT NOT NULL,
    published INTEGER NOT NULL,
    touched INTEGER NOT NULL,
    chunks INTEGER NOT NULL,
    bytes INTEGER NOT NULL
  ) STRICT;
  CREATE TABLE chunk (
    generation INTEGER NOT NULL,
    number INTEGER NOT NULL,
    crc INTEGER NOT NULL,
    data BLOB NOT NULL,
    PRIMARY KEY (generation, number)
  ) STRICT;
  CREATE TABLE lease (
    name TEXT PRIMARY KEY,
    holder TEXT NOT NULL,
    ms INTEGER NOT NULL,
    expires INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
`;
