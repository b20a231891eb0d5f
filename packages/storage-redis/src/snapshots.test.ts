import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { cut } from "./snapshots.ts";

test("cutting into pieces keeps the bytes, and all pieces but the last are full", async () => {
  const bytes = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(bytes, fc.integer({ min: 1, max: 30 }), async (chunks, size) => {
      const pieces: Buffer[] = [];
      for await (const piece of cut(reused(chunks), size)) pieces.push(piece);
      assert.deepEqual(Buffer.concat(pieces), Buffer.concat(chunks));
      for (const [i, piece] of pieces.entries()) {
        assert(piece.length === size || (i === pieces.length - 1 && piece.length > 0 && piece.length < size));
      }
    }),
  );
});

/** Hands over each chunk in the same memory, as a producer with one buffer does. */
async function* reused(chunks: readonly Uint8Array[]): AsyncIterable<Uint8Array> {
  const memory = new Uint8Array(40);
  for (const chunk of chunks) {
    memory.set(chunk);
    yield memory.subarray(0, chunk.length);
  }
}
