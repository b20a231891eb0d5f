import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { regroup } from "./regroup.ts";

test("pieces have the wanted size and the bytes of the chunks, in memory of their own", async () => {
  const chunks = fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 12 });
  await fc.assert(
    fc.asyncProperty(chunks, fc.integer({ min: 1, max: 30 }), async (given, size) => {
      const pieces: Uint8Array[] = [];
      for await (const piece of regroup(asAsync(given), size)) pieces.push(piece);
      assert(Buffer.concat(pieces).equals(Buffer.concat(given)));
      for (const piece of pieces.slice(0, -1)) assert.equal(piece.length, size);
      for (const piece of pieces) assert(piece.length > 0 && piece.length <= size);
      for (const piece of pieces) assert.equal(piece.buffer.byteLength, piece.length);
      assert.equal(new Set(pieces.map((piece) => piece.buffer)).size, pieces.length);
    }),
  );
});

async function* asAsync(chunks: readonly Uint8Array[]): AsyncGenerator<Uint8Array, void> {
  yield* chunks;
}
