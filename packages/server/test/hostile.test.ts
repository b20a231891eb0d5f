import assert from "node:assert/strict";
import net from "node:net";
import { test } from "node:test";
import { parseText } from "@waystation/core";
import { startTestServer, type TestServer } from "./support/server.ts";

/** Everything that comes back on a connection to which all of `bytes` was sent at once. */
function exchange(server: TestServer, bytes: string): Promise<string> {
  return new Promise((resolve) => {
    let text = "";
    const socket = net.connect(server.port, "127.0.0.1", () => socket.write(Buffer.from(bytes, "latin1")));
    socket.setTimeout(500, () => socket.destroy());
    socket.on("data", (chunk) => {
      text += chunk.toString("latin1");
    });
    socket.on("error", () => undefined);
    socket.on("close", () => resolve(text));
  });
}

const statuses = (text: string): string[] => [...text.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => status!);
const lines = (...all: string[]): string => all.join("\r\n");
const INNER = lines("PUT /metrics/job/smuggled HTTP/1.1", "Host: x", "Content-Length: 0", "", "");

/** Framings on which a proxy and a gateway might disagree. */
const SMUGGLING: Readonly<Record<string, string>> = {
  "both lengths": lines(
    "PUT /metrics/job/a HTTP/1.1",
    "Host: x",
    "Content-Length: 6",
    "Transfer-Encoding: chunked",
    "",
    `0\r\n\r\n${INNER}`,
  ),
  "both lengths, other order": lines(
    "PUT /metrics/job/a HTTP/1.1",
    "Host: x",
    "Transfer-Encoding: chunked",
    "Content-Length: 6",
    "",
    `0\r\n\r\n${INNER}`,
  ),
  "two lengths": lines(
    "PUT /metrics/job/a HTTP/1.1",
    "Host: x",
    "Content-Length: 0",
    `Content-Length: ${INNER.length}`,
    "",
    INNER,
  ),
  "a list of lengths": lines("PUT /metrics/job/a HTTP/1.1", "Host: x", "Content-Length: 0, 5", "", INNER),
  "a negative length": lines("PUT /metrics/job/a HTTP/1.1", "Host: x", "Content-Length: -1", "", INNER),
  "a signed length": lines("PUT /metrics/job/a HTTP/1.1", "Host: x", "Content-Length: +0", "", INNER),
  "a hexadecimal length": lines("PUT /metrics/job/a HTTP/1.1", "Host: x", "Content-Length: 0x0", "", INNER),
  "an unknown coding": lines("PUT /metrics/job/a HTTP/1.1", "Host: x", "Transfer-Encoding: xchunked", "", INNER),
  "chunked, not last": lines(
    "PUT /metrics/job/a HTTP/1.1",
    "Host: x",
    "Transfer-Encoding: chunked, identity",
    "",
    INNER,
  ),
  "a blank before the colon": lines(
    "PUT /metrics/job/a HTTP/1.1",
    "Host: x",
    "Transfer-Encoding : chunked",
    "",
    `0\r\n\r\n${INNER}`,
  ),
  "a folded header": lines(
    "PUT /metrics/job/a HTTP/1.1",
    "Host: x",
    "Transfer-Encoding:",
    " chunked",
    "Content-Length: 5",
    "",
    `0\r\n\r\n${INNER}`,
  ),
  "a chunk size that is none": lines(
    "PUT /metrics/job/a HTTP/1.1",
    "Host: x",
    "Transfer-Encoding: chunked",
    "",
    `zz\r\n${INNER}`,
  ),
  "a chunk size beyond 64 bits": lines(
    "PUT /metrics/job/a HTTP/1.1",
    "Host: x",
    "Transfer-Encoding: chunked",
    "",
    `10000000000000000\r\n${INNER}`,
  ),
  "a chunk longer than it says": lines(
    "PUT /metrics/job/a HTTP/1.1",
    "Host: x",
    "Transfer-Encoding: chunked",
    "",
    `1\r\n0123\r\n0\r\n\r\n${INNER}`,
  ),
  "CR alone in a header": lines(
    "PUT /metrics/job/a HTTP/1.1",
    "Host: x",
    `X: a\rContent-Length: ${INNER.length}`,
    "Content-Length: 0",
    "",
    "",
  ),
  "NUL in a header": lines("PUT /metrics/job/a HTTP/1.1", "Host: x", "X: a\0b", "Content-Length: 0", "", INNER),
};

