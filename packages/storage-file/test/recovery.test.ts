import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { readdir, readFile, rename, unlink } from "node:fs/promises";
import { join } from "node:path";
import { describe, test } from "node:test";
import { crc32 } from "node:zlib";
import { type Entry, isWaystationError } from "@waystation/core";
import { FileJournal } from "../src/index.ts";
import { Files, type Found, fill, findAll, temporaryFolder } from "./journal-folder.ts";

const FRAME_HEADER = 32;
const SEGMENT_HEADER = 32;

/** Small enough that every offset of every file can be damaged: seven entries in four segments, and a snapshot of the first four. */
const SMALL = [
  Buffer.from("one"),
  Buffer.alloc(0),
  Buffer.from("three\0\0\0"),
  Buffer.from("WS four"),
  Buffer.alloc(5),
];
const PAYLOADS = [...SMALL, randomBytes(40), Buffer.from("the seventh and last")];
const SNAPSHOT = Buffer.from("the state after four entries");

type Outcome = Found | "corrupt";

async function outcome(folder: string): Promise<Outcome> {
  try {
    return await findAll(folder);
  } catch (error) {
    if (!isWaystationError(error, "CORRUPT")) throw error;
    assert.match(error.message, new RegExp(folder), "the message has to say where");
    assert.match(error.message, /To go on: /, "the message has to name a remedy");
    return "corrupt";
  }
}

/** Nothing was lost: the snapshot (or no snapshot) and the entries after it give the whole history. */
function isWhole({ snapshot, entries }: Found, all: readonly Entry[]): boolean {
  if (snapshot && !snapshot.bytes.equals(SNAPSHOT)) return false;
  return sameEntries(entries, all.slice(snapshot?.position ?? 0));
}

/** Entries at the end are missing, and nothing else. */
function isPrefix({ snapshot, entries }: Found, all: readonly Entry[]): boolean {
  if (snapshot && !snapshot.bytes.equals(SNAPSHOT)) return false;
  const from = snapshot?.position ?? 0;
  return sameEntries(entries, all.slice(from, from + entries.length));
}

function sameEntries(a: readonly Entry[], b: readonly Entry[]): boolean {
  return (
    a.length === b.length &&
    a.every(({ position, tag, data }, i) => {
      const other = b[i]!;
      return position === other.position && tag === other.tag && Buffer.compare(data, other.data) === 0;
    })
  );
}

for (const trimLagBytes of [10_000, 0]) {
  describe(`a small journal with ${trimLagBytes === 0 ? "no entries" : "entries"} before its snapshot`, async () => {
    const setUp = async () => {
      const folder = await temporaryFolder();
      const snapshots = [[4, SNAPSHOT]] as const;
      const all = await fill(
        { directory: folder.path, segmentBytes: 100, trimLagBytes },
        { payloads: PAYLOADS, snapshots },
      );
      const files = await Files.of(folder.path);
      assert.equal(files.content.size, trimLagBytes === 0 ? 4 : 5, [...files.content.keys()].join());
      return { folder, all, files };
    };

    test("survives, or reports, a flipped bit at every offset", async () => {
      const { folder, all, files } = await setUp();
      await using _ = folder;
      const counts = { corrupt: 0, harmless: 0 };
      for (const [name, bytes] of files.content) {
        for (let offset = 0; offset < bytes.length; offset++) {
          const flipped = Buffer.from(bytes);
          flipped[offset]! ^= 1 << ((offset * 5) % 8);
          await files.put(name, flipped);
          const found = await outcome(folder.path);
          if (found === "corrupt") counts.corrupt++;
          else {
            counts.harmless++;
            assert(isWhole(found, all), `${name}: a flipped bit at ${offset} went unnoticed`);
          }
          const added = await files.restore();
          assert(
            !added.some((file) => file.includes(".torn-")),
            `${name}: a flipped bit at ${offset} was taken for a tear`,
          );
        }
      }
      assert(counts.corrupt > 100, JSON.stringify(counts));
      if (trimLagBytes > 0) assert(counts.harmless > SNAPSHOT.length, "a bad snapshot can be done without");
    });

    test("survives, or reports, a file cut at every offset", async () => {
      const { folder, all, files } = await setUp();
      await using _ = folder;
      for (const [name, bytes] of files.content) {
        for (let length = 0; length < bytes.length; length++) {
          await files.put(name, bytes.subarray(0, length));
          const found = await outcome(folder.path);
          const added = await files.restore();
          if (found === "corrupt") continue;
          if (name === files.lastSegment) {
            assert(isPrefix(found, all), `${name} cut at ${length}: more than the end is missing`);
            const torn = added.filter((file) => file.includes(".torn-"));
            assert.equal(torn.length, found.notice === undefined ? 0 : 1, "cut bytes have to be kept, and mentioned");
          } else {
            assert(isWhole(found, all), `${name} cut at ${length} went unnoticed`);
          }
        }
      }
    });

    test("survives, or reports, any one file missing", async () => {
      const { folder, all, files } = await setUp();
      await using _ = folder;
      let corrupt = 0;
      for (const name of files.content.keys()) {
        await unlink(join(folder.path, name));
        const found = await outcome(folder.path);
        if (found === "corrupt") corrupt++;
        // Without its last segment a journal looks like one that ended earlier.
        else assert((name === files.lastSegment ? isPrefix : isWhole)(found, all), `nobody missed ${name}`);
        await files.restore();
      }
      assert(corrupt > 0);
    });
  });
}

