import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { type Cursor, isWaystationError, ORIGIN } from "@waystation/core";
import { FileJournal } from "../src/index.ts";
import { HASTY_DISK } from "./intercepted-disk.ts";
import { fill, temporaryFolder } from "./journal-folder.ts";

test("reads from any position of large segments, whose index does not hold every frame", async () => {
  await using folder = await temporaryFolder();
  const options = { directory: folder.path, segmentBytes: 700_000 };
  const payloads = Array.from({ length: 400 }, (_, i) => randomBytes((i * 7919) % 6000));
  payloads[150] = randomBytes(300_000); // larger than a stride, and than a window
  const all = await fill(options, { payloads });
  const journal = new FileJournal(options, HASTY_DISK);
  await journal.open();
  for (let i = 0; i < all.length; i += 3) {
    const { position, tag } = all[i]!;
    const tail = await journal.read({ position, tag });
    assert.equal(tail.entries[0]?.position, all[i + 1]?.position);
    for (const { position: at, data } of tail.entries) assert.equal(Buffer.compare(data, all[at - 1]!.data), 0);
    await assert.rejects(journal.read({ position, tag: "7" }), (error) => isWaystationError(error, "REWOUND"));
  }
  await journal.close();
});

test("counts the bytes since the snapshot exactly, also after opening", async () => {
  await using folder = await temporaryFolder();
  const options = { directory: folder.path, segmentBytes: 500 };
  const payloads = Array.from({ length: 20 }, () => Buffer.alloc(100));
  await fill(options, { payloads, snapshots: [[7, Buffer.alloc(1000)]] });
  const journal = new FileJournal(options, HASTY_DISK);
  const snapshot = await journal.open();
  assert.equal((await journal.health()).journalBytes, 13 * 132);
  const at: Cursor = (await journal.read(snapshot!.at)).entries[5]!;
  await journal.compact({ position: at.position, tag: at.tag }, once(Buffer.alloc(10)));
  assert.equal((await journal.health()).journalBytes, 7 * 132);
  await journal.close();
});

test("does not give out an entry that has rotted while the journal was open", async () => {
  await using folder = await temporaryFolder();
  const options = { directory: folder.path };
  await fill(options, { payloads: [Buffer.from("first"), Buffer.from("second")] });
  const journal = new FileJournal(options, HASTY_DISK);
  await journal.open();
  const [name] = (await readdir(folder.path)).filter((file) => file.startsWith("segment-"));
  const path = join(folder.path, name!);
  const bytes = await readFile(path);
  bytes[32 + 32 + 2]! ^= 1;
  await writeFile(path, bytes);
  await assert.rejects(journal.read(ORIGIN), (error) => {
    return isWaystationError(error, "CORRUPT") && error.message.includes(`${path}, offset 32: the entry at position 1`);
  });
  await journal.close();
});

test("says what it outlives: on a file system in memory, the gateway only", {
  skip: !existsSync("/dev/shm") && "there is no file system in memory here",
}, async () => {
  const directory = await mkdtemp("/dev/shm/file-journal-");
  const journal = new FileJournal({ directory });
  await journal.open();
  assert.equal(journal.survives, "gateway-crash");
  await journal.close();
  await rm(directory, { recursive: true });
});

test("refuses options that are no numbers of bytes", () => {
  for (const options of [{ segmentBytes: -1 }, { trimLagBytes: 1.5 }, { segmentBytes: Number.NaN }]) {
    assert.throws(
      () => new FileJournal({ directory: "x", ...options }),
      (error) => isWaystationError(error, "CONFIG"),
    );
  }
});

test("refuses tags that it could not store, before anything is written", async () => {
  await using folder = await temporaryFolder();
  const journal = new FileJournal({ directory: folder.path }, HASTY_DISK);
  await journal.open();
  for (const tag of ["", "-1", "1.5", "x", "007", "1e3", String(2 ** 48)]) {
    const own = { tag, deadline: Number.POSITIVE_INFINITY };
    await assert.rejects(journal.append(Buffer.from("x"), ORIGIN, own), TypeError, tag);
  }
  assert.equal((await journal.read(ORIGIN)).head, 0);
  await journal.close();
});

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}
