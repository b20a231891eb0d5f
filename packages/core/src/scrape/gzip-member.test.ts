import assert from "node:assert/strict";
import { execFile, spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { test } from "node:test";
import { promisify } from "node:util";
import { crc32, gunzipSync } from "node:zlib";
import fc from "fast-check";
import { compressPart, compressPartAside, joinGzipMember } from "./gzip-member.ts";

function gzip(parts: readonly Uint8Array[]): Buffer {
  return Buffer.concat(joinGzipMember(parts.map(compressPart)));
}

/** Parts as pages are: text that repeats, of lengths around those of deflate's blocks and of checksums' halves. */
const part = fc.oneof(
  { weight: 4, arbitrary: fc.uint8Array({ maxLength: 40 }) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(fc.string({ maxLength: 20 }), fc.nat(5_000))
      .map(([text, times]) => Buffer.from(text.repeat(times).slice(0, 100_000))),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(0, 1, 255, 256, 257, 65_535, 65_536, 65_537).map((size) => Buffer.alloc(size, 7)),
  },
);

test("joined parts are one gzip member of all their bytes", () => {
  const property = fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
    const all = Buffer.concat(parts);
    const member = gzip(parts);
    assert.deepEqual(gunzipSync(member), all);
    // What gunzip checks, and what it says of a length beyond 4 GiB.
    assert.equal(member.readUInt32LE(member.length - 8), crc32(all));
    assert.equal(member.readUInt32LE(member.length - 4), all.length);
  });
  fc.assert(property, { numRuns: 200 });
});

test("a part that is compressed on another thread is the same", async () => {
  const property = fc.asyncProperty(part, async (raw) => {
    assert.deepEqual(await compressPartAside(raw), compressPart(raw));
  });
  await fc.assert(property, { numRuns: 50 });
});

test("a part may be used in any number of members, at any place", () => {
  const [a, b] = [compressPart(Buffer.from("a".repeat(1_000))), compressPart(Buffer.from("b\n"))];
  for (const parts of [[a], [a, b], [b, a], [a, a, b, a]]) {
    const length = parts.reduce((sum, part) => sum + part.length, 0);
    assert.equal(gunzipSync(Buffer.concat(joinGzipMember(parts))).length, length);
  }
});

test("a part does not keep more memory alive than its bytes", () => {
  const { data } = compressPart(Buffer.from("m 1\n"));
  assert.equal(data.buffer.byteLength, data.length);
});

test("lengths and checksums are right over more parts than are remembered", () => {
  const parts = Array.from({ length: 20_000 }, (_, i) => ({
    data: new Uint8Array(0),
    crc: crc32(Buffer.alloc(i)),
    length: i,
  }));
  let crc = 0;
  for (const { length } of parts) crc = crc32(Buffer.alloc(length), crc);
  for (let round = 0; round < 2; round++) {
    const trailer = Buffer.from(joinGzipMember(parts).at(-1)!);
    assert.equal(trailer.readUInt32LE(0), crc);
    assert.equal(
      trailer.readUInt32LE(4),
      parts.reduce((sum, { length }) => sum + length, 0),
    );
  }
});

test("a length beyond 4 GiB is given modulo 2^32", () => {
  const part = { data: new Uint8Array(0), crc: 0, length: 3 * 2 ** 30 };
  const trailer = Buffer.from(joinGzipMember([part, part]).at(-1)!);
  assert.equal(trailer.readUInt32LE(4), 2 ** 31);
});

const parts = Array.from({ length: 300 }, (_, i) =>
  Buffer.from(`metric_${i}{instance="",job="${i}"} ${i * 1.5}\n`.repeat(200)),
);
const has = (program: string, ...args: string[]) => spawnSync(program, args).status === 0;

test("curl reads all of it", { skip: !has("curl", "--version") && "curl is not installed" }, async (t) => {
  const server = createServer((_, response) => {
    response.setHeader("Content-Encoding", "gzip");
    for (const chunk of joinGzipMember(parts.map(compressPart))) response.write(chunk);
    response.end();
  });
  server.listen(0, "127.0.0.1");
  t.after(() => server.close());
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const options = { encoding: "buffer", maxBuffer: 2 ** 26 } as const;
  const { stdout } = await promisify(execFile)("curl", ["-sS", "--compressed", `http://127.0.0.1:${port}/`], options);
  assert.ok(stdout.equals(Buffer.concat(parts)));
});

test("Python reads all of it", {
  skip: !has("python3", "-c", "import gzip") && "Python is not installed",
}, async () => {
  const program = "import gzip, sys; sys.stdout.buffer.write(gzip.decompress(sys.stdin.buffer.read()))";
  const python = spawn("python3", ["-c", program], { stdio: ["pipe", "pipe", "inherit"] });
  const chunks: Buffer[] = [];
  python.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  python.stdin.end(gzip(parts));
  const [code] = await once(python, "close");
  assert.equal(code, 0);
  assert.ok(Buffer.concat(chunks).equals(Buffer.concat(parts)));
});
