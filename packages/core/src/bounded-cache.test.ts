import assert from "node:assert/strict";
import { test } from "node:test";
import { BoundedCache } from "./bounded-cache.ts";

test("values are computed once, as long as there is room", () => {
  const cache = new BoundedCache<number, object>(3);
  const make = () => ({});
  const first = [1, 2, 3].map((key) => cache.get(key, make));
  assert.deepEqual(
    [1, 2, 3].map((key, i) => cache.get(key, make) === first[i]),
    [true, true, true],
  );
  assert.notEqual(cache.get(4, make), cache.get(4, make));
  assert.equal(cache.get(1, make), first[0], "what is held stays");
});

test("what nobody asks for any more makes room", () => {
  const cache = new BoundedCache<number, object>(3);
  const make = () => ({});
  for (const key of [1, 2, 3]) cache.get(key, make);
  for (let i = 0; i < 100; i++) for (const key of [4, 5, 6]) cache.get(key, make);
  assert.equal(cache.get(4, make), cache.get(4, make));
});