test("a request whose framing is ambiguous is refused, and what follows it is not taken for another one", async () => {
  const server = await startTestServer();
  for (const [name, bytes] of Object.entries(SMUGGLING)) {
    const text = await exchange(server, bytes);
    const found = statuses(text);
    assert.ok(found.length <= 1 && (found[0] === undefined || found[0] === "400"), `${name}: ${text}`);
  }
  assert.deepEqual([...server.gateway.groups()], [], "nothing was stored");
});

test("what was read of a refused body is not taken for the next request", async () => {
  const server = await startTestServer({ "push.max-body-bytes": 8 });
  const body = `# ${"x".repeat(20)}\n${INNER}`;
  const text = await exchange(
    server,
    lines("PUT /metrics/job/a HTTP/1.1", "Host: x", `Content-Length: ${body.length}`, "", body),
  );
  assert.deepEqual(statuses(text), ["413"]);
  assert.equal(server.gateway.health().groups, 0);
});

const NAMES = ["__proto__x", "constructor", "prototype", "toString", "hasOwnProperty", "valueOf", "__defineGetter__x"];

test("names of JavaScript's own mean nothing, in whatever place", async () => {
  const server = await startTestServer({ "push.enable-utf8-names": true });
  const body = [...NAMES, "__proto__"]
    .map((name) => `# TYPE ${name} gauge\n${name}{constructor="${name}"} 1\n`)
    .join("");
  for (const name of NAMES.filter((name) => !name.startsWith("__"))) {
    const path = `/metrics/job/${name}/${name}/constructor`;
    assert.equal(
      (await server.request(`PUT ${path}`, { body: body.replaceAll("{constructor=", "{own=") })).status,
      200,
      name,
    );
  }
  const page = (await server.request("GET /metrics?collect[]=pushed")).text;
  const families = parseText(Buffer.from(page), { utf8Names: true }).map(({ name }) => name);
  for (const name of [...NAMES, "__proto__"]) assert.ok(families.includes(name), name);

  for (const path of [
    "/api/v1/metrics",
    "/api/v1/status",
    "/api/v2/groups",
    "/api/v2/groups?sort=__proto__",
    "/api/v2/groups?__proto__=1",
    "/api/v2/status",
  ]) {
    const { status, text } = await server.request(`GET ${path}`);
    assert.ok(status === 200 || status === 400, `${path}: ${status} ${text}`);
    JSON.parse(text);
  }
  const v1 = JSON.parse((await server.request("GET /api/v1/metrics")).text) as { data: Record<string, unknown>[] };
  for (const group of v1.data)
    assert.ok(Object.hasOwn(group, "__proto__"), "a family named __proto__ is one of the members");
  for (const body of [
    '{"__proto__":{"ids":[]}}',
    '{"selector":"job=\\"x\\"","__proto__":{"dryRun":true}}',
    '{"constructor":1}',
  ]) {
    const answer = await server.request("POST /api/v2/groups/delete", {
      body,
      headers: { "Content-Type": "application/json" },
    });
    assert.equal(answer.status, 400, answer.text);
  }
  assert.deepEqual(Object.keys(Object.prototype), []);
  assert.equal(server.logLines.filter((line) => line.includes("level=error")).length, 0);
});

test("nothing that is pushed or asked for writes a log line or a header of its own", async () => {
  const server = await startTestServer({ "push.enable-utf8-names": true });
  const evil = "a%0d%0aX-Injected:%20yes%0d%0ats=2020%20level=error%20msg=forged%E2%80%A8%1b[31m";
  const answers = [
    await server.request(`PUT /metrics/job/${evil}`, { body: "a 1 1\n" }),
    await server.request(`PUT /metrics/job/${evil}/odd`, { body: "a 1\n" }),
    await server.request(`GET /metrics/job/../${evil}`),
    await server.request(`GET //${evil}?${evil}`),
    await server.request(`GET /api/v2/groups/${evil}`),
    await server.request(`GET /metrics?collect[]=${evil}`),
  ];
  for (const { headers, status } of answers) {
    assert.equal(headers["x-injected"], undefined);
    assert.ok(status < 500);
  }
  for (const line of server.logLines) {
    assert.match(line, /^ts=2\d{3}-\S+Z level=(debug|info|warn|error) [^\n\r\x1b\u2028]*\n$/, "one line, as all are");
  }
});

