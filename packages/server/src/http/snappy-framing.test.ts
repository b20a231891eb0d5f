import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { compressSync } from "snappy";
import { crc32c } from "./crc32c.ts";
import { unframeSnappy } from "./snappy-framing.ts";

const IDENTIFIER = Buffer.from("ff060000734e61507059", "hex");
const LIMIT = 1 << 20;

function chunk(type: number, content: Uint8Array): Buffer {
  const head = Buffer.alloc(4);
  head[0] = type;
  head.writeUIntLE(content.length, 1, 3);
  return Buffer.concat([head, content]);
}

function checksum(data: Uint8Array): Buffer {
  const crc = crc32c(data);
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE((((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0);
  return bytes;
}

const plain = (data: Uint8Array): Buffer => chunk(1, Buffer.concat([checksum(data), data]));
const packed = (data: Uint8Array): Buffer => chunk(0, Buffer.concat([checksum(data), compressSync(Buffer.from(data))]));
const framed = (...chunks: Buffer[]): Buffer => Buffer.concat([IDENTIFIER, ...chunks]);

test("CRC-32C of the check input is the published value", () => {
  assert.equal(crc32c(Buffer.from("123456789")), 0xe3069283);
});

test("a stream recorded from golang/snappy is opened", () => {
  const body = Buffer.from("/wYAAHNOYVBwWQAkAAC/jTb0HnQjIFRZUEUgbSBnYXVnZQpte3g9InkifSAxCm4gMgo=", "base64");
  assert.equal(Buffer.from(unframeSnappy(body, LIMIT)).toString(), '# TYPE m gauge\nm{x="y"} 1\nn 2\n');
});

test("any chunks, packed or not, with padding between, come back as one", () => {
  const part = fc.record({ data: fc.uint8Array({ maxLength: 5_000 }), compress: fc.boolean(), padding: fc.boolean() });
  fc.assert(
    fc.property(fc.array(part, { maxLength: 6 }), (parts) => {
      const chunks = parts.flatMap(({ data, compress, padding }) => [
        compress ? packed(data) : plain(data),
        ...(padding ? [chunk(0xfe, Buffer.alloc(3)), IDENTIFIER] : []),
      ]);
      const opened = unframeSnappy(framed(...chunks), LIMIT);
      assert.deepEqual(Buffer.from(opened), Buffer.concat(parts.map(({ data }) => data)));
    }),
  );
});

test("an empty body is an empty push", () => {
  assert.equal(unframeSnappy(Buffer.alloc(0), LIMIT).length, 0);
});

test("what is not a framed stream is refused", () => {
  const data = Buffer.from("m 1\n");
  const flipped = packed(data);
  flipped[4]! ^= 1;
  const huge = Buffer.concat([Buffer.alloc(4), Buffer.from([0x80, 0x80, 0x80, 0x08])]);
  for (const [what, body] of Object.entries({
    "the block format": compressSync(data),
    text: data,
    "no identifier": packed(data),
    "a cut header": framed(packed(data).subarray(0, 3)),
    "a cut chunk": framed(packed(data).subarray(0, 9)),
    "a wrong checksum": framed(flipped),
    "a reserved chunk": framed(chunk(0x02, data)),
    "a chunk without checksum": framed(chunk(1, Buffer.alloc(2))),
    "a chunk that claims 16 MiB": framed(chunk(0, huge)),
    "a chunk above 64 KiB": framed(plain(Buffer.alloc(65_537))),
    "another identifier": chunk(0xff, Buffer.from("sNaPpX")),
  })) {
    assert.throws(() => unframeSnappy(body, LIMIT), { code: "ENCODING" }, what);
  }
});

test("the limit is on what comes out", () => {
  const zeros = Buffer.alloc(60_000);
  const body = framed(packed(zeros), packed(zeros));
  assert.equal(unframeSnappy(body, 120_000).length, 120_000);
  assert.throws(() => unframeSnappy(body, 119_999), { code: "TOO_LARGE" });
});
