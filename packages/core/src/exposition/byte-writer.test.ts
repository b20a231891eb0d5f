import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { ByteWriter } from "./byte-writer.ts";

const byteString = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes).toString("latin1"));

test("what is written comes out, whatever the way it was written and however often the buffer grew", () => {
  const piece = fc.oneof(
    fc.nat(255).map((byte) => ({ byte })),
    fc.nat(0xffffffff).map((uint32) => ({ uint32 })),
    byteString.map((text) => ({ text })),
    fc.uint8Array({ maxLength: 60 }).map((bytes) => ({ bytes })),
  );
  fc.assert(
    fc.property(fc.nat(8), fc.array(piece, { maxLength: 40 }), (capacity, pieces) => {
      const out = new ByteWriter(capacity);
      const expected: Uint8Array[] = [];
      for (const piece of pieces) {
        if ("byte" in piece) {
          out.writeByte(piece.byte);
          expected.push(Buffer.of(piece.byte));
        } else if ("uint32" in piece) {
          out.writeUint32(piece.uint32);
          expected.push(new Uint8Array(Uint32Array.of(piece.uint32).buffer));
        } else if ("text" in piece) {
          out.writeLatin1(piece.text);
          expected.push(Buffer.from(piece.text, "latin1"));
        } else {
          out.writeBytes(piece.bytes);
          expected.push(piece.bytes);
        }
      }
      assert.deepEqual(out.bytes(), Buffer.concat(expected));
      assert.equal(out.length, Buffer.concat(expected).length);
    }),
  );
});

test("reset forgets everything, or the end", () => {
  const out = new ByteWriter(4);
  out.writeLatin1("kept and dropped");
  out.reset(4);
  assert.equal(out.bytes().toString(), "kept");
  out.reset();
  assert.equal(out.length, 0);
  out.writeLatin1("new");
  assert.equal(out.bytes().toString(), "new");
  assert.throws(() => out.reset(4), TypeError);
  assert.throws(() => out.reset(-1), TypeError);
});
