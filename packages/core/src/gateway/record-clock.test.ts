import assert from "node:assert/strict";
import { test } from "node:test";
import { RecordClock } from "./record-clock.ts";

test("times of one millisecond ascend and stay within it", () => {
  const clock = new RecordClock();
  assert.equal(clock.next(1000), 1_000_000_000n);
  assert.equal(clock.next(1000), 1_000_001_000n);
  assert.equal(clock.next(1000.9), 1_000_002_000n);
  assert.equal(clock.next(1001), 1_001_000_000n);
  for (let i = 1; i < 5000; i++) assert.ok(clock.next(1001) < 1_002_000_000n);
});

test("a clock that is set back is followed", () => {
  const clock = new RecordClock();
  clock.next(5000);
  assert.equal(clock.next(4000), 4_000_000_000n);
});
