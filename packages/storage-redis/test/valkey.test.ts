import assert from "node:assert/strict";
import { test } from "node:test";
import { ORIGIN } from "@waystation/core";
import { contractOn } from "./contract.ts";
import { skipRedis } from "./find-redis.ts";
import { append, client, openJournal, rejectsWith } from "./kit.ts";
import { programOnPath, RedisProcess } from "./redis-process.ts";

const program = programOnPath("valkey-server");
const skip = skipRedis || (program === undefined && "valkey-server is not on the PATH");

if (skip) {
  test("the journal contract on Valkey, and WAITAOF", { skip });
} else {
  contractOn("valkey journal", async () => {
    const server = await RedisProcess.start([], program);
    return { url: server.url, source: program!, stop: () => server.stop() };
  });

  test("WAITAOF for the primary's own file makes an append outlive its host's crash, or leaves it in doubt", async (t) => {
    const server = await RedisProcess.start(["--appendonly", "yes"], program);
    t.after(() => server.stop());
    const journal = await openJournal(t, { url: `${server.url}?waitaof=1,0` });
    assert.equal(journal.survives, "host-crash");
    const at = await append(journal, ORIGIN);
    await client(t, server.url).config("SET", "appendonly", "no");
    await rejectsWith(append(journal, at), "IN_DOUBT");
    await rejectsWith(journal.read(at), "UNAVAILABLE");
    await client(t, server.url).config("SET", "appendonly", "yes");
    assert.equal((await journal.read(at)).entries.length, 1);
  });
}
