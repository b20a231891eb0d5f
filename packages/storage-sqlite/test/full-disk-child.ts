/**
 * Fills the disk at the folder in the first argument, a small one, with a journal; makes room; goes on. Exits with an error if
 * anything that was acknowledged is lost.
 */
import assert from "node:assert/strict";
import { existsSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type Cursor, ORIGIN } from "@waystation/core";
import { SqliteJournal } from "@waystation/storage-sqlite";
import { append, eventually, readAll } from "./kit.ts";

const folder = process.argv[2]!;
const ballast = join(folder, "ballast");
const path = join(folder, "journal.db");
writeFileSync(ballast, Buffer.alloc(2 * 1024 * 1024));

const journal = new SqliteJournal({ path });
await journal.open();
assert.equal(journal.survives, "gateway-crash", "memory does not survive the host");

let at: Cursor = ORIGIN;
async function appendUntilFull(): Promise<void> {
  const fill = async (): Promise<void> => {
    for (let i = 0; i < 1_000; i++) at = await append(journal, at, 20_000);
  };
  await assert.rejects(fill(), { code: "FULL", message: /nothing was written/ });
}

await appendUntilFull();
const { position } = at;
assert(position > 10, `full after ${position} entries`);
assert.equal((await readAll(journal)).length, position, "what was acknowledged can still be read");
await assert.rejects(append(journal, at, 20_000), { code: "FULL" });
assert.equal((await journal.health()).ok, false);

rmSync(ballast);
await eventually("the journal is well again", async () => (await journal.health()).ok);
at = await append(journal, at, 20_000);
assert.equal(at.position, position + 1);
await appendUntilFull();
await journal.close();

assert(!existsSync(join(folder, "journal.db-suspect")), "a full disk makes no suspect of the file");
const again = new SqliteJournal({ path, check: true });
await again.open();
const last = (await readAll(again)).at(-1)!;
assert.deepEqual({ position: last.position, tag: last.tag }, at);
await again.close();
console.log(`full at ${position}, then at ${at.position}`);
