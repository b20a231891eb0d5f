import type { Database, Statement } from "better-sqlite3";

interface LeaseRow {
  readonly holder: string;
  readonly ms: number;
  readonly expires: number;
}

/** Who may do what only one process should. Each call belongs in a write transaction of its own. */
export class Leases {
  readonly #find: Statement<[string], LeaseRow>;
  readonly #grant: Statement<[string, string, number, number]>;
  readonly #drop: Statement<[string]>;

  constructor(database: Database) {
    this.#find = database.prepare("SELECT holder, ms, expires FROM lease WHERE name = ?");
    this.#grant = database.prepare("REPLACE INTO lease (name, holder, ms, expires) VALUES (?, ?, ?, ?)");
    this.#drop = database.prepare("DELETE FROM lease WHERE name = ?");
  }

  /** As `Journal.lease`, at the time `now` (ms since the epoch). */
  take(name: string, holder: string, ms: number, now: number): boolean {
    const lease = this.#find.get(name);
    if (lease && lease.holder !== holder && isValid(lease, now)) return false;
    if (ms > 0) this.#grant.run(name, holder, Math.ceil(ms), now + Math.ceil(ms));
    else if (lease) this.#drop.run(name);
    return true;
  }
}

/** One that has longer to go than it was granted for was granted by a clock that was set back since. */
function isValid(lease: LeaseRow, now: number): boolean {
  const left = lease.expires - now;
  return left > 0 && left <= lease.ms;
}