describe("the last frame", () => {
  /** A journal of two entries. Returns where the last frame begins, in which file. */
  const setUp = async (last: Uint8Array) => {
    const folder = await temporaryFolder();
    const all = await fill({ directory: folder.path }, { payloads: [randomBytes(700), last] });
    const files = await Files.of(folder.path);
    const name = files.lastSegment;
    return { folder, all, files, name, bytes: files.content.get(name)!, start: SEGMENT_HEADER + FRAME_HEADER + 700 };
  };

  test("is cut off if any of its sectors did not reach the disk", async () => {
    const { folder, all, files, name, bytes, start } = await setUp(randomBytes(3000));
    await using _ = folder;
    for (let sector = Math.floor(start / 512); sector * 512 < bytes.length; sector++) {
      const torn = Buffer.from(bytes);
      torn.fill(0, Math.max(start, sector * 512), Math.min(torn.length, (sector + 1) * 512));
      await files.put(name, torn);
      const found = await findAll(folder.path);
      assert(sameEntries(found.entries, all.slice(0, 1)), `sector ${sector}`);
      const kept = (await readdir(folder.path)).find((file) => file.includes(".torn-"))!;
      assert(torn.subarray(start).equals(await readFile(join(folder.path, kept))), "the cut bytes have to be kept");
      assert.equal((await findAll(folder.path)).notice, undefined, "once repaired is repaired");
      await files.restore();
    }
  });

  test("is cut off if only its room reached the disk", async () => {
    const { folder, all, files, name, bytes } = await setUp(randomBytes(100));
    await using _ = folder;
    await files.put(name, Buffer.concat([bytes, Buffer.alloc(5000)]));
    const found = await findAll(folder.path);
    assert(sameEntries(found.entries, all));
    assert.match(found.notice ?? "", /cut off 5000 bytes/);
  });

  test("is not taken for torn when it holds blank sectors of its own and a bit has flipped", async () => {
    const payload = Buffer.alloc(3000);
    payload.fill(7, 2500, 2600);
    const { folder, files, name, bytes } = await setUp(payload);
    await using _ = folder;
    const rotten = Buffer.from(bytes);
    rotten[rotten.length - 450]! ^= 4;
    await files.put(name, rotten);
    assert.equal(await outcome(folder.path), "corrupt");
  });

  test("is not cut off if sound entries follow it", async () => {
    const folder = await temporaryFolder();
    await using _ = folder;
    await fill(
      { directory: folder.path },
      { payloads: [randomBytes(700), Buffer.alloc(2000, 1), Buffer.from("last")] },
    );
    const files = await Files.of(folder.path);
    const name = files.lastSegment;
    const torn = Buffer.from(files.content.get(name)!);
    torn.fill(0, 1024, 1536);
    await files.put(name, torn);
    assert.equal(await outcome(folder.path), "corrupt");
  });

  test("is cut off even if it holds what looks like later frames", async () => {
    const other = await temporaryFolder();
    await using _ = other;
    await fill({ directory: other.path }, { payloads: [Buffer.from("a"), Buffer.from("b"), Buffer.from("c")] });
    const [embedded] = [...(await Files.of(other.path)).content.values()];
    const { folder, all, files, name, bytes } = await setUp(Buffer.concat([embedded!, randomBytes(500)]));
    await using __ = folder;
    await files.put(name, bytes.subarray(0, bytes.length - 10));
    const found = await findAll(folder.path);
    assert(sameEntries(found.entries, all.slice(0, 1)));
  });
});

