import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { journalContract } from "@waystation/core/testing";
import { SqliteJournal } from "@waystation/storage-sqlite";

journalContract({
  test,
  name: "sqlite journal",
  modelRuns: 10,
  capabilities: { shared: true, trimLag: true, crash: false, disturb: false },
  create: async ({ eagerTrim }) => {
    const folder = await mkdtemp(join(tmpdir(), "waystation-sqlite-"));
    const lag = eagerTrim ? { trimLagMs: 0, trimLagBytes: 0 } : {};
    return {
      journal: () => new SqliteJournal({ path: join(folder, "journal.db"), ...lag }),
      destroy: () => rm(folder, { recursive: true }),
    };
  },
});
