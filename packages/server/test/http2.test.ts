/** Clients that are slow over HTTP/2, or open more than they should. */
import assert from "node:assert/strict";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import http2 from "node:http2";
import https from "node:https";
import net from "node:net";
import os from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import tls from "node:tls";
import type { FlagValues } from "../src/config/flags.ts";
import { startTestServer, type TestServer } from "./support/server.ts";

const fixture = (name: string): string => new URL(`fixtures/tls/${name}.pem`, import.meta.url).pathname;
const ca = readFileSync(fixture("ca"));
const folder = mkdtempSync(path.join(os.tmpdir(), "waystation-http2-"));
after(() => rmSync(folder, { recursive: true }));
const webConfig = path.join(folder, "web.yml");
writeFileSync(
  webConfig,
  `tls_server_config:\n  cert_file: ${fixture("server")}\n  key_file: ${fixture("server.key")}\n`,
);

const HEADER_MS = 300;
const start = (flags: Partial<FlagValues> = {}): Promise<TestServer> =>
  startTestServer({
    "web.config.file": webConfig,
    "web.header-timeout": HEADER_MS,
    "web.request-timeout": 600,
    "web.keep-alive-timeout": 900,
    ...flags,
  });

const PREFACE = Buffer.concat([Buffer.from("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"), frame(4, 0, 0, [])]);
const PING = frame(6, 0, 0, [1, 2, 3, 4, 5, 6, 7, 8]);
const DATA = 0;
const HEADERS = 1;
const CONTINUATION = 9;
const END_HEADERS = 4;

/** RFC 9113, section 4.1. */
function frame(type: number, flags: number, stream: number, payload: readonly number[]): Buffer {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, Buffer.from(payload)]);
}

/** HPACK without compression: RFC 7541, section 6.2.2. */
function fields(headers: Readonly<Record<string, string>>): number[] {
  return Object.entries(headers).flatMap(([name, value]) => [
    0,
    name.length,
    ...Buffer.from(name),
    value.length,
    ...Buffer.from(value),
  ]);
}
const push = (job: string) =>
  fields({ ":method": "PUT", ":scheme": "https", ":path": `/metrics/job/${job}`, ":authority": "x" });

/**
 * Sends frames as they are, one after the other, then repeats the last one. Resolves when the server has closed the connection for
 * good: this client does not close its side, so it learns that from a reset.
 */
function client(server: TestServer, frames: readonly Buffer[]): Promise<{ milliseconds: number }> {
  return new Promise((resolve) => {
    const started = performance.now();
    const raw = net.connect({ port: server.port, host: "127.0.0.1", allowHalfOpen: true });
    const options = { socket: raw, ca, host: "127.0.0.1", ALPNProtocols: ["h2"], allowHalfOpen: true };
    const socket = tls.connect(options, () => {
      for (const bytes of frames) socket.write(bytes);
      let ended = false;
      socket.once("end", () => {
        ended = true;
      });
      const trickle = setInterval(() => socket.write(ended ? PING : frames.at(-1)!), 50);
      raw.once("close", () => {
        clearInterval(trickle);
        socket.destroy();
        resolve({ milliseconds: performance.now() - started });
      });
    });
    for (const each of [raw, socket]) each.on("error", () => raw.destroy());
    socket.resume();
  });
}

const timeouts = async (server: TestServer): Promise<number> => {
  const page = await new Promise<string>((resolve, reject) => {
    const req = https.get({ host: "127.0.0.1", port: server.port, path: "/metrics?collect[]=self", ca, agent: false });
    req.on("error", reject);
    req.on("response", (res) => {
      let text = "";
      res.setEncoding("utf8").on("data", (chunk: string) => {
        text += chunk;
      });
      res.on("end", () => resolve(text));
    });
  });
  return Number(/limit="request_time"\} (\d+)$/m.exec(page)?.[1] ?? 0);
};