describe("a file with something after its end", () => {
  const setUp = async () => {
    const folder = await temporaryFolder();
    const all = await fill({ directory: folder.path }, { payloads: PAYLOADS, snapshots: [[4, SNAPSHOT]] });
    return { folder, all, files: await Files.of(folder.path) };
  };

  test("is not taken for a snapshot", async () => {
    const { folder, all, files } = await setUp();
    await using _ = folder;
    const name = [...files.content.keys()].find((file) => file.startsWith("snapshot-"))!;
    await files.put(name, Buffer.concat([files.content.get(name)!, Buffer.from("\0")]));
    const found = await findAll(folder.path);
    assert.equal(found.snapshot, undefined);
    assert.match(found.notice ?? "", /something follows the snapshot's end/);
    assert(sameEntries(found.entries, all));
  });

  test("is repaired if it is a segment and that is less than a header, and refused if it is more", async () => {
    const { folder, all, files } = await setUp();
    await using _ = folder;
    const bytes = files.content.get(files.lastSegment)!;
    await files.put(files.lastSegment, Buffer.concat([bytes, Buffer.alloc(31, 1)]));
    assert(isWhole(await findAll(folder.path), all));
    await files.restore();
    await files.put(files.lastSegment, Buffer.concat([bytes, Buffer.alloc(32, 1)]));
    assert.equal(await outcome(folder.path), "corrupt");
  });
});

describe("opening", () => {
  test("goes back to an older snapshot only while all entries since then are there", async () => {
    const folder = await temporaryFolder();
    await using _ = folder;
    const snapshots = [2, 5].map((position) => [position, Buffer.from(`state ${position}`)] as const);
    const all = await fill({ directory: folder.path, segmentBytes: 100 }, { payloads: PAYLOADS, snapshots });
    const files = await Files.of(folder.path);
    const newest = [...files.content.keys()].filter((name) => name.startsWith("snapshot-")).at(-1)!;
    const bad = Buffer.from(files.content.get(newest)!);
    bad[40]! ^= 1;
    await files.put(newest, bad);
    const found = await findAll(folder.path);
    assert.equal(found.snapshot?.position, 2);
    assert(sameEntries(found.entries, all.slice(2)));
    assert.match(found.notice ?? "", /does not verify.*kept as .*\.bad-/);
    await files.restore();

    await files.put(newest, bad);
    const [, second] = [...files.content.keys()].filter((name) => name.startsWith("segment-"));
    await unlink(join(folder.path, second!));
    assert.equal(await outcome(folder.path), "corrupt");
  });

  test("does not go back to an older snapshot if entries end before the bad one", async () => {
    const folder = await temporaryFolder();
    await using _ = folder;
    const snapshots = [2, 5].map((position) => [position, Buffer.from(`state ${position}`)] as const);
    await fill({ directory: folder.path }, { payloads: PAYLOADS.slice(0, 5), snapshots });
    const files = await Files.of(folder.path);
    const segment = files.content.get(files.lastSegment)!;
    const lastFrame = FRAME_HEADER + PAYLOADS[4]!.length;
    await files.put(files.lastSegment, segment.subarray(0, segment.length - lastFrame));
    assert.equal(await outcome(folder.path), "corrupt", "the snapshot is ahead of the entries");
    const newest = "snapshot-000000000000005";
    await files.put(newest, files.content.get(newest)!.subarray(0, 40));
    assert.equal(await outcome(folder.path), "corrupt", "what the bad snapshot covered is not there");
    await files.put(files.lastSegment, segment);
    assert.equal((await findAll(folder.path)).snapshot?.position, 2);
  });

  test("gives up segments before a gap that the snapshot covers", async () => {
    const folder = await temporaryFolder();
    await using _ = folder;
    const snapshots = [[6, SNAPSHOT]] as const;
    const all = await fill({ directory: folder.path, segmentBytes: 1 }, { payloads: PAYLOADS, snapshots });
    await unlink(join(folder.path, "segment-000000000000003"));
    assert(isWhole(await findAll(folder.path), all));
    const left = (await readdir(folder.path)).filter((name) => name.startsWith("segment-")).sort();
    assert.deepEqual(
      left,
      [4, 5, 6, 7].map((position) => `segment-00000000000000${position}`),
    );
  });

  test("removes what a crash left half done", async () => {
    const folder = await temporaryFolder();
    await using _ = folder;
    const all = await fill({ directory: folder.path }, { payloads: PAYLOADS });
    const files = await Files.of(folder.path);
    for (const name of ["segment-000000000000008.tmp", "snapshot-000000000000003-1.tmp", "probe.tmp"]) {
      await files.put(name, Buffer.from("half"));
    }
    const found = await findAll(folder.path);
    assert(sameEntries(found.entries, all));
    assert.deepEqual(await files.restore(), []);
  });

  test("refuses a segment under another's name, and one of a newer release", async () => {
    const folder = await temporaryFolder();
    await using _ = folder;
    await fill({ directory: folder.path }, { payloads: PAYLOADS });
    const files = await Files.of(folder.path);
    await rename(join(folder.path, files.lastSegment), join(folder.path, "segment-000000000000009"));
    assert.equal(await outcome(folder.path), "corrupt");
    await files.restore();

    const newer = Buffer.from(files.content.get(files.lastSegment)!);
    newer.writeUInt16LE(2, 8);
    newer.writeUInt32LE(crc32(newer.subarray(0, 26)), 26);
    await files.put(files.lastSegment, newer);
    await assert.rejects(findAll(folder.path), (error) => isWaystationError(error, "UNSUPPORTED"));
  });

  test("says where the folder cannot be made", async () => {
    const folder = await temporaryFolder();
    await using _ = folder;
    const files = await Files.of(folder.path);
    await files.put("file", Buffer.from("x"));
    const journal = new FileJournal({ directory: join(folder.path, "file", "journal") });
    await assert.rejects(
      journal.open(),
      (error) => isWaystationError(error, "CONFIG") && /choose another/.test(error.message),
    );
  });
});
