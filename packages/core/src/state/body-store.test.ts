import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { BodyStore } from "./body-store.ts";

const SLAB = 256 * 1024;

function bytesOf(length: number, seed: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => 1 + ((i * 7 + seed) % 255));
}

/** What a body is to hold: these bytes, and zeros behind them. */
function assertHolds(body: Uint8Array, bytes: Uint8Array): void {
  assert.equal(body.length, Math.ceil(bytes.length / 64) * 64);
  assert.deepEqual(body.subarray(0, bytes.length), bytes);
  assert.ok(body.subarray(bytes.length).every((byte) => byte === 0));
}

// Of a few sizes, so that places are used again, and of any, with those that have memory of their own.
const anyLength = fc.oneof(
  fc.constantFrom(0, 1, 60, 64, 65, 700, 704, 1_100, 1_150, 1_160),
  fc.nat(5_000),
  fc.integer({ min: 32_000, max: 34_000 }),
);
const anyOperation = fc.oneof(
  { weight: 3, arbitrary: fc.record({ kind: fc.constant("copy" as const), length: anyLength, at: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("overwrite" as const), length: anyLength, at: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant("free" as const), length: fc.constant(0), at: fc.nat() }) },
);

test("bodies hold what was written to them, whatever happens to others", () => {
  const property = fc.property(fc.array(anyOperation, { maxLength: 60 }), (operations) => {
    const store = new BodyStore();
    const model: { body: Uint8Array; bytes: Uint8Array }[] = [];
    for (const [i, { kind, length, at }] of operations.entries()) {
      const bytes = bytesOf(length, i);
      const index = at % Math.max(1, model.length);
      const known = model[index];
      if (kind === "copy") model.push({ body: store.copy(bytes), bytes });
      else if (known === undefined) continue;
      else if (kind === "overwrite") model[index] = { body: store.overwrite(known.body, bytes), bytes };
      else store.free(model.splice(index, 1)[0]!.body);
      for (const { body, bytes } of model) assertHolds(body, bytes);
    }
    for (const { body } of model) store.free(body);
    assert.ok(store.slabBytes <= SLAB, "one slab at most stays when all is free");
  });
  fc.assert(property, { numRuns: 300 });
});

test("what is freed is used again, for other sizes too once a slab is empty", () => {
  const store = new BodyStore();
  for (const length of [700, 3_000, 64, 20_000]) {
    const bodies = Array.from({ length: Math.floor(SLAB / length) * 4 }, (_, i) => store.copy(bytesOf(length, i)));
    const held = store.slabBytes;
    assert.ok(held <= SLAB * 6, `${length}: ${held}`);
    for (const [i, body] of bodies.entries()) if (i % 3 > 0) store.free(body);
    for (let i = 0; i < bodies.length; i++) if (i % 3 > 0) bodies[i] = store.copy(bytesOf(length, i));
    assert.equal(store.slabBytes, held, "holes are filled first");
    for (const [i, body] of bodies.entries()) assertHolds(body, bytesOf(length, i));
    for (const body of bodies) store.free(body);
    assert.equal(store.slabBytes, SLAB);
  }
});

test("a body is overwritten where it is as long as it fits, and elsewhere otherwise", () => {
  const store = new BodyStore();
  const first = store.copy(bytesOf(1_100, 1));
  const longer = store.overwrite(first, bytesOf(1_152, 2));
  assert.equal(longer, first);
  const shorter = store.overwrite(longer, bytesOf(1_080, 3));
  assert.equal(shorter.byteOffset, first.byteOffset, "places are of fewer sizes than bodies");
  assertHolds(shorter, bytesOf(1_080, 3));
  const neighbour = store.copy(bytesOf(1_100, 4));
  const moved = store.overwrite(shorter, bytesOf(1_200, 5));
  assertHolds(moved, bytesOf(1_200, 5));
  assertHolds(neighbour, bytesOf(1_100, 4));
  assert.equal(store.copy(bytesOf(1_100, 6)).byteOffset, first.byteOffset, "its old place is free");
});

test("a place cannot be freed twice", () => {
  const store = new BodyStore();
  const [body] = [store.copy(bytesOf(100, 1)), store.copy(bytesOf(100, 2))];
  store.free(body!);
  assert.throws(() => store.free(body!), TypeError);
});