test("a session whose first request does not come in time is closed, whatever else comes", async () => {
  const server = await start();
  const block = push("slow");
  const slow: readonly Buffer[][] = [
    [PREFACE, Buffer.alloc(0)],
    [PREFACE, PING],
    // A head in endless pieces.
    [PREFACE, frame(HEADERS, 0, 1, block), frame(CONTINUATION, 0, 1, fields({ x: "y" }))],
    // Not even the preface.
    [PREFACE.subarray(0, 10), Buffer.alloc(0)],
  ];
  const ended = await Promise.all(slow.map((frames) => client(server, frames)));
  for (const { milliseconds } of ended) {
    assert.ok(milliseconds >= HEADER_MS - 50, `after ${milliseconds} ms`);
    assert.ok(milliseconds < 5_000, `after ${milliseconds} ms`);
  }
  assert.equal(server.gateway.health().groups, 0);
  assert.equal(await timeouts(server), slow.length);
});

test("a handshake that does not come in time is ended", async () => {
  const server = await start();
  const socket = net.connect(server.port, "127.0.0.1");
  // A record that says it is longer than what comes.
  socket.write(Buffer.from([22, 3, 1, 2, 0, 1]));
  socket.on("error", () => undefined).resume();
  await new Promise((resolve) => socket.once("close", resolve));
  assert.equal(await timeouts(server), 1);
});

test("a body that trickles in gets 408, and other requests of the session go on", async () => {
  const server = await start({ "web.keep-alive-timeout": 30_000 });
  const session = http2.connect(`https://127.0.0.1:${server.port}`, { ca });
  const slow = session.request({ ":method": "PUT", ":path": "/metrics/job/slow" });
  slow.on("error", () => undefined);
  const trickle = setInterval(() => slow.write("#"), 50);
  const answered = new Promise<number | undefined>((resolve) => {
    slow.once("response", (headers) => resolve(headers[":status"]));
  });
  assert.equal(await statusOf(session, "/metrics/job/quick"), 200);
  assert.equal(await answered, 408);
  await new Promise((resolve) => (slow.closed ? resolve(undefined) : slow.resume().once("close", resolve)));
  clearInterval(trickle);
  assert.equal(await statusOf(session, "/metrics/job/quick"), 200);
  assert.equal(session.closed, false);
  session.close();
  assert.deepEqual(
    [...server.gateway.groups()].map(({ labels }) => labels[0]?.value),
    ["quick"],
  );
  assert.equal(await timeouts(server), 1);
  assert.ok(server.logLines.every((line) => !line.includes("level=error")));
});

test("a body that trickles in after its answer is not waited for", async () => {
  const server = await start({ "push.max-body-bytes": 10, "web.keep-alive-timeout": 400 });
  // The second frame of data is too much; the client takes no notice of the answer.
  const body = frame(DATA, 0, 1, [...Buffer.from("# too much")]);
  const { milliseconds } = await client(server, [PREFACE, frame(HEADERS, END_HEADERS, 1, push("big")), body]);
  assert.ok(milliseconds < 5_000, `after ${milliseconds} ms`);
  assert.equal(server.gateway.health().groups, 0);
});

test("a session that is idle after its requests is closed after the keep-alive time, and not counted", async () => {
  const server = await start();
  const session = http2.connect(`https://127.0.0.1:${server.port}`, { ca });
  const pings = setInterval(() => !session.destroyed && session.ping(() => undefined), 50).unref();
  after(() => session.destroy());
  // The first one at once: a session that brings none has only the time that a head may take.
  for (let i = 0; i < 3; i++) {
    if (i > 0) await sleep(HEADER_MS);
    assert.equal(
      await statusOf(session, "/metrics/job/a"),
      200,
      "a session may be idle for longer than a head may take",
    );
  }
  const started = performance.now();
  await new Promise((resolve) => session.once("close", resolve));
  clearInterval(pings);
  assert.ok(performance.now() - started > 500);
  assert.equal(await timeouts(server), 0);
});

