import assert from "node:assert/strict";
import { once } from "node:events";
import net from "node:net";
import { test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { MemoryJournal } from "@waystation/core";
import { FaultyJournal } from "@waystation/core/testing";
import { startTestServer } from "./support/server.ts";

test("health and readiness say OK without a line feed", async () => {
  const server = await startTestServer();
  for (const path of ["/-/healthy", "/-/ready"]) {
    const { status, text, headers } = await server.request(`GET ${path}`);
    assert.deepEqual([status, text, headers["content-type"]], [200, "OK", "text/plain; charset=utf-8"]);
  }
});

test("/-/quit answers, then the server stops", async () => {
  const server = await startTestServer({ "web.enable-lifecycle": true });
  const { status, text } = await server.request("PUT /-/quit");
  assert.deepEqual([status, text], [200, "Requesting termination... Goodbye!"]);
  await server.stopped;
  await assert.rejects(server.request("GET /-/healthy"), { code: "ECONNREFUSED" });
  assert.ok(server.logLines.some((line) => /\/-\/quit.*source=127\.0\.0\.1/.test(line)));
});

test("wiping everything is logged, without an access file too", async () => {
  const server = await startTestServer({ "web.enable-admin-api": true });
  assert.equal((await server.request("PUT /api/v1/admin/wipe")).status, 202);
  assert.ok(server.logLines.some((line) => /level=warn msg="wiped everything" source=127\.0\.0\.1/.test(line)));
});

test("stopping waits for a push that is under way, not for idle connections", async () => {
  const server = await startTestServer();
  const idle = net.connect(server.port, "127.0.0.1");
  await new Promise((resolve) => idle.once("connect", resolve));
  const idleClosed = new Promise((resolve) => idle.once("close", resolve));

  const busy = net.connect(server.port, "127.0.0.1");
  let answer = "";
  busy.on("data", (chunk) => (answer += chunk.toString()));
  const answered = new Promise((resolve) => busy.once("close", resolve));
  busy.write("PUT /metrics/job/late HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nExpect: 100-continue\r\n\r\n");
  await new Promise((resolve) => busy.once("data", resolve));

  const stopped = server.stop();
  await idleClosed;
  busy.write("m 1\n");
  await answered;
  await stopped;
  assert.match(answer, /\r\n\r\nHTTP\/1.1 200 OK\r\n/);
  await assert.rejects(server.gateway.push({ key: { labels: [], id: "" }, body: "" }), { code: "CLOSED" });
});

test("stopping waits for the rest of a push on a connection that has brought others", async () => {
  const server = await startTestServer();
  const idle = net.connect(server.port, "127.0.0.1");
  const busy = net.connect(server.port, "127.0.0.1");
  let answers = "";
  busy.on("data", (chunk) => (answers += chunk.toString()));
  const push = "PUT /metrics/job/a HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nm 1\n";
  for (const socket of [idle, busy]) {
    socket.write(push);
    await once(socket, "data");
  }
  // No connection counts as a new one any more.
  await delay(300);
  busy.write(push.slice(0, 30));
  await delay(50);

  const [idleClosed, busyClosed] = [once(idle, "close"), once(busy, "close")];
  const stopped = server.stop();
  await idleClosed;
  assert.equal(busy.closed, false);
  busy.write(push.slice(30));
  await busyClosed;
  await stopped;
  assert.equal(answers.match(/HTTP\/1.1 200 OK\r\n/g)?.length, 2, answers);
});

test("several addresses are served alike", async () => {
  const server = await startTestServer({ "web.listen-address": ["127.0.0.1:0", "127.0.0.1:0"] });
  assert.equal(server.addresses.length, 2);
  assert.notEqual(server.addresses[0]!.port, server.addresses[1]!.port);
  for (const { port } of server.addresses) {
    const socket = net.connect(port, "127.0.0.1");
    socket.write("GET /-/ready HTTP/1.0\r\n\r\n");
    const first = await new Promise<Buffer>((resolve) => socket.once("data", resolve));
    assert.match(first.toString(), /^HTTP\/1.1 200 OK/);
    socket.destroy();
  }
});

test("an address that is taken is a clear error, and nothing stays open", async () => {
  const server = await startTestServer();
  await assert.rejects(startTestServer({ "web.listen-address": ["127.0.0.1:0", `127.0.0.1:${server.port}`] }), {
    code: "CONFIG",
    message: /cannot listen: .*EADDRINUSE.*--web\.listen-address/,
  });
});

test("a bad storage URL is a clear error", async () => {
  for (const storage of ["nowhere", "ftp://x", "sqlite:", ":"]) {
    await assert.rejects(startTestServer({ storage }), { code: "CONFIG" }, storage);
  }
});

test("a push that the journal does not take is not acknowledged, and its answer says what became of it", async () => {
  const journal = new FaultyJournal(new MemoryJournal());
  const server = await startTestServer({}, journal);
  for (const [fault, told] of [
    [{ kind: "reject", code: "FULL" }, /not stored/],
    [{ kind: "reject", code: "UNAVAILABLE" }, /not stored/],
    [{ kind: "lose-reply" }, /may or may not have been stored/],
  ] as const) {
    journal.failAlways("append", fault);
    // Else the gateway finds out by itself what became of a push whose reply was lost.
    journal.failAlways("read", { kind: "reject", code: "UNAVAILABLE" });
    const answer = await server.request("PUT /metrics/job/a", { body: "m 1\n" });
    assert.equal(answer.status, 503, JSON.stringify(fault));
    assert.match(answer.text, told);
    assert.match(answer.headers["retry-after"]!, /^[1-9]\d*$/);
    journal.heal();
  }
  assert.equal((await server.request("GET /metrics")).status, 200);
});
