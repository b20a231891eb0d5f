import assert from "node:assert/strict";
import net from "node:net";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { startTestServer } from "./support/server.ts";

const server = await startTestServer({ "push.max-body-bytes": 4096 });

/** What is stored, without the gateway's own metrics and the push times. */
async function pushed(): Promise<string> {
  const { text } = await server.request("GET /metrics?collect[]=pushed");
  return text.replace(/^.*push_(failure_)?time_seconds.*\n/gm, "");
}

async function wiped(): Promise<void> {
  await server.gateway.wipe();
}

test("a push, a merge, a replacement and a delete", async () => {
  await wiped();
  const put = await server.request("PUT /metrics/job/a/instance/i", { body: "m 1\nn 2\n" });
  assert.deepEqual([put.status, put.text, put.headers["content-type"]], [200, "", undefined]);
  assert.equal((await server.request("POST /metrics/job/a/instance/i", { body: "n 3\n" })).status, 200);
  assert.equal(
    await pushed(),
    '# TYPE m untyped\nm{instance="i",job="a"} 1\n# TYPE n untyped\nn{instance="i",job="a"} 3\n',
  );
  await server.request("PUT /metrics/job@base64/YQ/instance/i", { body: "o 4\n" });
  assert.equal(await pushed(), '# TYPE o untyped\no{instance="i",job="a"} 4\n');
  const deleted = await server.request("DELETE /metrics/job/a/instance/i");
  assert.deepEqual([deleted.status, deleted.text], [202, ""]);
  assert.equal(await pushed(), "");
});

test("a body comes in any number of pieces, with and without a length", async () => {
  await wiped();
  const chunked = "PUT /metrics/job/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n";
  const answer = await server.raw(`${chunked}1\r\nm\r\n2\r\n 1\r\n1\r\n\n\r\n0\r\n\r\n`);
  assert.match(answer, /^HTTP\/1.1 200 OK\r\n/);
  assert.match(
    await server.raw("POST /metrics/job/a HTTP/1.0\r\nContent-Length: 4\r\n\r\nn 2\n"),
    /^HTTP\/1.1 200 OK\r\n/,
  );
  assert.match(await pushed(), /^m{.*} 1$[\s\S]*^n{.*} 2$/m);
});

test("a client that asks first is told to go on", async () => {
  const expecting =
    "PUT /metrics/job/a HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 4\r\nConnection: close\r\n\r\n";
  assert.match(await server.raw(`${expecting}m 1\n`), /^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200 OK\r\n/);
});

test("what cannot be read is refused with line and column, and changes nothing", async () => {
  await wiped();
  await server.request("PUT /metrics/job/a", { body: "m 1\n" });
  const before = await pushed();
  const answer = await server.request("PUT /metrics/job/a", { body: "m 2\nn x\n" });
  assert.equal(answer.status, 400);
  assert.match(answer.text, /line 2/);
  assert.match(answer.text, /column \d/);
  assert.match(answer.text, /[^\n]\n$/);
  assert.equal(answer.headers["content-type"], "text/plain; charset=utf-8");
  assert.equal(answer.headers["x-content-type-options"], "nosniff");
  assert.equal(await pushed(), before);
});

test("what contradicts itself or others is refused in the Pushgateway's words, and marks the failure", async () => {
  await wiped();
  await server.request("PUT /metrics/job/a", { body: "# TYPE m gauge\nm 1\n" });
  const answer = await server.request("PUT /metrics/job/b", { body: "# TYPE m counter\nm 1\n" });
  assert.equal(answer.status, 400);
  assert.match(answer.text, /^pushed metrics are invalid or inconsistent with existing metrics: /);
  const { text } = await server.request("GET /metrics?collect[]=pushed");
  assert.match(text, /^push_failure_time_seconds{instance="",job="b"} 1\.\d+e\+09$/m);
  assert.match(text, /^push_time_seconds{instance="",job="b"} 0$/m);
});

test("a bad grouping key is refused whatever the body", async () => {
  for (const [path, told] of [
    ["/metrics/job/a/x", "odd number of components"],
    ["/metrics/job/a/__x/1", "improper label name"],
    ["/metrics/job@base64/=", "job name is required"],
    ["/metrics/job/a/x@base64/!", "invalid base64 encoding"],
    ["/metrics/job/%ff", "UTF-8"],
    ["/metrics/job/%zz", "percent-encoding"],
  ] as const) {
    for (const method of ["PUT", "POST", "DELETE"]) {
      const answer = await server.request(`${method} ${path}`, { body: "m 1\n" });
      assert.equal(answer.status, 400, path);
      assert.ok(answer.text.includes(told), answer.text);
    }
  }
});

