import assert from "node:assert/strict";
import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { checkGzipHeader, contentEncoding, decodeBody } from "./content-encoding.ts";

const LIMIT = 1 << 20;

test("only gzip and snappy are encodings, whatever the case", () => {
  for (const [header, encoding] of [
    [undefined, "identity"],
    ["gzip", "gzip"],
    ["GZIP", "gzip"],
    ["Snappy", "snappy"],
    ["identity", "identity"],
    ["x-gzip", "identity"],
    ["gzip, identity", "identity"],
    ["deflate", "identity"],
    ["", "identity"],
  ] as const) {
    assert.equal(contentEncoding(header), encoding, String(header));
  }
});

test("gzip with one member or several is opened", async () => {
  const one = gzipSync("m 1\n");
  const two = Buffer.concat([one, gzipSync("n 2\n")]);
  assert.equal(Buffer.from(await decodeBody(one, "gzip", LIMIT)).toString(), "m 1\n");
  assert.equal(Buffer.from(await decodeBody(two, "gzip", LIMIT)).toString(), "m 1\nn 2\n");
});

test("damaged gzip is refused", async () => {
  const good = gzipSync("m 1\n");
  const badCrc = Buffer.from(good);
  badCrc[badCrc.length - 8]! ^= 1;
  for (const [what, body] of Object.entries({
    "cut off": good.subarray(0, -3),
    "wrong CRC": badCrc,
    "zeros after it": Buffer.concat([good, Buffer.alloc(4)]),
    "a byte after it": Buffer.concat([good, Buffer.from("x")]),
    "text after it": Buffer.concat([good, Buffer.from("some more text")]),
  })) {
    await assert.rejects(decodeBody(body, "gzip", LIMIT), { code: "ENCODING" }, what);
  }
});

test("a gzip bomb stops at the limit", async () => {
  const bomb = gzipSync(Buffer.alloc(LIMIT + 1));
  await assert.rejects(decodeBody(bomb, "gzip", LIMIT), { code: "TOO_LARGE" });
  assert.equal((await decodeBody(bomb, "gzip", LIMIT + 1)).length, LIMIT + 1);
});

test("a gzip header is checked by itself", () => {
  const head = (flags: number, ...rest: number[]): Uint8Array =>
    Uint8Array.of(0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 0, ...rest);
  checkGzipHeader(gzipSync(""));
  checkGzipHeader(head(0));
  checkGzipHeader(head(4 | 8 | 16 | 2, 1, 0, 65, 78, 0, 67, 0, 9, 9));
  for (const body of [
    new Uint8Array(0),
    head(0).subarray(0, 9),
    head(4, 5, 0, 1),
    head(8, 65),
    head(16),
    head(2, 1),
    Buffer.from("not gzip at all"),
    Uint8Array.of(0x1f, 0x8b, 7, 0, 0, 0, 0, 0, 0, 0),
  ]) {
    assert.throws(() => checkGzipHeader(body), { code: "ENCODING" }, Buffer.from(body).toString("hex"));
  }
});
