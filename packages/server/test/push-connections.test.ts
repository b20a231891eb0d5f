import assert from "node:assert/strict";
import { once } from "node:events";
import http from "node:http";
import net, { type AddressInfo } from "node:net";
import { after, test } from "node:test";
import { setTimeout as delay } from "node:timers/promises";
import { Gateway, type Journal, MemoryJournal } from "@waystation/core";
import { FaultyJournal } from "@waystation/core/testing";
import fc from "fast-check";
import { resolveSettings } from "../src/config/settings.ts";
import { createApp } from "../src/create-app.ts";
import { createHttpServer } from "../src/http/http-servers.ts";
import { PushConnections } from "../src/push/push-connections.ts";
import { PushFirst } from "../src/push/push-first.ts";
import { flagDefaults, testLogger } from "./support/server.ts";

const TIMEOUTS = { keepAlive: 60_000, header: 10_000, request: 10_000 };

interface Side {
  readonly gateway: Gateway;
  readonly port: number;
  /** Requests that Node's HTTP server has read. */
  readonly served: () => number;
  readonly pushes: PushConnections | undefined;
  /** Connections. */
  readonly open: () => number;
}

/** A gateway's server, with connections looked at first or not. */
async function side(
  kind: "looked at" | "plain",
  timeouts = TIMEOUTS,
  journal: Journal = new MemoryJournal(),
): Promise<Side> {
  const gateway = await Gateway.open({ journal });
  const settings = resolveSettings({ values: { ...flagDefaults(), storage: "memory:" }, given: new Set(["storage"]) });
  const { logger } = testLogger();
  const app = createApp({ gateway, settings, logger });
  const handle = app.callback();
  const server = createHttpServer(handle, { webConfig: undefined, logger, timeouts, onTimeout: () => undefined });
  let served = 0;
  let open = 0;
  server.on("request", () => served++);
  assert.ok(app instanceof PushFirst && server instanceof http.Server);
  const pushes =
    kind === "plain"
      ? undefined
      : new PushConnections(server, {
          push: app.push,
          maxBodyBytes: settings["push.max-body-bytes"],
          firstRequestTimeout: timeouts.header,
          keepAliveTimeout: timeouts.keepAlive,
        });
  server.on("connection", (socket) => {
    open++;
    socket.once("close", () => open--);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  after(async () => {
    server.close();
    server.closeAllConnections();
    await gateway.close();
  });
  return { gateway, port: (server.address() as AddressInfo).port, served: () => served, pushes, open: () => open };
}

interface Client {
  readonly socket: net.Socket;
  readonly text: () => string;
  readonly closed: Promise<void>;
}

function connect({ port }: Side): Client {
  const chunks: Buffer[] = [];
  const socket = net.connect(port, "127.0.0.1");
  socket.on("data", (chunk) => chunks.push(chunk));
  socket.on("error", () => undefined);
  const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
  after(() => socket.destroy());
  return { socket, text: () => Buffer.concat(chunks).toString("latin1"), closed };
}

async function until(condition: () => boolean, what: string | (() => string)): Promise<void> {
  for (let i = 0; i < 1000; i++) {
    if (condition()) return;
    await delay(5);
  }
  assert.fail(`it did not happen that ${typeof what === "string" ? what : what()}`);
}

const push = (job: string, body = "a 1\n", more = ""): string =>
  `PUT /metrics/job/${job} HTTP/1.1\r\nHost: x\r\n${more}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`;
const LAST = "GET /-/healthy HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
const undated = (text: string): string => text.replace(/^Date: .*$/gm, "Date: …");
const statuses = (text: string): string[] => [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => status!);

/** Waits for so many answers. */
async function answers(client: Client, count: number): Promise<void> {
  await until(
    () => statuses(client.text()).length >= count,
    () => `${count} answers come: ${client.text()}`,
  );
}

test("plain pushes are answered without Node's HTTP server, to the byte as by it", async () => {
  const [quick, plain] = [await side("looked at"), await side("plain")];
  const requests = [
    push("a"),
    push("a", "a 2\n", "User-Agent: Go-http-client/1.1\r\nAccept-Encoding: gzip\r\nContent-Type: text/plain\r\n"),
    push("a", "").replace("PUT", "POST"),
    push("a%20b/instance/c@", 'a{x="y"} 1\n'),
    push("b", "a !\n"),
    push("b", "push_time_seconds 1\n"),
    push("b", "# TYPE a counter\na 1\n"),
    push("a/x", "a 1\n"),
    push("c", "nonsense", "Content-Encoding: gzip\r\n"),
    push("c", "a 1\n", "Connection: keep-alive\r\n"),
  ];
  const texts: string[] = [];
  for (const server of [quick, plain]) {
    const client = connect(server);
    for (const [i, request] of requests.entries()) {
      client.socket.write(Buffer.from(request, "latin1"));
      await answers(client, i + 1);
    }
    texts.push(undated(client.text()));
  }
  assert.equal(texts[0], texts[1]);
  const refused = statuses(texts[0]!).flatMap((status, i) => (status === "200" ? [] : [i]));
  assert.deepEqual(refused, [4, 6, 7, 8]);
  assert.equal(quick.served(), 0);
  assert.equal(plain.served(), requests.length);
});

const NOT_PLAIN: Readonly<Record<string, string>> = {
  "another method": "DELETE /metrics/job/a HTTP/1.1\r\nHost: x\r\n\r\n",
  "a scrape": "GET /metrics?collect[]=self HTTP/1.1\r\nHost: x\r\n\r\n".replace(
    "/metrics?collect[]=self",
    "/-/healthy",
  ),
  "an unknown header": push("a", "a 1\n", "X-Unknown: 1\r\n"),
  credentials: push("a", "a 1\n", "Authorization: Basic eDp5\r\n"),
  "the same header twice": push("a", "a 1\n", "Accept: a\r\nAccept: b\r\n"),
  "space around a value": push("a", "a 1\n", "Accept: a \r\n"),
  "a tab": push("a", "a 1\n", "Accept:\ta\r\n"),
  "an empty path": push(""),
  "a path to be cleaned": push("a//b/../c"),
  "no host": "PUT /metrics/job/a HTTP/1.1\r\nContent-Length: 4\r\n\r\na 1\n",
  chunks: "PUT /metrics/job/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n4\r\na 1\n\r\n0\r\n\r\n",
  "two lengths": push("a", "a 1\n", "Content-Length: 4\r\n"),
  "a body without a length": "PUT /metrics/job/a HTTP/1.1\r\nHost: x\r\n\r\n",
  "an older protocol": push("a").replace("HTTP/1.1", "HTTP/1.0"),
  "to be closed": push("a", "a 1\n", "Connection: close\r\n"),
  "a whole URL": push("a").replace("/metrics", "http://x/metrics"),
  "a target with high bytes": push("\xfc"),
  "a query": push("a?b=c"),
  "a query with high bytes": push("a?\xfc"),
  "a query with control characters": push("a?\0\x7f"),
  "a query with a lone line feed": push("a?\nTransfer-Encoding:chunked\n"),
  "a query with a lone carriage return": push("a?\rb"),
  "a lone line feed": push("a", "a 1\n", "Accept: a\nX: y\r\n"),
  "a folded line": push("a", "a 1\n", "Accept: a\r\n b\r\n"),
  "two requests at once": push("a") + push("b"),
  "no HTTP": "hello\r\n\r\n",
  "an expectation": push("a", "a 1\n", "Expect: 100-continue\r\n"),
};

for (const [what, request] of Object.entries(NOT_PLAIN)) {
  test(`Node's HTTP server reads it, and what follows: ${what}`, async () => {
    const texts: string[] = [];
    for (const server of [await side("looked at"), await side("plain")]) {
      const client = connect(server);
      client.socket.write(push("before"));
      await answers(client, 1);
      client.socket.write(Buffer.from(request, "latin1"));
      await until(() => client.socket.destroyed || statuses(client.text()).length > 1, "it is answered");
      if (!client.socket.destroyed) client.socket.write(LAST);
      await client.closed;
      texts.push(undated(client.text()));
    }
    assert.equal(texts[0], texts[1]);
  });
}

test("a body in pieces is Node's, and so is one that is too large for one piece", async () => {
  const server = await side("looked at");
  const client = connect(server);
  const whole = push("a", "a 1\n");
  client.socket.write(whole.slice(0, -2));
  await delay(20);
  client.socket.write(whole.slice(-2));
  await answers(client, 1);
  client.socket.write(push("b", `# HELP a ${"x".repeat(300_000)}\na 1\n`));
  await answers(client, 2);
  assert.equal(server.served(), 2);
  assert.deepEqual(statuses(client.text()), ["200", "200"]);
  assert.equal([...server.gateway.groups()].length, 2);
});

test("what comes while a push is being answered is answered after it", async () => {
  const journal = new FaultyJournal(new MemoryJournal());
  const server = await side("looked at", TIMEOUTS, journal);
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  journal.failNext("append", { kind: "hold", until: released });
  const client = connect(server);
  client.socket.write(push("a"));
  await until(() => journal.calls.append === 1, "the first push is on its way");
  client.socket.write(push("b", "a !\n"));
  await delay(20);
  client.socket.write(LAST);
  await delay(20);
  assert.equal(client.text(), "");
  release();
  await client.closed;
  assert.deepEqual(statuses(client.text()), ["200", "400", "200"]);
});

test("a push of a client that goes away while it waits is dropped", async () => {
  const journal = new FaultyJournal(new MemoryJournal());
  const server = await side("looked at", TIMEOUTS, journal);
  const { promise: released, resolve: release } = Promise.withResolvers<void>();
  journal.failNext("append", { kind: "hold", until: released });
  const [sent, leaving] = [connect(server), connect(server)];
  sent.socket.write(push("sent"));
  await until(() => journal.calls.append === 1, "the first push is on its way");
  leaving.socket.write(push("leaving"));
  await until(() => server.gateway.health().waiting === 1, "the second one waits");
  leaving.socket.destroy();
  await until(() => server.gateway.health().waiting === 0, "it is dropped");
  release();
  await answers(sent, 1);
  assert.equal([...server.gateway.groups()].length, 1);
});

test("a connection without a request, and one that is idle, is closed after its time", async () => {
  const server = await side("looked at", { keepAlive: 200, header: 300, request: 300 });
  const silent = connect(server);
  await silent.closed;
  assert.match(silent.text(), /^HTTP\/1\.1 408 /);
  const idle = connect(server);
  idle.socket.write(push("a"));
  await idle.closed;
  assert.deepEqual(statuses(idle.text()), ["200"]);
});

test("when the gateway leaves, an answer ends its connection", async () => {
  const server = await side("looked at");
  const client = connect(server);
  client.socket.write(push("a"));
  await answers(client, 1);
  server.pushes!.leave();
  client.socket.write(push("b"));
  await client.closed;
  const [first, second] = client.text().split(/(?<=\r\n\r\n)/);
  assert.match(first!, /Connection: keep-alive/);
  assert.match(second!, /Connection: close/);
  assert.equal([...server.gateway.groups()].length, 2);
});

test("when the gateway leaves, clients that leave their end open do not keep connections", async () => {
  const server = await side("looked at");
  server.pushes!.leave();
  const socket = net.connect({ port: server.port, host: "127.0.0.1", allowHalfOpen: true });
  after(() => socket.destroy());
  socket.resume();
  socket.write(push("a"));
  await once(socket, "end");
  await until(() => server.open() === 0, "the connection is closed");
});

test("whoever does not read answers does not make the gateway keep them", async () => {
  const server = await side("looked at");
  const client = connect(server);
  client.socket.pause();
  // Each answer is some 500 bytes; what is not read stays in the kernel's buffers, and then there are no more pushes to read.
  const refused = push("a", `a ${"!".repeat(400)}\n`);
  for (let sent = 0; sent < 200; sent++) client.socket.write(refused);
  client.socket.resume();
  await until(() => statuses(client.text()).length === 200, "all are answered, late");
});

test("property: any stream of requests, cut anywhere, is answered as by Node's HTTP server alone", async () => {
  const request = fc.oneof(
    {
      weight: 4,
      arbitrary: fc.constantFrom(
        push("a"),
        push("b", "b 2\n"),
        push("c/instance/d", 'c{x="y"} 3\n'),
        push("a", "a !\n"),
      ),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        ...Object.values(NOT_PLAIN).filter((text) => text.startsWith("DELETE") || text.startsWith("GET")),
      ),
    },
    {
      weight: 1,
      arbitrary: fc.constantFrom(
        push("e", "a 1\n", "X-Unknown: 1\r\n"),
        NOT_PLAIN["chunks"]!,
        NOT_PLAIN["a path to be cleaned"]!,
      ),
    },
  );
  const piece = fc.record({ request, cut: fc.option(fc.double({ min: 0, max: 1, noNaN: true })), wait: fc.boolean() });
  const sides = [await side("looked at"), await side("plain")];
  await fc.assert(
    fc.asyncProperty(fc.array(piece, { minLength: 1, maxLength: 6 }), async (pieces) => {
      const texts = await Promise.all(
        sides.map(async (server) => {
          await server.gateway.wipe();
          const client = connect(server);
          let sent = 0;
          for (const { request: text, cut, wait } of pieces) {
            const at = cut === null ? 0 : Math.floor(cut * text.length);
            if (at > 0) {
              client.socket.write(text.slice(0, at));
              await delay(1);
            }
            client.socket.write(text.slice(at));
            sent++;
            if (wait) await answers(client, sent);
          }
          client.socket.write(LAST);
          await client.closed;
          const page = (await server.gateway.expose({ collect: "pushed" })).text();
          return undated(client.text()) + page.replace(/^push_(failure_)?time_seconds\{.*$/gm, "");
        }),
      );
      assert.equal(texts[0], texts[1]);
    }),
    { numRuns: 150 },
  );
  assert.ok(sides[0]!.served() < sides[1]!.served(), "some were answered without it");
});
