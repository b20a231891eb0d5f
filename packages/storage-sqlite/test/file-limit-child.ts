/**
 * Writes a journal (first argument) under a limit on the size of files, which the system reports as a disk that fails. Exits with an
 * error if the journal goes on writing, or loses anything that was acknowledged.
 */
import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { type Cursor, isWaystationError, ORIGIN } from "@waystation/core";
import { SqliteJournal } from "@waystation/storage-sqlite";
import { append, readAll } from "./kit.ts";

const path = process.argv[2]!;
process.on("SIGXFSZ", () => {}); // else the signal that comes with the limit ends the process

const journal = new SqliteJournal({ path });
await journal.open();
let at: Cursor = ORIGIN;
let failure: unknown;
for (let i = 0; i < 1_000 && failure === undefined; i++) {
  try {
    at = await append(journal, at, 20_000);
  } catch (error) {
    failure = error;
  }
}
assert(isWaystationError(failure, "UNAVAILABLE", "IN_DOUBT"), String(failure));
assert.match(failure.message, /the disk failed .*SQLITE_IOERR.* restart, which checks the file/);
await assert.rejects(append(journal, at, 1), {
  code: "UNAVAILABLE",
  message: /until a restart, which checks the file/,
});
assert.equal((await journal.health()).ok, false);
assert((await readAll(journal)).length >= at.position, "reading goes on");
assert(existsSync(`${path}-suspect`), "the next to open is told to check the file");
await journal.close();
console.log(`failed after ${at.position}: ${failure.message}`);
