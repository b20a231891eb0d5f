import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { TestContext } from "node:test";
import { type Cursor, type Entry, type Journal, ORIGIN, type Snapshot } from "@waystation/core";
import { SqliteJournal, type SqliteJournalOptions } from "@waystation/storage-sqlite";
import Sqlite, { type Database } from "better-sqlite3";

/** A path for a database in a folder of its own, which is removed after the test. */
export async function temporaryPath(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), "waystation-sqlite-"));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return join(folder, "journal.db");
}

/** An open journal, closed after the test. */
export async function openJournal(
  t: TestContext,
  path: string,
  options: Partial<SqliteJournalOptions> = {},
): Promise<SqliteJournal> {
  const journal = new SqliteJournal({ path, ...options });
  t.after(() => journal.close());
  await journal.open();
  return journal;
}

let nextTag = 1;

/** Appends `data` (bytes, or so many of them) after `since` and returns where it is. */
export async function append(journal: Journal, since: Cursor, data: Uint8Array | number = 100): Promise<Cursor> {
  const bytes = typeof data === "number" ? new Uint8Array(data).fill(nextTag) : data;
  const { at } = await journal.append(bytes, since, { tag: String(nextTag++), deadline: Date.now() + 60_000 });
  return at;
}

/** Everything after `since`. */
export async function readAll(journal: Journal, since: Cursor = ORIGIN): Promise<Entry[]> {
  const entries: Entry[] = [];
  for (let at = since; ; at = entries.at(-1)!) {
    const tail = await journal.read(at);
    entries.push(...tail.entries);
    if ((entries.at(-1)?.position ?? at.position) >= tail.head) return entries;
  }
}

export async function* chunksOf(...chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void> {
  yield* chunks;
}

export async function bytesOf(snapshot: Snapshot | undefined): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of snapshot?.chunks ?? []) chunks.push(chunk);
  return Buffer.concat(chunks);
}

/** The database as any SQLite program sees it, closed after the test. Wants to be waited for, unlike the journal's connections. */
export function openDatabase(t: TestContext, path: string): Database {
  const database = new Sqlite(path, { timeout: 5_000 });
  t.after(() => database.close());
  return database;
}

export function count(database: Database, table: "entry" | "chunk" | "snapshot"): number {
  return database.prepare<[], number>(`SELECT count(*) FROM ${table}`).pluck().get()!;
}

/** Asks again and again, for up to ten seconds, until the answer is yes. */
export async function eventually(what: string, holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; tries < 500; tries++) {
    if (await holds()) return;
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
  throw new Error(`did not come about: ${what}`);
}
