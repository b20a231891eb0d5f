import assert from "node:assert/strict";
import { test } from "node:test";
import { journalCrashLoop } from "@waystation/core/testing";
import { crashJournal } from "./crash-journal.ts";
import { temporaryPath } from "./kit.ts";

const childModule = new URL("./crash-child.ts", import.meta.url);

for (const writers of [1, 2]) {
  test(`no acknowledged entry is lost when ${writers} of ${writers} writing processes are killed`, async (t) => {
    const location = await temporaryPath(t);
    const report = await journalCrashLoop({ childModule, location, journal: crashJournal, writers });
    t.diagnostic(JSON.stringify(report));
    assert(report.acknowledged > 0, "nothing was put to the test");
  });
}