test("what is pushed cannot become markup or be taken for it", async () => {
  const server = await startTestServer({ "push.enable-utf8-names": true });
  const script = "<script>alert(1)</script>";
  await server.request(`PUT /metrics/job/${encodeURIComponent(script).replaceAll("%2F", "%5C")}`, {
    body: `a{b="${script}"} 1\n`,
  });
  for (const path of [
    "/",
    "/status",
    `/${encodeURIComponent(script)}`,
    `/metrics/job/../${script.replaceAll("/", "")}`,
    "/metrics",
    "/api/v1/metrics",
    "/api/v2/groups",
  ]) {
    const { headers, text } = await server.request(`GET ${path.replaceAll(" ", "%20")}`);
    const type = String(headers["content-type"] ?? "");
    if (type.startsWith("text/html")) assert.doesNotMatch(text, /<script>alert/, path);
    else assert.match(type, /^(text\/plain|application\/json|$)/, path);
  }
  const { headers } = await server.request("GET /");
  assert.match(String(headers["content-security-policy"]), /default-src 'none'/);
  assert.doesNotMatch(String(headers["content-security-policy"]), /unsafe/);
});

test("no path leads to a file that is not part of the web interface", async () => {
  const server = await startTestServer();
  const targets = [
    "../package.json",
    "..%2fpackage.json",
    "%2e%2e/package.json",
    "..\\package.json",
    "..%5cpackage.json",
    "%00",
    "a%00.js",
    "/etc/passwd",
    "....//package.json",
    "%c0%ae%c0%ae/package.json",
    "constructor",
    "__proto__",
    ".",
  ];
  for (const target of targets) {
    const text = await exchange(
      server,
      lines(`GET /static/${target} HTTP/1.1`, "Host: x", "Connection: close", "", ""),
    );
    assert.match(text, /^HTTP\/1\.1 (30[17]|400|404) /, `${target}: ${text.slice(0, 100)}`);
    assert.doesNotMatch(text, /"dependencies"|root:/);
  }
});

test("texts that regular expressions go back and forth over are answered as quickly as others of their length", async () => {
  const server = await startTestServer();
  const long = 200_000;
  const requests = [
    `GET /api/v2/groups?olderThan=${"1".repeat(long)}x`,
    `GET /api/v2/groups?selector=${encodeURIComponent(`job="${"\\a".repeat(1_000)}`)}`,
    `GET /api/v2/groups?cursor=${"A".repeat(long)}`,
    `PUT /metrics/job@base64/${"A".repeat(long)}!`,
    `PUT /metrics/job/${"%".repeat(1_000)}${"a".repeat(long)}%`,
    `GET ${"/.".repeat(long / 2)}`,
    `GET ${"/..".repeat(long / 3)}//`,
    `PUT /metrics/job/a${"/b/c".repeat(long / 4)}/%`,
  ];
  const started = performance.now();
  for (const line of requests) {
    const { status } = await server.request(line);
    assert.ok(status < 500, `${line.slice(0, 60)}: ${status}`);
  }
  const headers = {
    Authorization: `Basic ${"A".repeat(long)}!`,
    Accept: `${"a/b;q=0.1,".repeat(long / 20)}`,
    "Accept-Encoding": "gzip;q=0.1 ".repeat(1_000),
  };
  assert.ok((await server.request("GET /metrics", { headers })).status < 500);
  for (const body of [
    `# TYPE a ${" ".repeat(long)}\n`,
    `a ${"1".repeat(long)}x\n`,
    `a{b="${"\\".repeat(long)}"} 1\n`,
    `a ${"0".repeat(long)}x\n`,
  ]) {
    assert.ok((await server.request("PUT /metrics/job/a", { body })).status < 500);
  }
  for (const blank of [" ", "\xa0"]) {
    const types = [blank.repeat(long), `text/plain${blank.repeat(long)}x`, `${blank.repeat(long)}a b`];
    types.push(
      `application/vnd.google.protobuf;${blank.repeat(long)}x`,
      `application/vnd.google.protobuf${" ;".repeat(long / 2)}`,
    );
    for (const type of types) {
      const answer = await server.request("PUT /metrics/job/a", { body: "a 1\n", headers: { "Content-Type": type } });
      assert.ok(answer.status < 500);
    }
  }
  for (const text of [
    `${" ".repeat(long)}1\n`,
    `{${" ".repeat(long)}1\n`,
    `# TYPE ${" ".repeat(long)}\n`,
    `{"${"\\".repeat(long)}\n`,
  ]) {
    assert.ok((await server.request("POST /api/v2/check", { body: text })).status < 500);
  }
  // Quadratic time would be a matter of minutes.
  assert.ok(performance.now() - started < 20_000);
});
