import assert from "node:assert/strict";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { type Cursor, type Entry, isWaystationError, MAX_TAIL_BYTES, ORIGIN } from "@waystation/core";
import { SqliteJournal } from "@waystation/storage-sqlite";
import fc from "fast-check";
import { outward } from "../src/outward.ts";
import { Reader } from "../src/reader.ts";
import { SnapshotStream } from "../src/snapshot-stream.ts";
import { Store } from "../src/store.ts";
import { append, bytesOf, chunksOf, openDatabase, openJournal, readAll, temporaryPath } from "./kit.ts";

const SIZES = [10, 1_000, 30_000, 5, 9_000] as const;
const SNAPSHOT = Buffer.alloc(40_000, "snapshot ");
const SNAPSHOT_AT = 3;

/** Writes a journal of {@link SIZES} with a snapshot in the middle, and returns its entries. */
async function writeJournal(path: string): Promise<Entry[]> {
  const journal = new SqliteJournal({ path });
  await journal.open();
  let at: Cursor = ORIGIN;
  for (const size of SIZES) {
    at = await append(journal, at, size);
    if (at.position === SNAPSHOT_AT) await journal.compact(at, chunksOf(SNAPSHOT));
  }
  const entries = await readAll(journal);
  await journal.close();
  return entries;
}

/** What a gateway would load, opened with the check. In this thread, because a worker for each of hundreds of files takes its time. */
async function loadChecked(path: string) {
  const store = new Store({
    path,
    maxBytes: undefined,
    check: true,
    maxTailBytes: MAX_TAIL_BYTES,
    trimLag: { ms: 60_000, bytes: 1_000_000 },
    doorbell: new SharedArrayBuffer(4),
  });
  try {
    const stream = new SnapshotStream(path);
    const snapshot = stream.open();
    const bytes = await bytesOf(snapshot);
    stream.close();
    const reader = new Reader(path);
    try {
      return { snapshot: bytes, entries: [...reader.read(ORIGIN).entries] };
    } finally {
      reader.close();
    }
  } finally {
    store.close();
  }
}

test("a flipped bit anywhere in the file is found by the check, or hits nothing that is used", async (t) => {
  const path = await temporaryPath(t);
  const entries = await writeJournal(path);
  const whole = readFileSync(path);
  let found = 0;
  const flip = async (offset: number, bit: number): Promise<void> => {
    const damaged = Buffer.from(whole);
    damaged[offset]! ^= 1 << bit;
    for (const end of ["-wal", "-shm"]) rmSync(path + end, { force: true });
    writeFileSync(path, damaged);
    try {
      const loaded = await loadChecked(path);
      assert.deepEqual(loaded.entries, entries);
      assert(loaded.snapshot.equals(SNAPSHOT));
    } catch (error) {
      const shown = outward(error, path);
      if (!isWaystationError(shown, "CORRUPT", "UNSUPPORTED", "CONFIG", "UNAVAILABLE")) throw error;
      found++;
    }
  };
  await fc.assert(fc.asyncProperty(fc.nat(whole.length - 1), fc.nat(7), flip), { numRuns: 200 });
  t.diagnostic(`${found} found`);
  assert(found > 20, `only ${found} of 200 flips were found, although half of the file is in use`);
});

test("a damaged entry is not given to anybody, even without the check", async (t) => {
  const path = await temporaryPath(t);
  await writeJournal(path);
  openDatabase(t, path).exec("UPDATE entry SET data = zeroblob(length(data)) WHERE position = 4");
  const journal = await openJournal(t, path);
  await assert.rejects(journal.read(ORIGIN), { code: "CORRUPT", message: /entry 4 .* does not match its checksum/ });
  const checking = new SqliteJournal({ path, check: true });
  await assert.rejects(checking.open(), { code: "CORRUPT", message: /entry 4/ });
});

test("a missing entry is not passed over", async (t) => {
  const path = await temporaryPath(t);
  await writeJournal(path);
  openDatabase(t, path).exec("DELETE FROM entry WHERE position = 4");
  const journal = await openJournal(t, path);
  await assert.rejects(journal.read(ORIGIN), { code: "CORRUPT", message: /entry 4 .* is missing/ });
});

test("a snapshot that lost a chunk, or its entry, is not loaded", async (t) => {
  for (const damage of ["DELETE FROM chunk", "DELETE FROM entry WHERE position = 3", "DELETE FROM snapshot"]) {
    const path = await temporaryPath(t);
    await writeJournal(path);
    const database = openDatabase(t, path);
    database.exec("DELETE FROM entry WHERE position < 3");
    database.exec(damage);
    const journal = new SqliteJournal({ path });
    await assert.rejects(journal.open(), { code: "CORRUPT" }, damage);
  }
});

test("a damaged chunk ends the reading of a snapshot", async (t) => {
  const path = await temporaryPath(t);
  await writeJournal(path);
  openDatabase(t, path).exec("UPDATE chunk SET data = zeroblob(length(data))");
  const journal = new SqliteJournal({ path });
  t.after(() => journal.close());
  const snapshot = await journal.open();
  await assert.rejects(bytesOf(snapshot), { code: "CORRUPT", message: /chunk 0 does not match its checksum/ });
});
