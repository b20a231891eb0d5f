import assert from "node:assert/strict";
import net from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { gzipSync } from "node:zlib";
import { MemoryJournal } from "@waystation/core";
import { FaultyJournal } from "@waystation/core/testing";
import type { FlagValues } from "../src/config/flags.ts";
import { startTestServer, type TestServer } from "./support/server.ts";

const LINES = ["a 1\n", "b 1\n", "c 1\n"];
const series = (count: number): string => Array.from({ length: count }, (_, i) => `a{i="${i}"} 1\n`).join("");

interface Case {
  readonly flags: Partial<FlagValues>;
  readonly before?: readonly [path: string, body: string][];
  readonly path?: string;
  readonly body: string;
  readonly status: number;
  readonly flag: string;
  readonly limit: string;
}

const CASES: readonly Case[] = [
  {
    flags: { "push.max-body-bytes": 10 },
    body: series(2),
    status: 413,
    flag: "push.max-body-bytes",
    limit: "body_bytes",
  },
  {
    flags: { "push.max-families": 2 },
    body: LINES.join(""),
    status: 413,
    flag: "push.max-families",
    limit: "families_per_push",
  },
  { flags: { "push.max-series": 2 }, body: series(3), status: 413, flag: "push.max-series", limit: "series_per_push" },
  {
    flags: { "push.max-labels": 2 },
    body: series(1),
    status: 400,
    flag: "push.max-labels",
    limit: "labels_per_series",
  },
  {
    flags: { "push.max-label-name-bytes": 10 },
    body: 'a{abcdefghijk="1"} 1\n',
    status: 400,
    flag: "push.max-label-name-bytes",
    limit: "label_name_bytes",
  },
  {
    flags: { "push.max-label-value-bytes": 3 },
    body: 'a{x="1234"} 1\n',
    status: 400,
    flag: "push.max-label-value-bytes",
    limit: "label_value_bytes",
  },
  {
    flags: { "storage.max-groups": 1 },
    before: [["job/there", "a 1\n"]],
    body: "a 1\n",
    status: 429,
    flag: "storage.max-groups",
    limit: "groups",
  },
  {
    flags: { "storage.max-groups": 1 },
    before: [["job/there", "a 1\n"]],
    // Wrong as well: a failure must not make a group either.
    body: "a 1 1\n",
    status: 429,
    flag: "storage.max-groups",
    limit: "groups",
  },
  {
    flags: { "storage.max-series": 2 },
    before: [["job/there", "a 1\n"]],
    body: "b 1\nc 1\n",
    status: 429,
    flag: "storage.max-series",
    limit: "series",
  },
  {
    flags: { "storage.max-groups-per-job": 1 },
    before: [["job/x/n/1", ""]],
    path: "job/x/n/2",
    body: "",
    status: 429,
    flag: "storage.max-groups-per-job",
    limit: "groups_per_job",
  },
  {
    flags: { "storage.max-series-per-job": 2 },
    before: [["job/x/n/1", "a 1\n"]],
    path: "job/x/n/2",
    body: "b 1\nc 1\n",
    status: 429,
    flag: "storage.max-series-per-job",
    limit: "series_per_job",
  },
];

test("each limit has its status, names its flag, is counted, and leaves nothing behind", async () => {
  for (const { flags, before = [], path = "job/new", body, status, flag, limit } of CASES) {
    const server = await startTestServer(flags);
    for (const [known, content] of before) {
      assert.equal((await server.request(`PUT /metrics/${known}`, { body: content })).status, 200);
    }
    const answer = await server.request(`PUT /metrics/${path}`, { body });
    assert.equal(answer.status, status, `${limit}: ${answer.text}`);
    assert.ok(answer.text.includes(`--${flag}`), answer.text);
    const metrics = (await server.request("GET /metrics")).text;
    assert.match(metrics, new RegExp(`^pushgateway_limit_refusals_total\\{[^}]*limit="${limit}"\\} 1$`, "m"));
    assert.doesNotMatch(metrics, /job="new"|n="2"/);
    assert.equal(server.gateway.health().groups, before.length);
    await server.stop();
  }
});

test("60 gzip bombs at a time are refused within bounded memory, and others are answered meanwhile", async () => {
  const server = await startTestServer({ "push.max-body-bytes": 16 * 2 ** 20 });
  const bomb = gzipSync(Buffer.alloc(64 * 2 ** 20));
  const before = process.memoryUsage.rss();
  let highest = before;
  const watch = setInterval(() => {
    highest = Math.max(highest, process.memoryUsage.rss());
  }, 10);
  const refused = Array.from({ length: 60 }, (_, i) =>
    server.request(`PUT /metrics/job/bomb/n/${i}`, { body: bomb, headers: { "Content-Encoding": "gzip" } }),
  );
  assert.equal((await server.request("PUT /metrics/job/other", { body: "a 1\n" })).status, 200);
  for (const { status } of await Promise.all(refused)) assert.equal(status, 413);
  clearInterval(watch);
  const grown = (highest - before) / 2 ** 20;
  assert.ok(grown < 500, `60 bombs of 16 MiB took ${grown.toFixed(0)} MiB`);
  await server.stop();
});

