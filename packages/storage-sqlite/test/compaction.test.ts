import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { statSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { type Cursor, ORIGIN } from "@waystation/core";
import { SqliteJournal } from "@waystation/storage-sqlite";
import {
  append,
  bytesOf,
  chunksOf,
  count,
  eventually,
  openDatabase,
  openJournal,
  readAll,
  temporaryPath,
} from "./kit.ts";

const NO_LAG = { trimLagMs: 0, trimLagBytes: 0 };
const MIB = 1024 * 1024;

for (const step of ["begun", "some", "all", "published"]) {
  test(`a compaction that is killed when it is ${step} leaves one whole snapshot, and in time no more than that`, async (t) => {
    const path = await temporaryPath(t);
    const journal = await openJournal(t, path, NO_LAG);
    let at = await append(journal, ORIGIN);
    await journal.compact(at, chunksOf(Buffer.from("old")));
    for (let i = 0; i < 3; i++) at = await append(journal, at);
    await journal.close();

    const module = fileURLToPath(new URL("./compaction-child.ts", import.meta.url));
    const child = spawn(process.execPath, [module, path, step], { stdio: ["ignore", "pipe", "inherit"] });
    assert.equal(String((await once(child.stdout, "data"))[0]).trim(), step);
    child.kill("SIGKILL");
    await once(child, "close");

    // A minute passes.
    openDatabase(t, path).exec("UPDATE snapshot SET touched = touched - 60001 WHERE published = 0");
    const again = new SqliteJournal({ path, ...NO_LAG, check: true });
    t.after(() => again.close());
    const snapshot = await again.open();
    const published = step === "published";
    assert.equal(snapshot?.at.position, published ? 4 : 1);
    const bytes = await bytesOf(snapshot);
    assert(bytes.equals(published ? Buffer.alloc(4 * MIB, "new ") : Buffer.from("old")));
    assert.equal((await readAll(again, snapshot?.at)).length, published ? 0 : 3);

    const database = openDatabase(t, path);
    await eventually(
      "only the chunks of the snapshot are left",
      () => count(database, "chunk") === (published ? 4 : 1),
    );
    assert.equal(count(database, "snapshot"), 1);
    at = await append(again, at);
    assert.equal(await again.compact(at, chunksOf(Buffer.from("newer"))), "published");
    await eventually("only the newest snapshot is left", () => count(database, "chunk") === 1);
  });
}

test("an unfinished compaction is left alone by others while it moves on", async (t) => {
  const path = await temporaryPath(t);
  const [slow, other] = [await openJournal(t, path, NO_LAG), await openJournal(t, path, NO_LAG)];
  const first = await append(slow, ORIGIN);
  const second = await append(slow, first);
  const third = await append(slow, second);
  async function* chunks(): AsyncGenerator<Uint8Array, void> {
    yield Buffer.alloc(MIB, 1);
    yield Buffer.alloc(MIB, 2);
    assert.equal(await other.compact(second, chunksOf(Buffer.from("other"))), "published");
    yield Buffer.alloc(MIB, 3);
  }
  assert.equal(await slow.compact(third, chunks()), "published");
  assert.equal((await other.open())?.at.position, 3);
});

test("a compaction that came to a stop for so long that it looked abandoned says so, and can be repeated", async (t) => {
  const path = await temporaryPath(t);
  const [slow, other] = [await openJournal(t, path), await openJournal(t, path)];
  const first = await append(slow, ORIGIN);
  const second = await append(slow, first);
  async function* chunks(): AsyncGenerator<Uint8Array, void> {
    yield Buffer.alloc(MIB, 1);
    yield Buffer.alloc(MIB, 2);
    openDatabase(t, path).exec("UPDATE snapshot SET touched = touched - 60001");
    assert.equal(await other.compact(first, chunksOf(Buffer.from("other"))), "published");
    yield Buffer.alloc(MIB, 3);
  }
  await assert.rejects(slow.compact(second, chunks()), { code: "UNAVAILABLE", message: /compact again/ });
  assert.equal(await slow.compact(second, chunksOf(Buffer.from("again"))), "published");
});

test("a snapshot can be read to its end while others replace it and delete what it replaced", async (t) => {
  const path = await temporaryPath(t);
  const writer = await openJournal(t, path, NO_LAG);
  let at = await append(writer, ORIGIN);
  const bytes = Buffer.alloc(3 * MIB, "old ");
  await writer.compact(at, chunksOf(bytes));
  const reader = new SqliteJournal({ path });
  t.after(() => reader.close());
  const chunks = (await reader.open())!.chunks[Symbol.asyncIterator]();
  const found = [(await chunks.next()).value];
  for (let i = 0; i < 3; i++) {
    at = await append(writer, at);
    assert.equal(await writer.compact(at, chunksOf(Buffer.alloc(2 * MIB, i))), "published");
  }
  for (let next = await chunks.next(); !next.done; next = await chunks.next()) found.push(next.value);
  assert(Buffer.concat(found).equals(bytes));
});

test("room that a snapshot made is given back to the file system when nothing else is to be done", async (t) => {
  const path = await temporaryPath(t);
  const journal = await openJournal(t, path, NO_LAG);
  let at: Cursor = ORIGIN;
  for (let i = 0; i < 60; i++) at = await append(journal, at, MIB);
  await eventually("the log is carried over into the file", () => statSync(path).size > 60 * MIB);
  assert.equal(await journal.compact(at, chunksOf(Buffer.from("small"))), "published");
  await eventually("the file shrinks", () => statSync(path).size < 20 * MIB);
  const database = openDatabase(t, path);
  assert.equal(count(database, "entry"), 1);
  at = await append(journal, at);
  assert.equal(at.position, 61);
});

test("slow readers keep young entries before a snapshot, but not more than four times the lag in bytes", async (t) => {
  const path = await temporaryPath(t);
  const [journal, slow] = [await openJournal(t, path, { trimLagBytes: 1000 }), await openJournal(t, path)];
  let at: Cursor = ORIGIN;
  const places: Cursor[] = [];
  for (let i = 0; i < 20; i++) {
    at = await append(journal, at, 500);
    places.push(at);
  }
  assert.equal(await journal.compact(at, chunksOf(Buffer.from("state"))), "published");
  const database = openDatabase(t, path);
  await eventually("what is too far behind is gone", () => count(database, "entry") === 8);
  await assert.rejects(slow.read(places[11]!), { code: "TRUNCATED" });
  assert.equal((await slow.read(places[12]!)).entries.length, 7);
  assert.equal(await bytesOf(await slow.open()).then(String), "state");
});
