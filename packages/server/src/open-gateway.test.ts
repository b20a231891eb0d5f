import assert from "node:assert/strict";
import { test } from "node:test";
import { MemoryJournal } from "@waystation/core";
import { FaultyJournal } from "@waystation/core/testing";
import { testLogger } from "../test/support/server.ts";
import { openGateway } from "./open-gateway.ts";

test("a storage that stays out of reach is given up with the reason and the flags that matter", async () => {
  const createJournal = async () => {
    const journal = new FaultyJournal(new MemoryJournal());
    journal.failAlways("open", { kind: "reject", code: "UNAVAILABLE" });
    return journal;
  };
  await assert.rejects(openGateway({ createJournal, patience: 500, logger: testLogger().logger }), {
    code: "UNAVAILABLE",
    message: /^[^:]+.*: start it or check --storage; .*--storage\.wait/,
  });
});