test("a client that takes nothing of its answer is not waited for", async () => {
  const server = await start();
  const lines = Array.from({ length: 100_000 }, (_, i) => `a{i="${i}"} 1\n`).join("");
  await server.gateway.push({ key: server.gateway.parseKey("job/a"), body: lines });
  const session = http2.connect(`https://127.0.0.1:${server.port}`, { ca, settings: { initialWindowSize: 0 } });
  const stream = session.request({ ":path": "/metrics" });
  const pings = setInterval(() => !session.destroyed && session.ping(() => undefined), 50);
  const code = await new Promise<number>((resolve) => {
    stream.on("error", () => undefined).once("close", () => resolve(stream.rstCode));
  });
  clearInterval(pings);
  assert.equal(code, http2.constants.NGHTTP2_CANCEL);
  session.destroy();
});

test("a request that is complete may take longer than its arrival", async () => {
  const server = await start({ "web.keep-alive-timeout": 30_000 });
  const session = http2.connect(`https://127.0.0.1:${server.port}`, { ca });
  const events = session.request({ ":path": "/api/v2/events" });
  let ended = false;
  events.resume().once("close", () => {
    ended = true;
  });
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  assert.equal(ended, false, "a stream of events has no end");
  events.close();
  session.close();
});

test("a client that opens and resets streams as fast as it can costs others nothing", async () => {
  // Both sides share this process, so the next client's head may well come late.
  const server = await start({ "web.header-timeout": 10_000, "web.request-timeout": 20_000 });
  const session = http2.connect(`https://127.0.0.1:${server.port}`, { ca });
  session.on("error", () => undefined);
  for (let i = 0; i < 5_000 && !session.destroyed; i++) {
    const stream = session.request({ ":method": "PUT", ":path": "/metrics/job/reset" });
    stream.on("error", () => undefined);
    stream.close(http2.constants.NGHTTP2_CANCEL);
  }
  const other = http2.connect(`https://127.0.0.1:${server.port}`, { ca });
  assert.equal(await statusOf(other, "/metrics/job/other"), 200);
  other.close();
  session.destroy();
  assert.ok(server.logLines.every((line) => !line.includes("level=error")));
});

test("a session may have no more than 250 requests under way", async () => {
  const server = await start();
  const session = http2.connect(`https://127.0.0.1:${server.port}`, { ca });
  const settings = await new Promise<http2.Settings>((resolve) => session.once("remoteSettings", resolve));
  assert.equal(settings.maxConcurrentStreams, 250);
  session.close();
});

function statusOf(session: http2.ClientHttp2Session, target: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const stream = session.request({ ":method": "PUT", ":path": target });
    stream.on("response", (headers) => {
      stream.resume().on("end", () => resolve(headers[":status"]));
    });
    stream.on("error", reject).on("close", () => reject(new Error("closed without an answer")));
    stream.end("a 1\n");
  });
}

test("a push that its client breaks off is not stored, also where what came could be all of it", async () => {
  const server = await start();
  const RST_STREAM = 3;
  const CANCEL = [0, 0, 0, 8];
  const END_STREAM = 1;
  const data = (stream: number, flags: number, text: string): Buffer =>
    frame(DATA, flags, stream, [...Buffer.from(text)]);
  const socket = tls.connect({ port: server.port, host: "127.0.0.1", ca, ALPNProtocols: ["h2"] });
  socket.on("error", () => undefined).resume();
  await once(socket, "secureConnect");
  socket.write(PREFACE);
  for (const stream of [1, 3, 5]) {
    socket.write(Buffer.concat([frame(HEADERS, END_HEADERS, stream, push("cut")), data(stream, 0, "cut 1\n")]));
    await sleep(30);
    socket.write(frame(RST_STREAM, 0, stream, CANCEL));
  }
  socket.write(Buffer.concat([frame(HEADERS, END_HEADERS, 7, push("whole")), data(7, END_STREAM, "whole 1\n")]));
  while (server.gateway.health().groups === 0) await sleep(10);
  await sleep(30);
  socket.destroy();
  assert.deepEqual(
    [...server.gateway.groups()].map(({ key }) => key.labels[0]!.value),
    ["whole"],
  );
});
