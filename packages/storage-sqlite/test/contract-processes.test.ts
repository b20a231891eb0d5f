import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { journalContract } from "@waystation/core/testing";
import { RemoteJournal } from "./remote-journal.ts";

/** What processes do to each other, above all when they are killed. The other cases are in contract.test.ts, in one process. */
const OF_PROCESSES = /crash|journals that|random commands/;

journalContract({
  test: (name, body) => OF_PROCESSES.test(name) && test(name, body),
  name: "sqlite journals in processes",
  modelRuns: 3,
  capabilities: { shared: true, trimLag: true, crash: true, disturb: false },
  create: async ({ eagerTrim }) => {
    const folder = await mkdtemp(join(tmpdir(), "waystation-sqlite-"));
    const lag = eagerTrim ? { trimLagMs: 0, trimLagBytes: 0 } : {};
    return {
      journal: () => new RemoteJournal({ path: join(folder, "journal.db"), ...lag }),
      crash: (journal) => (journal as RemoteJournal).kill(),
      destroy: () => rm(folder, { recursive: true }),
    };
  },
});
