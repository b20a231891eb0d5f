import assert from "node:assert/strict";
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { journalCrashLoop } from "@waystation/core/testing";
import { FileJournal } from "../src/index.ts";

/** Small segments, so that the kill also meets their creation and removal. */
const journal = (directory: string): FileJournal => new FileJournal({ directory, segmentBytes: 200_000 });

test("processes killed in a storm of appends lose nothing that was acknowledged", async (t) => {
  const location = await mkdtemp(join(tmpdir(), "file-journal-crash-"));
  try {
    const report = await journalCrashLoop({
      childModule: new URL("./crash-child.ts", import.meta.url),
      location,
      journal,
    });
    t.diagnostic(JSON.stringify(report));
    assert(report.acknowledged > 0 && report.snapshots > 0, `the storm was a calm: ${JSON.stringify(report)}`);
    const left = await readdir(location);
    t.diagnostic(`torn tails: ${left.filter((name) => name.includes(".torn-")).length}, files: ${left.length}`);
  } finally {
    await rm(location, { recursive: true });
  }
});
