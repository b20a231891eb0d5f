import assert from "node:assert/strict";
import { test } from "node:test";
import { journalCrashLoop } from "@waystation/core/testing";
import { FileJournal } from "../src/index.ts";
import { temporaryFolder } from "./journal-folder.ts";

/** Small segments, so that the kill also meets their creation and removal. */
const journal = (directory: string): FileJournal => new FileJournal({ directory, segmentBytes: 200_000 });

test("processes killed in a storm of appends lose nothing that was acknowledged", async (t) => {
  await using folder = await temporaryFolder();
  const childModule = new URL("./crash-child.ts", import.meta.url);
  const report = await journalCrashLoop({ childModule, location: folder.path, journal });
  t.diagnostic(JSON.stringify(report));
  assert(report.acknowledged > 0 && report.snapshots > 0, "the storm was a calm");
});

test("the crash loop notices a journal that acknowledges before it has stored", async () => {
  await using folder = await temporaryFolder();
  const childModule = new URL("./lying-crash-child.ts", import.meta.url);
  await assert.rejects(
    journalCrashLoop({ childModule, location: folder.path, journal, rounds: 20 }),
    /round \d+: acknowledged, but position \d+ of \d+ now has another tag, or none/,
  );
});
