import assert from "node:assert/strict";
import { test } from "node:test";
import { setImmediate as turn } from "node:timers/promises";
import { BodyMemory } from "./body-memory.ts";

/** Of many lengths, in all more than a slab, and one longer than any. */
const PARTS = Array.from({ length: 300 }, (_, i) => Buffer.alloc((i * 977) % 40_000, i)).concat(
  Buffer.alloc(3 * 2 ** 20, "x"),
  Buffer.from("y"),
);

test("copies are what was copied, and stay it while more are made", () => {
  const memory = new BodyMemory();
  const reused = Buffer.alloc(4 * 2 ** 20);
  const copies = PARTS.map((part) => {
    part.copy(reused);
    return memory.copy(reused.subarray(0, part.length));
  });
  assert.ok(Buffer.concat(copies).equals(Buffer.concat(PARTS)));
});

test("is given back when all who share it have released it, however often each does", async () => {
  const memory = new BodyMemory(2);
  const copies = PARTS.map((part) => memory.copy(part));
  const [first, second] = [memory.releaser(), memory.releaser()];
  first();
  first();
  await turn();
  assert.ok(Buffer.concat(copies).equals(Buffer.concat(PARTS)));
  second();
  // Given back in slices, of which one is enough for a slab.
  for (let i = 0; i < PARTS.length && copies.some(({ length }) => length > 0); i++) await turn();
  assert.ok(copies.every(({ length, buffer }) => length === 0 && buffer.byteLength === 0));
});

test("a small body takes little", () => {
  const copy = new BodyMemory().copy(Buffer.from("m 1\n"));
  assert.ok(copy.buffer.byteLength <= 64 * 1024);
});
