import { test } from "node:test";
import { memoryFixture } from "../../test/journal/memory-fixture.ts";
import { journalContract } from "../testing/index.ts";

journalContract({
  test,
  name: "memory journal",
  capabilities: { shared: false, trimLag: true, crash: true, disturb: true },
  create: async (settings) => memoryFixture({ shared: false, ...settings }),
});

journalContract({
  test,
  name: "memory journals on one store",
  capabilities: { shared: true, trimLag: true, crash: true, disturb: true },
  create: async (settings) => memoryFixture({ shared: true, ...settings }),
});
