import { journalCrashChild } from "@waystation/core/testing";
import { FileJournal } from "../src/index.ts";

await journalCrashChild((directory) => new FileJournal({ directory, segmentBytes: 200_000, trimLagBytes: 100_000 }));
