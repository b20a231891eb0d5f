import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { cp, readdir, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { type Cursor, type Entry, type ErrorCode, isWaystationError, ORIGIN } from "@waystation/core";
import fc from "fast-check";
import type { File } from "../src/disk.ts";
import { FileJournal } from "../src/index.ts";
import { interceptedDisk, type Operation, systemError } from "./intercepted-disk.ts";
import { findAll, temporaryFolder } from "./journal-folder.ts";

interface Fault {
  readonly name: Operation["name"];
  /** Which files. Default: all. */
  readonly path?: RegExp;
  /** A system's error code; or how many bytes a write takes, without an error. */
  readonly gives: string | number;
  /** How often. Default: 1. */
  readonly times?: number;
}

interface ExperimentOptions {
  readonly segmentBytes?: number;
  /** Can one call write and synchronise? Default: yes. */
  readonly syncedWrites?: boolean;
}

/** A journal on a disk that fails as told, and what became of each append. */
class Experiment {
  readonly journal: FileJournal;
  readonly #folder: string;
  #faults: { fault: Fault; left: number }[] = [];
  /** Files of which an fsync has failed. */
  readonly #failed = new Set<string>();
  /** Files that were synchronised again nevertheless. An error thrown there and then might be taken for one of the disk. */
  readonly #repeatedSyncs: string[] = [];
  readonly acknowledged: Entry[] = [];
  readonly refused: string[] = [];
  #nextTag = 1;

  constructor(folder: string, { segmentBytes, syncedWrites }: ExperimentOptions = {}) {
    this.#folder = folder;
    const disk = interceptedDisk(async (operation, run) => {
      const { name, path, args, file } = operation;
      const isSync = name === "sync" || name === "datasync";
      const identity = isSync ? await identityOf(file!) : "";
      if (this.#failed.has(identity)) this.#repeatedSyncs.push(path);
      const hit = this.#faults.find(
        ({ fault, left }) => left > 0 && fault.name === name && (fault.path?.test(path) ?? true),
      );
      if (!hit) return run(...args);
      hit.left--;
      const { gives } = hit.fault;
      if (typeof gives === "number") return run([shortened(args[0] as Uint8Array[], gives)], args[1]);
      if (isSync && /segment-\d+$/.test(path)) this.#failed.add(identity);
      throw systemError(gives);
    }, syncedWrites);
    this.journal = new FileJournal({ directory: folder, ...(segmentBytes && { segmentBytes }) }, disk);
  }

  inject(...faults: Fault[]): void {
    this.#faults = faults.map((fault) => ({ fault, left: fault.times ?? 1 }));
  }

  get head(): Cursor {
    const { position, tag } = this.acknowledged.at(-1) ?? ORIGIN;
    return { position, tag };
  }

  async append(data: Uint8Array = randomBytes(100)): Promise<ErrorCode | undefined> {
    const tag = String(this.#nextTag++);
    try {
      const { at } = await this.journal.append(data, this.head, { tag, deadline: Number.POSITIVE_INFINITY });
      this.acknowledged.push({ ...at, data });
      return undefined;
    } catch (error) {
      if (!isWaystationError(error)) throw error;
      if (error.code !== "IN_DOUBT") this.refused.push(tag);
      return error.code;
    }
  }

  /** What is acknowledged is there, what was refused is not; for this journal, and for the next one to open the folder. */
  async check(): Promise<void> {
    this.inject();
    assert.deepEqual(this.#repeatedSyncs, [], "a file was synchronised again after that had failed");
    const tail = await this.journal.read(ORIGIN);
    this.#checkEntries(tail.entries);
    await this.journal.close();
    const { entries, notice } = await findAll(this.#folder);
    this.#checkEntries(entries);
    assert.equal(notice, undefined);
    assert(!(await readdir(this.#folder)).some((name) => name.endsWith(".tmp")), "something temporary was left");
  }

  #checkEntries(entries: readonly Entry[]): void {
    const tags = entries.map((entry) => entry.tag);
    for (const tag of this.refused) assert(!tags.includes(tag), `the entry ${tag} was refused, and is there`);
    for (const { position, tag, data } of this.acknowledged) {
      assert.equal(entries[position - 1]?.tag, tag, `the entry at ${position} was acknowledged, and is not there`);
      assert(Buffer.compare(entries[position - 1]!.data, data) === 0);
    }
  }
}

/** Inode numbers are used again; with the time of birth they are not. */
async function identityOf(file: File): Promise<string> {
  const { ino, birthtimeNs } = await file.stat({ bigint: true });
  return `${ino} ${birthtimeNs}`;
}

function shortened(parts: readonly Uint8Array[], length: number): Uint8Array {
  return Buffer.concat(parts).subarray(0, length);
}

/** Opens a journal with two entries, fails one append, makes another, and looks at what there is. */
async function failing(
  faults: readonly Fault[],
  expected: ErrorCode | undefined,
  options: ExperimentOptions,
): Promise<void> {
  await using folder = await temporaryFolder();
  const experiment = new Experiment(folder.path, options);
  await experiment.journal.open();
  await experiment.append();
  await experiment.append();
  experiment.inject(...faults);
  assert.equal(await experiment.append(randomBytes(5000)), expected);
  experiment.inject();
  assert.equal(await experiment.append(), undefined, "when the fault is over, appends work again");
  assert.equal(experiment.acknowledged.length, expected ? 3 : 4);
  await experiment.check();
}

const SEGMENT = /segment-\d+$/;
const NEW_FILE = /segment-\d+\.tmp$/;

for (const syncedWrites of [true, false]) {
  describe(`an append, on a disk ${syncedWrites ? "with" : "without"} synchronised writes`, () => {
    const options = { syncedWrites };

    test("goes on after short writes", async () => {
      await failing([{ name: "writev", path: SEGMENT, gives: 7, times: 20 }], undefined, options);
    });

    for (const [code, expected] of [
      ["ENOSPC", "FULL"],
      ["EDQUOT", "FULL"],
      ["EFBIG", "FULL"],
      ["EIO", "UNAVAILABLE"],
    ] as const) {
      test(`that meets ${code} half way is refused with ${expected}, and taken back`, async () => {
        const half = { name: "writev", path: SEGMENT, gives: 3000 } as const;
        // Nor does it need room for a new segment.
        const noNewFile = { name: "open", path: NEW_FILE, gives: code, times: 100 } as const;
        await failing([half, { name: "writev", path: SEGMENT, gives: code }, noNewFile], expected, options);
      });
    }

    test("that cannot be made durable is refused, and its file is never synchronised again", async () => {
      await failing([{ name: "datasync", path: SEGMENT, gives: "EIO" }], "UNAVAILABLE", options);
    });

    test("that fails, nobody can tell how, is refused once the segment is on new ground", async () => {
      const failed = { name: "datasync", path: SEGMENT, gives: "EIO" } as const;
      await failing([failed, { name: "stat", path: SEGMENT, gives: "EIO", times: 2 }], "UNAVAILABLE", options);
    });

    test("that cannot be cut off after a failed write is refused once the segment is on new ground", async () => {
      const half = { name: "writev", path: SEGMENT, gives: 3000 } as const;
      const full = { name: "writev", path: SEGMENT, gives: "ENOSPC" } as const;
      await failing([half, full, { name: "truncate", gives: "EIO" }], "FULL", options);
    });

    for (const step of ["open", "writev", "sync", "rename"] as const) {
      test(`is in doubt if neither it nor a new segment can be made durable: ${step}`, async () => {
        const notDurable = { name: "datasync", path: SEGMENT, gives: "EIO" } as const;
        const noNewFile = { name: step, path: NEW_FILE, gives: "EIO", times: 3 } as const;
        await failing([notDurable, noNewFile], "IN_DOUBT", options);
      });
    }
  });
}

describe("an append to a full segment", () => {
  for (const step of ["open", "writev", "sync", "rename"] as const) {
    test(`is refused if the next segment cannot be begun: ${step}`, async () => {
      await using folder = await temporaryFolder();
      const experiment = new Experiment(folder.path, { segmentBytes: 1 });
      await experiment.journal.open();
      await experiment.append();
      experiment.inject({ name: step, path: NEW_FILE, gives: "ENOSPC" });
      assert.equal(await experiment.append(), "FULL");
      assert.equal(await experiment.append(), undefined);
      await experiment.check();
    });
  }
});

describe("a journal that is in doubt about its last segment", () => {
  test("neither reads nor appends until it is settled", async () => {
    await using folder = await temporaryFolder();
    const experiment = new Experiment(folder.path);
    await experiment.journal.open();
    await experiment.append();
    const noNewFile = { name: "sync", path: NEW_FILE, gives: "EIO", times: 100 } as const;
    experiment.inject({ name: "datasync", gives: "EIO" }, noNewFile);
    assert.equal(await experiment.append(), "IN_DOUBT");
    await assert.rejects(experiment.journal.read(ORIGIN), (error) => isWaystationError(error, "UNAVAILABLE"));
    assert.equal(await experiment.append(), "UNAVAILABLE");
    const health = await experiment.journal.health();
    assert.equal(health.ok, false);
    assert.match(health.detail ?? "", /EIO/);
    experiment.inject();
    await experiment.check();
  });
});

test("a journal whose files were moved away acknowledges nothing until they are back", async () => {
  await using folder = await temporaryFolder();
  const directory = join(folder.path, "journal");
  const experiment = new Experiment(directory);
  await experiment.journal.open();
  await experiment.append();
  await rename(directory, `${directory}.away`);
  assert.equal(await experiment.append(), "UNAVAILABLE");
  await cp(`${directory}.away`, directory, { recursive: true, filter: (path) => !path.endsWith("lock.db") });
  assert.equal(await experiment.append(), "UNAVAILABLE");
  const health = await experiment.journal.health();
  assert.match(health.detail ?? "", /was moved, removed or replaced/);
  await rm(directory, { recursive: true });
  await rename(`${directory}.away`, directory);
  assert.equal(await experiment.append(), undefined);
  assert.equal((await experiment.journal.health()).ok, true);
  await experiment.check();
});

describe("health", () => {
  test("is bad after a failed append, and good again when files can be written", async () => {
    await using folder = await temporaryFolder();
    const experiment = new Experiment(folder.path);
    await experiment.journal.open();
    experiment.inject({ name: "writev", gives: "ENOSPC", times: 3 });
    assert.equal(await experiment.append(), "FULL");
    const bad = await experiment.journal.health();
    assert.equal(bad.ok, false);
    assert.match(bad.detail ?? "", /ENOSPC.*free some space/);
    experiment.inject();
    const good = await experiment.journal.health();
    assert.equal(good.ok, true);
    await experiment.check();
  });

  test("settles although the disk does not answer", async () => {
    await using folder = await temporaryFolder();
    const { promise: answered, resolve: answer } = Promise.withResolvers<void>();
    let failing = false;
    const disk = interceptedDisk(async ({ name, path, args }, run) => {
      if (failing && name === "writev") {
        if (path.endsWith("probe.tmp")) await answered;
        throw systemError("EIO");
      }
      return run(...args);
    });
    const journal = new FileJournal({ directory: folder.path }, disk);
    await journal.open();
    failing = true;
    const appending = journal.append(randomBytes(10), ORIGIN, { tag: "1", deadline: Number.POSITIVE_INFINITY });
    await assert.rejects(appending, (error) => isWaystationError(error, "UNAVAILABLE"));
    const health = await journal.health();
    assert.equal(health.ok, false);
    answer();
    await journal.close();
  });
});

describe("a compaction", () => {
  for (const [name, path] of [
    ["open", /snapshot-\d+-\d+\.tmp$/],
    ["writev", /snapshot-\d+-\d+\.tmp$/],
    ["sync", /snapshot-\d+-\d+\.tmp$/],
    ["rename", /snapshot-\d+-\d+\.tmp$/],
    ["sync", /journal-[^/]*$/],
  ] as const) {
    test(`that fails is refused and can be repeated: ${name} of ${path.source}`, async () => {
      await using folder = await temporaryFolder();
      const experiment = new Experiment(folder.path, { segmentBytes: 1 });
      await experiment.journal.open();
      for (let i = 0; i < 3; i++) await experiment.append();
      experiment.inject({ name, path, gives: "ENOSPC" });
      const compact = (): Promise<string> => experiment.journal.compact(experiment.head, once(randomBytes(3000)));
      await assert.rejects(compact(), (error) => isWaystationError(error, "FULL"));
      assert.equal(await experiment.append(), undefined);
      assert.equal(await compact(), "published");
      await experiment.journal.close();
      const { snapshot, entries } = await findAll(folder.path);
      assert.equal(snapshot?.position, 4);
      assert.equal(entries.length, 0);
    });
  }

  test("does not fail because something old cannot be removed", async () => {
    await using folder = await temporaryFolder();
    const disk = interceptedDisk(async ({ name, path, args }, run) => {
      if (name === "unlink" && !path.endsWith(".tmp")) throw systemError("EBUSY");
      return run(...args);
    });
    const journal = new FileJournal({ directory: folder.path, segmentBytes: 1, trimLagBytes: 0 }, disk);
    await journal.open();
    let at = ORIGIN;
    for (let i = 1; i < 4; i++) {
      ({ at } = await journal.append(randomBytes(10), at, { tag: String(i), deadline: Number.POSITIVE_INFINITY }));
      assert.equal(await journal.compact(at, once(randomBytes(10))), "published");
    }
    await journal.close();
    const { snapshot } = await findAll(folder.path);
    assert.equal(snapshot?.position, 3);
  });
});

for (const syncedWrites of [true, false]) {
  const kind = syncedWrites ? "with" : "without";
  test(`whatever fails on a disk ${kind} synchronised writes, what is acknowledged is there, and what is refused is not`, async () => {
    const fault = fc.record({
      name: fc.constantFrom(
        "writev" as const,
        "datasync" as const,
        "sync" as const,
        "truncate" as const,
        "stat" as const,
        "open" as const,
        "rename" as const,
      ),
      gives: fc.constantFrom("EIO", "ENOSPC"),
      times: fc.integer({ min: 1, max: 3 }),
    });
    const short = fc.record({
      name: fc.constant("writev" as const),
      gives: fc.integer({ min: 1, max: 200 }),
      times: fc.nat(3),
    });
    const step = fc.record({ faults: fc.array(fc.oneof(fault, short), { maxLength: 3 }), size: fc.nat(600) });
    const property = fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 12 }), async (steps) => {
      await using folder = await temporaryFolder();
      const experiment = new Experiment(folder.path, { segmentBytes: 1000, syncedWrites });
      await experiment.journal.open();
      for (const { faults, size } of steps) {
        experiment.inject(...faults);
        await experiment.append(randomBytes(size));
      }
      await experiment.check();
    });
    await fc.assert(property, { numRuns: 60 });
  });
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}
