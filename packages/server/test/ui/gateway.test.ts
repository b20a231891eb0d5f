import assert from "node:assert/strict";
import { beforeEach, test } from "node:test";
import { MemoryJournal, MemoryStore } from "@waystation/core";
import type { GroupDetail, GroupList, Status } from "../../src/api-v2/schema.ts";
import { startTestServer } from "../support/server.ts";
import { ApiClient, until } from "./api-client.ts";

const server = await startTestServer({ "web.enable-admin-api": true, "push.enable-utf8-names": true });
const api = new ApiClient(server);
const { push, idOf } = api;

beforeEach(api.wipe);

test("the status tells build, flags, storage, limits and use", async () => {
  await push("job/a", "m 1\n");
  await push("job/a", "m 1 1\n");
  const status = await api.get<Status>("/status");
  assert.deepEqual(
    [status.ready, status.reason, status.telemetryPath, status.externalUrl],
    [true, null, "metrics", null],
  );
  assert.equal(status.flags["storage"], "memory:");
  const { kind, shared, survives, lastSnapshot, othersSeen } = status.storage;
  assert.deepEqual(
    { kind, shared, survives, lastSnapshot, othersSeen },
    { kind: "memory", shared: false, survives: "nothing", lastSnapshot: null, othersSeen: null },
  );
  assert.ok(status.process.pushes >= 2 && status.process.refused >= 1 && status.process.residentBytes > 1e6);
  assert.ok(status.limits.some(({ flag, limit }) => flag === "push.max-body-bytes" && limit === 64 * 2 ** 20));
  await server.gateway.compact();
  const { storage } = await api.get<Status>("/status");
  assert.ok(storage.lastSnapshot!.time > status.startTime && storage.lastSnapshot!.milliseconds >= 0);
});

test("events tell what changed, together, and cost nothing when nobody listens", async () => {
  const changes: { groups: string[]; total: number; more: boolean }[] = [];
  let samples = 0;
  const stop = await api.events(server.port, (name, data) => {
    if (name === "sample") samples++;
    else changes.push(data as (typeof changes)[0]);
  });
  await until(() => samples > 0, "a first sample comes");
  await push("job/live", "m 1\n");
  const id = await idOf("live");
  await until(() => changes.some(({ groups }) => groups.includes(id)), "the push is told");
  assert.equal(changes.at(-1)!.total, 1);
  changes.length = 0;
  await Promise.all(Array.from({ length: 150 }, (_, i) => push(`job/live/n/${i}`, "m 1\n")));
  await until(() => changes.at(-1)?.total === 151, "all pushes are told");
  assert.ok(changes.length < 20, `${changes.length} events for 150 pushes`);
  assert.ok(changes.some(({ more }) => more) || changes.flatMap(({ groups }) => groups).length >= 150);
  changes.length = 0;
  await server.request("PUT /api/v1/admin/wipe");
  await until(() => changes.some(({ more, total }) => more && total === 0), "the wipe is told");
  stop();
});

test("what another replica was pushed is listed, told and remembered here, too", async () => {
  const store = new MemoryStore();
  const [here, there] = [
    await startTestServer({}, new MemoryJournal(store)),
    await startTestServer({}, new MemoryJournal(store)),
  ];
  const client = new ApiClient(here);
  const told = new Set<string>();
  const stop = await client.events(here.port, (name, data) => {
    if (name === "change") for (const id of (data as { groups: string[] }).groups) told.add(id);
  });
  await there.request("PUT /metrics/job/afar", { body: "m 1\n" });
  await there.request("POST /metrics/job/afar", { body: "m 1 1\n" });
  const { groups } = await client.get<GroupList>("/groups");
  const [group] = groups;
  assert.deepEqual([groups.length, group!.failed], [1, true], "a list is never older than its question");
  assert.match(group!.failure!, /must not have timestamps/);
  const { pushes } = await client.get<GroupDetail>(`/groups/${group!.id}`);
  assert.deepEqual(
    pushes.map(({ method, source, outcome, milliseconds }) => [method, source, outcome, milliseconds]),
    [
      ["PUSH", "another replica", "refused", null],
      ["PUT", "another replica", "stored", null],
    ],
  );
  await until(() => told.has(group!.id), "the push is told");
  const { storage } = await client.get<Status>("/status");
  assert.ok(storage.shared && storage.othersSeen! > 0 && storage.lastContact! > 0);
  stop();
});

test("unknown paths and methods are answered in JSON, and what is no part of the API as before", async () => {
  assert.equal(await api.failure("GET /nothing"), "404 NOT_FOUND");
  assert.equal(await api.failure("GET /"), "404 NOT_FOUND");
  assert.equal(await api.failure("PUT /groups"), "405 METHOD_NOT_ALLOWED");
  assert.equal(await api.failure("GET /check"), "405 METHOD_NOT_ALLOWED");
  const bare = await server.request("GET /api/v2");
  assert.deepEqual([bare.status, (JSON.parse(bare.text) as { error: object }).error instanceof Object], [404, true]);
  assert.equal((await server.request("GET /api/v3/groups")).text, "404 page not found\n");
  const yaml = await server.request("GET /api/v2/openapi.yaml");
  assert.match(yaml.text, /^openapi: 3\.1/);
});
