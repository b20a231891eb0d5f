import { cp, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { test } from "node:test";
import { journalContract } from "@waystation/core/testing";
import { FileJournal } from "./file-journal.ts";

journalContract({
  test,
  name: "file journal",
  capabilities: { shared: false, trimLag: true, crash: true, disturb: false },
  async create({ eagerTrim }) {
    const root = await mkdtemp(join(tmpdir(), "file-journal-"));
    let directory = join(root, "journal-0");
    let crashes = 0;
    return {
      journal: () => new FileJournal({ directory, ...(eagerTrim && { segmentBytes: 1, trimLagBytes: 0 }) }),
      // What is in the files at this moment is what a killed process leaves; its lock dies with it.
      async crash() {
        const left = directory;
        directory = join(root, `journal-${++crashes}`);
        await cp(left, directory, { recursive: true, filter: (path) => basename(path) !== "lock.db" });
      },
      destroy: () => rm(root, { recursive: true }),
    };
  },
});
