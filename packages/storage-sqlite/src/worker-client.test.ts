import assert from "node:assert/strict";
import { test } from "node:test";
import { ORIGIN } from "@waystation/core";
import { openDatabase, temporaryPath } from "../test/kit.ts";
import type { AppendRequest } from "./protocol.ts";
import { WorkerClient } from "./worker-client.ts";

function request(): AppendRequest {
  return { data: new Uint8Array(10), since: ORIGIN, tag: "1", deadline: Date.now() + 60_000 };
}

test("when the worker dies, what is under way is in doubt, and later calls are refused", async (t) => {
  const path = await temporaryPath(t);
  const client = new WorkerClient({ path, maxBytes: undefined, check: false, trimLag: { ms: 0, bytes: 0 } });
  await client.call("open", undefined);
  openDatabase(t, path).exec("BEGIN IMMEDIATE"); // so that the worker is at work on the first append
  const appends = [client.call("append", request()), client.call("append", request())];
  client.check(60_000);
  await new Promise((resolve) => setTimeout(resolve, 10));
  assert.throws(() => client.check(5), { code: "UNAVAILABLE", message: /has been at work for/ });
  const outcomes = Promise.allSettled(appends);
  await client.terminate();
  for (const outcome of await outcomes) {
    assert.equal(outcome.status, "rejected");
    assert.equal(outcome.reason.code, "IN_DOUBT");
    assert.match(outcome.reason.message, /worker is gone/);
  }
  await assert.rejects(client.call("append", request()), { code: "UNAVAILABLE", message: /worker is gone.*restart/ });
  assert.throws(() => client.check(60_000), { code: "UNAVAILABLE", message: /worker is gone/ });
});

test("a worker that cannot do what it was asked to goes on", async (t) => {
  const path = await temporaryPath(t);
  const client = new WorkerClient({ path, maxBytes: undefined, check: false, trimLag: { ms: 0, bytes: 0 } });
  t.after(() => client.terminate());
  await client.call("open", undefined);
  const untagged = { ...request(), tag: null as unknown as string };
  await assert.rejects(client.call("append", untagged), { code: "UNAVAILABLE", message: /NOT NULL/ });
  assert.equal((await client.call("append", request())).position, 1);
});
