import assert from "node:assert/strict";
import { test } from "node:test";
import { RateLimiter } from "./rate-limiter.ts";

test("a burst passes at once, later requests at the rate", () => {
  const limiter = new RateLimiter({ intervalMs: 100, burst: 2 }, 0);
  const allowed = (now: number): boolean => limiter.allow(now);
  assert.deepEqual([allowed(0), allowed(0), allowed(0), allowed(99)], [true, true, false, false]);
  assert.deepEqual([allowed(100), allowed(150), allowed(200)], [true, false, true]);
});

test("tokens do not pile up above the burst", () => {
  const limiter = new RateLimiter({ intervalMs: 100, burst: 2 }, 0);
  const statuses = [1, 2, 3].map(() => limiter.allow(1_000_000));
  assert.deepEqual(statuses, [true, true, false]);
});

test("a burst of zero lets nothing through", () => {
  assert.equal(new RateLimiter({ intervalMs: 1, burst: 0 }, 0).allow(1_000), false);
});
