import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { QuantileWindow } from "./quantile-window.ts";

const MINUTE = 60_000;

test("nothing observed has no quantiles", () => {
  assert.deepEqual(new QuantileWindow(0).quantiles([0.1, 0.5], 0), [Number.NaN, Number.NaN]);
});

test("quantiles are within one percent of a value of that rank", () => {
  const values = fc.array(fc.double({ min: 1e-6, max: 1e9, noNaN: true }), { minLength: 1, maxLength: 200 });
  fc.assert(
    fc.property(values, fc.constantFrom(0, 0.1, 0.5, 0.9, 1), (observed, quantile) => {
      const window = new QuantileWindow(0);
      for (const value of observed) window.observe(value, 0);
      const [estimate] = window.quantiles([quantile], 0);
      const sorted = Float64Array.from(observed).sort();
      const exact = sorted[Math.floor(quantile * (sorted.length - 1))]!;
      assert.ok(Math.abs(estimate! / exact - 1) <= 0.0101, `${estimate} for ${exact}`);
    }),
  );
});

test("zero and what is out of range count at the edges", () => {
  const window = new QuantileWindow(0);
  window.observe(0, 0);
  window.observe(1e300, 0);
  const [low, high] = window.quantiles([0, 1], 0);
  assert.ok(low! < 1e-6 && high! > 9e11);
});

test("observations are forgotten after ten minutes, and not before eight", () => {
  const window = new QuantileWindow(0);
  window.observe(1, 0);
  for (let minute = 1; minute < 8; minute++) {
    window.observe(100, minute * MINUTE);
    assert.ok(window.quantiles([0], minute * MINUTE)[0]! < 2, `minute ${minute}`);
  }
  assert.ok(window.quantiles([0], 11 * MINUTE)[0]! > 90);
  assert.deepEqual(window.quantiles([0.5], 60 * MINUTE), [Number.NaN]);
});
