import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { chmod, chown, mkdir, readFile, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { ORIGIN, WaystationError } from "@waystation/core";
import { SqliteJournal } from "@waystation/storage-sqlite";
import { openForReading, openForWriting } from "../src/database.ts";
import { append, openDatabase, openJournal, readAll, temporaryPath } from "./kit.ts";

async function refused(path: string, code: string, ...words: RegExp[]): Promise<void> {
  const journal = new SqliteJournal({ path });
  await assert.rejects(journal.open(), (error) => {
    assert(error instanceof WaystationError, String(error));
    assert.equal(error.code, code, error.message);
    assert(error.message.includes(path), `the message does not name ${path}: ${error.message}`);
    for (const word of words) assert.match(error.message, word);
    return true;
  });
  await journal.close();
}

test("every connection is as durable as can be, also after reopening", async (t) => {
  const path = await temporaryPath(t);
  const open = [() => openForWriting({ path }), () => openForWriting({ path }), () => openForReading(path)];
  for (const connect of open) {
    const database = connect();
    assert.equal(database.pragma("synchronous", { simple: true }), 2);
    assert.equal(database.pragma("journal_mode", { simple: true }), "wal");
    assert.equal(database.pragma("auto_vacuum", { simple: true }), 2);
    assert.equal(database.pragma("busy_timeout", { simple: true }), 0);
    database.close();
  }
});

test("a newer journal format is refused and left as it is", async (t) => {
  const path = await temporaryPath(t);
  const journal = await openJournal(t, path);
  await append(journal, ORIGIN);
  await journal.close();
  const database = openDatabase(t, path);
  database.pragma("user_version = 2");
  await refused(path, "UNSUPPORTED", /format 2/);
  database.pragma("user_version = 1");
  const again = await openJournal(t, path);
  assert.equal((await readAll(again)).length, 1);
});

test("the database of another application is refused and left as it is", async (t) => {
  const path = await temporaryPath(t);
  const database = openDatabase(t, path);
  database.exec("CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)");
  database.close();
  const before = await readFile(path);
  await refused(path, "CONFIG", /another application/);
  assert(before.equals(await readFile(path)), "the file was changed");
});

test("an empty file becomes a journal", async (t) => {
  const path = await temporaryPath(t);
  await writeFile(path, "");
  const journal = await openJournal(t, path);
  await append(journal, ORIGIN);
});

test("a file that is no database is refused and left as it is", async (t) => {
  const path = await temporaryPath(t);
  const text = "# TYPE some_metric counter\nsome_metric 1\n".repeat(200);
  await writeFile(path, text);
  await refused(path, "CORRUPT", /not a database/, /right file/);
  assert.equal(await readFile(path, "utf8"), text);
});

test("a missing folder is named", async (t) => {
  const folder = join(dirname(await temporaryPath(t)), "missing");
  await refused(join(folder, "journal.db"), "CONFIG", new RegExp(`folder ${folder} .* does not exist`));
});

test("a folder in place of the file is named", async (t) => {
  const path = await temporaryPath(t);
  await mkdir(path);
  await refused(path, "CONFIG", /it is a folder/);
});

test("options that are not valid are named", () => {
  const make = (options: object) => () => new SqliteJournal({ path: "x.db", ...options });
  assert.throws(make({ trimLagMs: -1 }), { code: "CONFIG", message: /trimLagMs is -1/ });
  assert.throws(make({ trimLagBytes: Number.NaN }), { code: "CONFIG", message: /trimLagBytes is NaN/ });
  assert.throws(make({ maxBytes: 1 }), { code: "CONFIG", message: /maxBytes is 1:/ });
});

/** Opens a journal as somebody who is not root, to whom permissions do not apply, and returns what `open` threw. */
async function openAsNobody(path: string): Promise<{ code: string; message: string }> {
  const child = fileURLToPath(new URL("./open-child.ts", import.meta.url));
  const root = process.getuid?.() === 0;
  if (root) await chown(dirname(path), 65_534, 65_534);
  const { stdout } = await promisify(execFile)(
    process.execPath,
    [child, path],
    root ? { uid: 65_534, gid: 65_534 } : {},
  );
  await chmod(dirname(path), 0o700);
  return JSON.parse(stdout);
}

test("a folder that may not be written to is named", {
  skip: process.platform === "win32" && "no such permissions",
}, async (t) => {
  const path = await temporaryPath(t);
  await chmod(dirname(path), 0o500);
  const { code, message } = await openAsNobody(path);
  assert.equal(code, "CONFIG", message);
  assert.match(message, /may not write to the folder/);
  assert(message.includes(path), message);
});

test("a file that may not be written to is named", {
  skip: process.platform === "win32" && "no such permissions",
}, async (t) => {
  const path = await temporaryPath(t);
  await (await openJournal(t, path)).close();
  await chmod(path, 0o444);
  const { code, message } = await openAsNobody(path);
  assert.equal(code, "CONFIG", message);
  assert.match(message, /may not read and write it/);
  assert(message.includes(path), message);
});

test("opening waits for a process that has the database to itself", async (t) => {
  const path = await temporaryPath(t);
  await (await openJournal(t, path)).close();
  const database = openDatabase(t, path);
  database.pragma("locking_mode = EXCLUSIVE");
  database.exec("BEGIN EXCLUSIVE");
  const opening = openJournal(t, path);
  await new Promise((resolve) => setTimeout(resolve, 200));
  database.close();
  await append(await opening, ORIGIN);
});

test("processes that create the same journal at once get one journal", async (t) => {
  const path = await temporaryPath(t);
  const journals = await Promise.all([1, 2, 3, 4].map(() => openJournal(t, path)));
  for (const journal of journals) await append(journal, (await readAll(journal)).at(-1) ?? ORIGIN);
  assert.equal((await readAll(journals[0]!)).length, 4);
});

test("opening can be given up, and tried again", async (t) => {
  const path = await temporaryPath(t);
  const journal = new SqliteJournal({ path });
  t.after(() => journal.close());
  const controller = new AbortController();
  const opening = journal.open(controller.signal);
  controller.abort(new Error("no longer wanted"));
  await assert.rejects(opening, /no longer wanted/);
  await journal.open();
  await append(journal, ORIGIN);
});

test("an open journal does not keep the process alive, and a process may end without closing it", async (t) => {
  const path = await temporaryPath(t);
  const child = fileURLToPath(new URL("./open-child.ts", import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [child, path], { timeout: 60_000 });
  assert.deepEqual(JSON.parse(stdout), { code: "none", message: "" });
});
