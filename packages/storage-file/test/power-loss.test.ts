import assert from "node:assert/strict";
import { randomBytes, randomInt } from "node:crypto";
import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { type Cursor, type Entry, ORIGIN } from "@waystation/core";
import type { Disk } from "../src/disk.ts";
import { FileJournal } from "../src/index.ts";
import { interceptedDisk, type Operation, systemError } from "./intercepted-disk.ts";
import { findAll, temporaryFolder } from "./journal-folder.ts";

/**
 * A disk whose power fails at a given operation: that one and all later ones fail. It knows what is durable by then: of a file what it
 * held when it was last synchronised, of the folder the names that it had when that was.
 */
class DoomedDisk {
  readonly #folder: string;
  readonly #lastOperation: number;
  #operations = 0;
  /** By inode. */
  readonly #durableFiles = new Map<number, Buffer>();
  #durableNames = new Map<string, number>();

  readonly disk: Disk;

  constructor(folder: string, lastOperation: number, syncedWrites: boolean) {
    this.#folder = folder;
    this.#lastOperation = lastOperation;
    this.disk = interceptedDisk((operation, run) => this.#do(operation, run), syncedWrites);
  }

  get hasPower(): boolean {
    return this.#operations <= this.#lastOperation;
  }

  async #do({ name, path, args, file }: Operation, run: (...args: unknown[]) => Promise<unknown>): Promise<unknown> {
    if (name !== "close") this.#operations++;
    if (!this.hasPower && name !== "close") throw systemError("EIO");
    const result = await run(...args);
    if (name === "sync" || name === "datasync") {
      if (path === this.#folder) this.#durableNames = await this.#names();
      else if (path.startsWith(this.#folder)) this.#durableFiles.set((await file!.stat()).ino, await readFile(path));
    }
    return result;
  }

  async #names(): Promise<Map<string, number>> {
    const names = new Map<string, number>();
    for (const name of await readdir(this.#folder)) {
      if (name !== "lock.db") names.set(name, (await stat(join(this.#folder, name))).ino);
    }
    return names;
  }

  /** What may be on the disk when the power is back: several possibilities. */
  async *remains(): AsyncGenerator<Map<string, Buffer>, void, undefined> {
    const now = await this.#names();
    const latest = new Map<string, Buffer>();
    for (const name of now.keys()) latest.set(name, await readFile(join(this.#folder, name)));
    const files = (names: Map<string, number>, bytes: (inode: number, name: string) => Buffer): Map<string, Buffer> =>
      new Map([...names].map(([name, inode]) => [name, bytes(inode, name)]));
    const durable = (inode: number): Buffer => this.#durableFiles.get(inode) ?? Buffer.alloc(0);
    // Only what was made durable.
    yield files(this.#durableNames, durable);
    // Names reached the disk by themselves, contents did not.
    yield files(now, durable);
    // All reached the disk, as when only the process was killed.
    yield latest;
    // Of what was written since, some sectors reached the disk.
    yield files(now, (inode, name) => withoutSomeSectors(latest.get(name)!, durable(inode).length));
  }
}

function withoutSomeSectors(bytes: Buffer, durableLength: number): Buffer {
  const result = Buffer.from(bytes);
  for (let start = durableLength; start < result.length; ) {
    const end = Math.min(result.length, (Math.floor(start / 512) + 1) * 512);
    if (randomInt(2) === 0) result.fill(0, start, end);
    start = end;
  }
  return result;
}

interface Told {
  readonly acknowledged: Entry[];
  readonly snapshots: number[];
}

/** Appends, new segments, snapshots, removal of old files: all within some 150 operations. Stops when the power is gone. */
async function work(journal: FileJournal, told: Told): Promise<void> {
  await journal.open();
  let since: Cursor = ORIGIN;
  for (let position = 1; position <= 14; position++) {
    const data = randomBytes((position * 331) % 1400);
    const { at } = await journal.append(data, since, { tag: String(position), deadline: Number.POSITIVE_INFINITY });
    since = at;
    told.acknowledged.push({ ...at, data });
    if (position % 4 === 0) {
      const verdict = await journal.compact(at, once(Buffer.from(`state after ${position}`)));
      if (verdict === "published") told.snapshots.push(position);
    }
  }
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}

/** Loses the power at one operation, and looks at what is found afterwards. Returns whether it was lost before the work was done. */
async function losePowerAt(operation: number, syncedWrites: boolean): Promise<boolean> {
  await using root = await temporaryFolder();
  const directory = join(root.path, "journal");
  const doomed = new DoomedDisk(directory, operation, syncedWrites);
  const journal = new FileJournal({ directory, segmentBytes: 2000, trimLagBytes: 1500 }, doomed.disk);
  const told: Told = { acknowledged: [], snapshots: [] };
  await work(journal, told).catch((error) => {
    if (doomed.hasPower) throw error;
  });
  await journal.close();
  let number = 0;
  for await (const files of doomed.remains()) {
    const possible = join(root.path, `possible-${++number}`);
    await mkdir(possible);
    for (const [name, bytes] of files) await writeFile(join(possible, name), bytes);
    const { snapshot, entries } = await findAll(possible).catch((error) => {
      throw new Error(`after operation ${operation}, possibility ${number}: ${error.message}`, { cause: error });
    });
    const where = `after operation ${operation}, possibility ${number}`;
    const from = snapshot?.position ?? 0;
    if (snapshot) assert.equal(snapshot.bytes.toString(), `state after ${from}`, where);
    assert(from >= (told.snapshots.at(-1) ?? 0), `${where}: the snapshot of ${told.snapshots.at(-1)} is lost`);
    for (const { position, data } of told.acknowledged.slice(from)) {
      const found = entries[position - from - 1];
      assert(found && Buffer.compare(found.data, data) === 0, `${where}: the entry ${position} is lost`);
    }
  }
  return !doomed.hasPower;
}

for (const syncedWrites of [true, false]) {
  const kind = syncedWrites ? "with" : "without";
  test(`wherever the power fails on a disk ${kind} synchronised writes, nothing acknowledged is lost, and the journal opens`, async () => {
    let operation = 1;
    while (await losePowerAt(operation, syncedWrites)) {
      operation++;
      assert(operation < 1000, "the work does not end");
    }
    assert(operation > 100, `only ${operation} operations`);
  });
}