/** Connects, sends bytes, and collects what comes back. */
function client(
  server: TestServer,
  bytes: string | Uint8Array,
): { socket: net.Socket; text: () => string; closed: Promise<void> } {
  let text = "";
  const socket = net.connect(server.port, "127.0.0.1", () => socket.write(bytes));
  socket.on("data", (chunk) => {
    text += chunk.toString("latin1");
  });
  socket.on("error", () => undefined);
  return { socket, text: () => text, closed: new Promise((resolve) => socket.once("close", () => resolve())) };
}

async function until(reached: () => boolean, what: string): Promise<void> {
  for (let i = 0; i < 1000; i++) {
    if (reached()) return;
    await sleep(10);
  }
  assert.fail(`never: ${what}`);
}

test("requests in flight and the bytes of their bodies are limited; slow clients that go make room again", async () => {
  const server = await startTestServer({ "web.max-requests-in-flight": 3, "web.max-body-bytes-in-flight": 50_000 });
  const slow = (name: string, bytes: number) =>
    client(
      server,
      `PUT /metrics/job/${name} HTTP/1.1\r\nHost: x\r\nContent-Length: 60000\r\n\r\n# ${"x".repeat(bytes)}`,
    );
  const held = [slow("a", 20_000), slow("b", 20_000)];
  await sleep(100);
  const third = slow("c", 20_000);
  await until(() => /^HTTP\/1.1 503 .*--web.max-body-bytes-in-flight/s.test(third.text()), "no bytes left");
  assert.match(third.text(), /Retry-After/);
  const fourth = slow("d", 10);
  await sleep(100);
  assert.equal((await server.request("PUT /metrics/job/e", { body: "a 1\n" })).status, 503);
  assert.equal((await server.request("GET /metrics")).status, 503, "scrapes are requests too");
  for (const { socket } of [...held, fourth]) socket.destroy();
  let status = 0;
  for (let i = 0; status !== 200 && i < 200; i++) {
    status = (await server.request("PUT /metrics/job/e", { body: "a 1\n" })).status;
  }
  assert.equal(status, 200);
  const metrics = (await server.request("GET /metrics")).text;
  assert.match(metrics, /limit="body_bytes_in_flight"\} 1$/m);
  assert.match(metrics, /limit="requests_in_flight"\} [1-9]/m);
  assert.equal(server.gateway.health().groups, 1);
});

test("bodies of other requests than pushes are in flight, too", async () => {
  const server = await startTestServer({ "web.max-body-bytes-in-flight": 50_000 });
  const slow = (line: string, headers = "") =>
    client(server, `${line} HTTP/1.1\r\nHost: x\r\n${headers}Content-Length: 60000\r\n\r\n# ${"x".repeat(20_000)}`);
  const held = [slow("POST /api/v2/check"), slow("POST /api/v2/groups/delete", "Content-Type: application/json\r\n")];
  await sleep(100);
  const third = slow("POST /api/v2/check");
  await until(() => /^HTTP\/1.1 503 .*--web.max-body-bytes-in-flight/s.test(third.text()), "no bytes left");
  const check = async () => (await server.request("POST /api/v2/check", { body: `# ${"x".repeat(15_000)}\n` })).status;
  assert.equal(await check(), 503);
  for (const { socket } of [...held, third]) socket.destroy();
  let status = 0;
  for (let i = 0; status !== 200 && i < 200; i++) status = await check();
  // What is done with is released: many times as much fits one after the other.
  for (let i = 0; i < 20; i++) assert.equal(await check(), 200);
});

