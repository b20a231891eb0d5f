import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { type ObservedPush, PUSH_METHODS, PUSH_OUTCOMES, REMEMBERED_PUSHES, RecentPushes } from "./recent-pushes.ts";

const plain = { noNullPrototype: true };

const push = fc.record<ObservedPush>(
  {
    time: fc.nat(),
    method: fc.constantFrom(...PUSH_METHODS),
    source: fc.record({ address: fc.constantFrom("10.0.0.1", "::1"), client: fc.constantFrom("", "curl/8") }, plain),
    bytes: fc.nat(),
    milliseconds: fc.option(fc.integer({ min: 0, max: 1000 }), { nil: undefined }),
    status: fc.constantFrom(200, 400, 503),
    outcome: fc.constantFrom(...PUSH_OUTCOMES),
    message: fc.constant("because"),
  },
  plain,
);

test("each group's newest pushes are remembered, newest first", () => {
  const pushes = fc.array(fc.tuple(fc.constantFrom("a", "b", "c"), push), { maxLength: 80 });
  fc.assert(
    fc.property(pushes, (all) => {
      const recent = new RecentPushes();
      const model = new Map<string, ObservedPush[]>();
      for (const [key, push] of all) {
        recent.note(key, push.outcome === "stored" ? { ...push, message: undefined } : push);
        model.set(key, [push, ...(model.get(key) ?? [])].slice(0, REMEMBERED_PUSHES));
      }
      for (const key of ["a", "b", "c"]) {
        const expected = model.get(key) ?? [];
        const newestFailure = expected.findIndex(({ outcome }) => outcome !== "stored");
        assert.deepEqual(
          recent.of(key),
          expected.map((push, i) => ({ ...push, message: i === newestFailure ? "because" : undefined })),
        );
        assert.equal(recent.newestFailed(key), newestFailure === 0);
      }
    }),
  );
});

const STORED: ObservedPush = {
  time: 1,
  method: "PUT",
  source: { address: "10.0.0.1", client: "" },
  bytes: 1,
  milliseconds: 1,
  status: 200,
  outcome: "stored",
  message: undefined,
};

test("of very many groups those that are still pushed to are remembered", () => {
  const recent = new RecentPushes();
  for (let i = 0; i < 60_000; i++) {
    recent.note(`group ${i}`, { ...STORED, time: i });
    // Pushed to now and then, but never among the newest.
    if (i % 1_000 === 0) recent.note("busy", { ...STORED, time: i });
  }
  assert.equal(recent.of("busy").length, REMEMBERED_PUSHES);
  assert.deepEqual(recent.of("group 0"), []);
  assert.equal(recent.of("group 59999")[0]!.time, 59_999);
  const kept = Array.from({ length: 60_000 }, (_, i) => recent.of(`group ${i}`).length).filter((n) => n > 0);
  assert.equal(kept.length, 16_383);
});

test("a place that was taken over says nothing of its former group", () => {
  const recent = new RecentPushes();
  recent.note("first", { ...STORED, status: 400, outcome: "refused", message: "secret of the first" });
  for (let i = 0; i < 40_000; i++) recent.note(`group ${i}`, STORED);
  for (let i = 0; i < 40_000; i++) assert.equal(recent.lastFailure(`group ${i}`), undefined);
  assert.equal(recent.lastFailure("first"), undefined);
});

test("of very many clients the newest are remembered, and none is taken for another", () => {
  const recent = new RecentPushes();
  recent.note("old", { ...STORED, source: { address: "old client", client: "" } });
  for (let i = 0; i < 5_000; i++) recent.note("new", { ...STORED, source: { address: `client ${i}`, client: "" } });
  assert.equal(recent.of("old")[0]!.source, undefined);
  assert.deepEqual(recent.of("new")[0]!.source, { address: "client 4999", client: "" });
});
