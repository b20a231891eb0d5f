import assert from "node:assert/strict";
import { rename, writeFile } from "node:fs/promises";
import { test } from "node:test";
import { ORIGIN } from "@waystation/core";
import { append, bytesOf, chunksOf, eventually, openDatabase, openJournal, readAll, temporaryPath } from "./kit.ts";

test("while another process holds the write lock, appends are late and reads go on", async (t) => {
  const path = await temporaryPath(t);
  const journal = await openJournal(t, path);
  const at = await append(journal, ORIGIN);
  const database = openDatabase(t, path);
  database.exec("BEGIN IMMEDIATE");
  const late = journal.append(new Uint8Array(10), at, { tag: "9", deadline: Date.now() + 50 });
  assert.equal((await readAll(journal)).length, 1);
  await assert.rejects(late, { code: "LATE", message: /another process held the write lock/ });
  assert.equal((await journal.health()).ok, false);
  database.exec("ROLLBACK");
  await eventually("the journal is well again", async () => (await journal.health()).ok);
  assert.equal((await append(journal, at)).position, 2);
});

test("an append to a database that was moved away is refused, and works again when it is back", async (t) => {
  const path = await temporaryPath(t);
  const journal = await openJournal(t, path);
  const at = await append(journal, ORIGIN);
  await rename(path, `${path}.moved`);
  await assert.rejects(append(journal, at), { code: "UNAVAILABLE", message: /was removed while it was open/ });
  assert.match((await journal.health()).detail ?? "", /was removed/);
  await writeFile(path, "");
  await assert.rejects(append(journal, at), { code: "UNAVAILABLE", message: /was replaced while it was open/ });
  await assert.rejects(journal.compact(at, chunksOf()), { code: "UNAVAILABLE" });
  await rename(`${path}.moved`, path);
  assert.equal((await append(journal, at)).position, 2);
  assert.equal((await journal.health()).ok, true);
});

test("a limited journal refuses what does not fit, loses nothing, and takes more once a snapshot made room", async (t) => {
  const path = await temporaryPath(t);
  const limits = { maxBytes: 1024 * 1024, trimLagMs: 0, trimLagBytes: 0 };
  const journal = await openJournal(t, path, limits);
  let at = await append(journal, ORIGIN);
  const fill = async (): Promise<void> => {
    for (let i = 0; i < 100; i++) at = await append(journal, at, 50_000);
  };
  await assert.rejects(fill(), { code: "FULL", message: /nothing was written/ });
  const full = at;
  const { position } = full;
  assert(position > 10, `full after ${position} entries`);
  assert.equal((await readAll(journal)).length, position);
  const { ok, detail } = await journal.health();
  assert.equal(ok, false);
  assert.match(detail ?? "", /no room/);

  assert.equal(await journal.compact(at, chunksOf(Buffer.from("all of it"))), "published");
  await eventually("the journal is well again", async () => (await journal.health()).ok);
  at = await append(journal, at, 50_000);
  assert.equal(at.position, position + 1);
  await journal.close();
  const again = await openJournal(t, path, { ...limits, check: true });
  assert.equal((await bytesOf(await again.open())).toString(), "all of it");
  assert.equal((await readAll(again, full)).length, 1);
});

test("leases are one process's at a time, can be given back, and run out", async (t) => {
  const path = await temporaryPath(t);
  const [a, b] = [await openJournal(t, path), await openJournal(t, path)];
  assert.equal(await a.lease("compaction", "a", 60_000), true);
  assert.equal(await b.lease("compaction", "b", 60_000), false);
  assert.equal(await b.lease("another", "b", 59_999.5), true);
  assert.equal(await a.lease("compaction", "a", 60_000), true);
  assert.equal(await b.lease("compaction", "b", 0), false);
  assert.equal(await a.lease("compaction", "a", 0), true);
  assert.equal(await b.lease("compaction", "b", 1), true);
  await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(await a.lease("compaction", "a", 60_000), true);
});

test("empty entries of others come in the tail of an append", async (t) => {
  const path = await temporaryPath(t);
  const [a, b] = [await openJournal(t, path), await openJournal(t, path)];
  await append(a, await append(a, ORIGIN, 0), 0);
  const { tail } = await b.append(new Uint8Array(0), ORIGIN, { tag: "9", deadline: Date.now() + 60_000 });
  assert.deepEqual(
    tail.entries.map(({ data }) => data),
    [new Uint8Array(0), new Uint8Array(0)],
  );
});
