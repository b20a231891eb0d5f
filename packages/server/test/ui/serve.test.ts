import assert from "node:assert/strict";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { brotliDecompressSync, gunzipSync } from "node:zlib";
import { loadWebUi } from "../../src/web-ui/assets.ts";
import { buildUiIfStale } from "../../ui/build.ts";
import { startTestServer } from "../support/server.ts";

await buildUiIfStale();
const ui = loadWebUi()!;
const server = await startTestServer();

const scriptOf = (html: string): string => /src="\.\/(static\/[^"]+\.js)"/.exec(html)![1]!;

test("the page is served at the root and as the status page, and may load nothing from elsewhere", async () => {
  for (const path of ["/", "/status"]) {
    const { status, text, headers } = await server.request(`GET ${path}`);
    assert.equal(status, 200);
    assert.equal(headers["content-type"], "text/html; charset=utf-8");
    assert.equal(headers["cache-control"], "no-cache");
    const policy = headers["content-security-policy"] as string;
    assert.match(policy, /default-src 'none'; script-src 'self'; style-src 'self'/);
    assert.ok(!policy.includes("unsafe"));
    assert.ok(
      !/<script(?![^>]* src=)|<style|style="|\son\w+="|https?:\/\//.test(text),
      "something is inline, or from elsewhere",
    );
  }
});

test("its files are named by their content, kept for ever, and sent compressed", async () => {
  const path = `/${scriptOf((await server.request("GET /")).text)}`;
  assert.match(path, /-[\w-]{8}\.js$/);
  const plain = await server.request(`GET ${path}`);
  assert.equal(plain.headers["content-type"], "text/javascript; charset=utf-8");
  assert.equal(plain.headers["cache-control"], "public, max-age=31536000, immutable");
  assert.equal(plain.headers["content-encoding"], undefined);
  assert.equal(plain.headers["x-content-type-options"], "nosniff");
  const gzip = await server.request(`GET ${path}`, { headers: { "Accept-Encoding": "gzip" } });
  assert.equal(gzip.headers["content-encoding"], "gzip");
  assert.equal(gunzipSync(gzip.body).toString(), plain.text);
  const brotli = await server.request(`GET ${path}`, { headers: { "Accept-Encoding": "gzip, deflate, br, zstd" } });
  assert.equal(brotli.headers["content-encoding"], "br");
  assert.equal(brotliDecompressSync(brotli.body).toString(), plain.text);
  for (const { headers } of [plain, gzip, brotli]) assert.equal(headers["vary"], "Accept-Encoding");
});

test("a page that has not changed is not sent again", async () => {
  const { headers } = await server.request("GET /");
  const again = await server.request("GET /", { headers: { "If-None-Match": headers.etag! } });
  assert.deepEqual([again.status, again.text], [304, ""]);
  const other = await server.request("GET /", { headers: { "If-None-Match": '"other"' } });
  assert.equal(other.status, 200);
});

test("nothing but the built files is served", async () => {
  for (const path of [
    "/static/",
    "/static/nothing.js",
    "/static/..%2findex.html",
    "/static/%2e%2e/%2e%2e/package.json",
    "/static/../../../package.json",
    "/static/.sources",
    `/static/x/${[...ui.files.keys()][0]}`,
    `/static/${encodeURIComponent(`../static/${[...ui.files.keys()][0]}`)}`,
  ]) {
    const { text, status } = await server
      .raw(`GET ${path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n`)
      .then((answer) => ({
        status: Number(answer.slice(9, 12)),
        text: answer,
      }));
    assert.ok(status === 404 || status === 301, `${path}: ${status}`);
    assert.ok(!text.includes("waystation/server"), path);
  }
});

test("the interface is small: below 100 kB compressed, all of it", () => {
  const sizes = [ui.index, ...ui.files.values()].map(({ encoded, body }) => (encoded.get("gzip") ?? body).length);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  assert.ok(total < 100_000, `${total} bytes`);
});

test("below a route prefix everything is found beside the page", async () => {
  const prefixed = await startTestServer({ "web.external-url": "https://metrics.example.org/push/" });
  const bare = await prefixed.request("GET /push");
  assert.deepEqual([bare.status, bare.headers.location], [301, "/push/"]);
  const { text } = await prefixed.request("GET /push/");
  assert.equal((await prefixed.request(`GET /push/${scriptOf(text)}`)).status, 200);
  assert.equal((await prefixed.request(`GET /${scriptOf(text)}`)).status, 404);
  assert.equal((await prefixed.request("GET /push/api/v2/groups")).status, 200);
});

test("where it was not built there is no interface, and a page that says so", () => {
  const empty = mkdtempSync(join(tmpdir(), "waystation-ui-"));
  try {
    assert.equal(loadWebUi(empty), undefined);
  } finally {
    rmSync(empty, { recursive: true });
  }
});