test("paths are read as bytes: raw UTF-8, escapes of any kind, unusual spellings of the route", async () => {
  await wiped();
  const head = (target: string) =>
    `PUT ${target} HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nConnection: close\r\n\r\nm 1\n`;
  for (const target of [
    "/metrics/job/t/x/\u00fc",
    "/%6detrics/job/t/y/%C3%BC",
    'http://example.org/metrics/job/t/z/"|"',
    "/metrics/job%2Ft/w/%2e%2e",
    "/metrics/job/t/v/1?m=2",
  ]) {
    assert.match(await server.raw(Buffer.from(head(target))), /^HTTP\/1.1 200 OK\r\n/, target);
  }
  const series = (await pushed()).match(/(?<=instance="",job="t",)[^}]*/g);
  assert.deepEqual(series?.sort(), ['v="1"', 'w=".."', 'x="ü"', 'y="ü"', 'z="\\"|\\""']);
});

test("compressed bodies are opened", async () => {
  await wiped();
  const gzip = { "Content-Encoding": "gzip" };
  const body = Buffer.concat([gzipSync("m 1\n"), gzipSync("n 2\n")]);
  assert.equal((await server.request("PUT /metrics/job/a", { body, headers: gzip })).status, 200);
  assert.match(await pushed(), /^m{[\s\S]*^n{/m);
  const snappy = Buffer.from("/wYAAHNOYVBwWQAKAACouHFlBAxzIDEK", "base64");
  assert.equal(
    (await server.request("PUT /metrics/job/a", { body: snappy, headers: { "Content-Encoding": "Snappy" } })).status,
    200,
  );
  assert.match(await pushed(), /^s{/m);
  for (const broken of [
    Buffer.from("m 1\n"),
    Buffer.alloc(0),
    body.subarray(0, -1),
    Buffer.concat([body, Buffer.from("x")]),
  ]) {
    assert.equal((await server.request("PUT /metrics/job/a", { body: broken, headers: gzip })).status, 400);
  }
});

test("a body declared as gzip must at least begin like it, on any path", async () => {
  const headers = { "Content-Encoding": "gzip" };
  for (const line of ["GET /metrics", "DELETE /metrics/job/a", "GET /nope", "PUT /nope"]) {
    assert.equal((await server.request(line, { headers, body: "plain" })).status, 400, line);
  }
  assert.equal(
    (await server.request("DELETE /metrics/job/a", { headers, body: gzipSync("x").subarray(0, 12) })).status,
    202,
  );
  assert.equal((await server.request("GET /metrics", { headers, body: gzipSync("x") })).status, 200);
  assert.equal((await server.request("GET /api/v1/status", { headers, body: "plain" })).status, 200);
});

test("bodies above the limit get 413, however they come, and leave the gateway well", async () => {
  await wiped();
  const large = `m{x="${"y".repeat(5000)}"} 1\n`;
  const plain = await server.request("PUT /metrics/job/a", { body: large });
  assert.equal(plain.status, 413);
  assert.match(plain.text, /4KiB as sent.*--push\.max-body-bytes/);
  const chunks = `${"3e8\r\n".padEnd(1005, "#")}\r\n`.repeat(6);
  const chunked = await server.raw(
    `PUT /metrics/job/a HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n${chunks}`,
  );
  assert.match(chunked, /^HTTP\/1.1 413 [\s\S]*\r\nConnection: close\r\n/);
  const packed = await server.request("PUT /metrics/job/a", {
    body: gzipSync(large),
    headers: { "Content-Encoding": "gzip" },
  });
  assert.equal(packed.status, 413);
  assert.match(packed.text, /after decompression/);
  assert.equal(await pushed(), "");
  assert.equal((await server.request("PUT /metrics/job/a", { body: "m 1\n" })).status, 200);
});

test("a client that goes away half-way leaves nothing", async () => {
  await wiped();
  await new Promise<void>((resolve, reject) => {
    const socket = net.connect(server.port, "127.0.0.1", () => {
      socket.write("PUT /metrics/job/gone HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nm 1\n", () =>
        socket.destroy(),
      );
    });
    socket.once("close", () => resolve());
    socket.once("error", reject);
  });
  assert.equal((await server.request("PUT /metrics/job/a", { body: "n 1\n" })).status, 200);
  assert.doesNotMatch(await pushed(), /gone/);
});

test("many pushes at once are all stored", async () => {
  await wiped();
  const statuses = await Promise.all(
    Array.from({ length: 100 }, async (_, i) => {
      const { status } = await server.request(`PUT /metrics/job/many/instance/${i}`, {
        body: `# TYPE m gauge\nm ${i}\n`,
      });
      return status;
    }),
  );
  assert.deepEqual(new Set(statuses), new Set([200]));
  assert.equal((await pushed()).match(/^m{/gm)?.length, 100);
});

test("without the consistency check pushes get 202, and a scrape stays up", async () => {
  const unchecked = await startTestServer({ "push.disable-consistency-check": true });
  for (const [group, type] of [
    ["a", "gauge"],
    ["b", "counter"],
  ]) {
    const answer = await unchecked.request(`PUT /metrics/job/${group}`, { body: `# TYPE m ${type}\nm 1\n` });
    assert.deepEqual([answer.status, answer.text], [202, ""]);
  }
  assert.equal((await unchecked.request("PUT /metrics/job/c", { body: "m 1 123\n" })).status, 202);
  assert.equal((await unchecked.request("PUT /metrics/job/c", { body: "broken" })).status, 400);
  assert.equal((await unchecked.request("GET /metrics")).status, 200);
});
