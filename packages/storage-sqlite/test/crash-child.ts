import { journalCrashChild } from "@waystation/core/testing";
import { crashJournal } from "./crash-journal.ts";

await journalCrashChild(crashJournal);