test("a body that claims to be gzip is not kept where nothing is pushed", async () => {
  const server = await startTestServer({ "push.max-body-bytes": 2 ** 30 });
  const headers = { "Content-Encoding": "gzip" };
  const sent = gzipSync(Buffer.from("a 1\n"));
  for (const line of ["PUT /nowhere", "GET /metrics", "GET /api/v1/status", "POST /-/healthy"]) {
    const status = (await server.request(line, { headers, body: sent })).status;
    assert.equal(status, (await server.request(line, { body: "a 1\n" })).status, line);
    if (!line.includes("/api/")) {
      assert.equal((await server.request(line, { headers, body: "a 1\n" })).status, 400, line);
    }
  }
  // The header is enough, and a name in it that has no end is not waited for.
  const begun = (header: Buffer, rest: number) => {
    const head = `PUT /nowhere HTTP/1.1\r\nHost: x\r\nContent-Encoding: gzip\r\nContent-Length: ${2 ** 29}\r\n\r\n`;
    return client(server, Buffer.concat([Buffer.from(head), header, Buffer.alloc(rest, "x")]));
  };
  const whole = begun(Buffer.from([0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3]), 100_000);
  await until(() => whole.text().startsWith("HTTP/1.1 404 "), "the header is read");
  const endless = begun(Buffer.from([0x1f, 0x8b, 8, 8, 0, 0, 0, 0, 0, 3]), 100_000);
  await until(() => endless.text().startsWith("HTTP/1.1 400 "), "the name is given up");
  for (const { socket } of [whole, endless]) socket.destroy();
});

test("heads and bodies that trickle in are ended by their time-outs and counted", async () => {
  const server = await startTestServer({ "web.header-timeout": 300, "web.request-timeout": 600 });
  const head = client(server, "PUT /metrics/job/a HTTP/1.1\r\nHost: x\r\n");
  const body = client(server, "PUT /metrics/job/a HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\na 1\n");
  const trickle = setInterval(() => {
    if (!head.socket.destroyed) head.socket.write("X: y\r\n");
    if (!body.socket.destroyed) body.socket.write("#");
  }, 50);
  await Promise.all([head.closed, body.closed]);
  clearInterval(trickle);
  assert.match(head.text(), /^HTTP\/1.1 408 /);
  const metrics = (await server.request("GET /metrics")).text;
  assert.match(metrics, /limit="request_time"\} 2$/m);
  assert.equal(server.gateway.health().groups, 0);
});

test("a client that takes nothing of its answer is not waited for", async () => {
  const server = await startTestServer({ "web.request-timeout": 500, "web.keep-alive-timeout": 400 });
  const lines = Array.from({ length: 400_000 }, (_, i) => `a{i="${i}"} 1\n`).join("");
  await server.gateway.push({ key: server.gateway.parseKey("job/a"), body: lines });
  // The second one goes another way: see unusual-requests.ts.
  for (const target of ["/metrics", "/metrics?ü"]) {
    const { socket, closed, text } = client(server, `GET ${target} HTTP/1.1\r\nHost: x\r\n\r\n`);
    socket.pause();
    // What the systems in between have taken is still delivered, and then the connection ends without the rest.
    await sleep(1_500);
    socket.resume();
    await closed;
    assert.match(text(), /^HTTP\/1\.1 200 /);
    assert.ok(text().length < lines.length, `${target}: all ${text().length} bytes were sent`);
  }
  assert.ok((await server.request("GET /metrics")).body.length > lines.length, "whoever reads gets all");
});

test("idle connections stay open for longer than balancers keep theirs", async () => {
  const server = await startTestServer();
  const answer = await server.request("GET /-/healthy", { headers: { Connection: "keep-alive" } });
  const timeout = /timeout=(\d+)/.exec(String(answer.headers["keep-alive"]))?.[1];
  assert.ok(Number(timeout) > 60, `Keep-Alive: ${answer.headers["keep-alive"]}`);
});

test("a full queue answers 503 with Retry-After, and what clients wanted that have left is dropped", async () => {
  const journal = new FaultyJournal(new MemoryJournal());
  const server = await startTestServer({ "push.max-waiting": 2 }, journal);
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  journal.failNext("append", { kind: "hold", until: released });
  const push = (name: string): string =>
    `PUT /metrics/job/${name} HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\na 1\n`;
  const sent = client(server, push("sent"));
  await until(() => journal.calls.append === 1, "the first push is on its way");
  const leaving = client(server, push("leaving"));
  const staying = client(server, push("staying"));
  await until(() => server.gateway.health().waiting === 2, "two pushes wait");

  const refused = await server.request("PUT /metrics/job/refused", { body: "a 1\n" });
  assert.equal(refused.status, 503);
  assert.equal(refused.headers["retry-after"], "2");
  assert.match(refused.text, /--push.max-waiting\)/);
  assert.equal((await server.request("GET /metrics")).status, 200, "scrapes go on");

  leaving.socket.destroy();
  await until(() => server.gateway.health().waiting === 1, "the one that left is dropped");
  release();
  await until(() => [sent, staying].every(({ text }) => text().startsWith("HTTP/1.1 200")), "the others are stored");
  const jobs = [...server.gateway.groups()].map(({ labels }) => labels[0]!.value);
  assert.deepEqual(new Set(jobs), new Set(["sent", "staying"]));
  for (const { socket } of [sent, staying]) socket.destroy();
});
