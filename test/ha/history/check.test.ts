import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { check } from "./check.ts";
import { Model } from "./model.ts";
import {
  bodyOf,
  canonicalScrape,
  type GroupLabels,
  groupName,
  type Operation,
  type Outcome,
  type PushedFamily,
  type StoredWrite,
  seriesName,
  type WriteRequest,
} from "./operation.ts";

const A: GroupLabels = [["job", "a"]];
const B: GroupLabels = [["job", "b"]];

function push(
  id: number,
  [invoked, returned]: readonly [number, number],
  outcome: Outcome = "done",
  details: Partial<WriteRequest> & { readonly type?: PushedFamily["type"] } = {},
): Operation {
  const { kind = "replace", group = A, type = "gauge" } = details;
  const families = details.families ?? [{ name: "m", type, series: [[]] }];
  return { id, request: { kind, group, families }, replica: 0, invoked, returned, outcome };
}

function remove(
  id: number,
  [invoked, returned]: readonly [number, number],
  outcome: Outcome = "done",
  group = A,
): Operation {
  return { id, request: { kind: "delete", group, families: [] }, replica: 0, invoked, returned, outcome };
}

/** @param values what `m` of group a and of group b showed, if anything */
function scrape(
  id: number,
  [invoked, returned]: readonly [number, number],
  values: readonly [a?: number | undefined, b?: number | undefined],
  outcome: Outcome = "done",
): Operation {
  const lines = [A, B].flatMap((group, i) => {
    const value = values[i];
    return value === undefined ? [] : [`${seriesName("m", group, [])} ${value}`];
  });
  const observed = canonicalScrape([...(lines.length > 0 ? ["# TYPE m gauge"] : []), ...lines].join("\n"));
  return { id, request: { kind: "scrape" }, replica: 0, invoked, returned, outcome, observed };
}

function stored(...operations: readonly Operation[]): StoredWrite[] {
  return operations.map(({ id, request }) => {
    assert.ok(request.kind !== "scrape");
    const { kind, group } = request;
    return { kind, group: groupName(group), id: kind === "delete" ? undefined : id };
  });
}

test("a legal history is accepted", () => {
  const first = push(1, [0, 10]);
  const second = push(2, [5, 20]);
  const unknown = push(3, [6, 7], "unknown");
  const other = push(4, [30, 40], "done", { group: B });
  const gone = remove(5, [50, 60]);
  const history = [
    first,
    second,
    unknown,
    other,
    gone,
    scrape(6, [0, 100], []),
    scrape(7, [21, 22], [2]),
    // What is unknown may happen long after its client was told so.
    scrape(8, [23, 24], [3]),
    scrape(9, [41, 42], [3, 4]),
    scrape(10, [61, 62], [undefined, 4]),
  ];
  assert.deepEqual(check(history, stored(first, second, unknown, other, gone)), []);
});

test("which of two deletes is which is found out by what else happened", () => {
  const seen = push(1, [0, 10]);
  const lost = remove(2, [11, 12], "unknown");
  const other = push(3, [20, 30], "done", { group: B });
  const late = remove(4, [40, 50]);
  const history = [seen, lost, other, late, scrape(5, [13, 19], []), scrape(6, [41, 60], [undefined, 3])];
  // The first one is what the client of #2 never heard of, since #3 came before #4.
  assert.deepEqual(check(history, stored(seen, lost, other, late)), []);
  assert.deepEqual(check([...history, scrape(7, [31, 32], [undefined, 3])], stored(seen, lost, other, late)), []);
});

test("each thing that can be wrong is found", () => {
  const first = push(1, [0, 10]);
  const second = push(2, [20, 30]);
  const order = stored(first, second);
  const cases: readonly [what: RegExp, history: readonly Operation[], order: readonly StoredWrite[]][] = [
    [/#2 .* is not in the journal/, [first, second], stored(first)],
    [/#1 .* is not in the journal/, [push(1, [0, 10], "rejected")], []],
    [/#1 .* stored 2 times/, [first], stored(first, first)],
    [/nobody asked for/, [first], stored(first, second)],
    [/nobody asked for/, [first], stored(first, remove(2, [0, 1]))],
    [/nobody asked for/, [first], [{ kind: "replace", group: "job=b", id: 1 }]],
    [/nobody asked for/, [first, remove(2, [20, 30], "refused")], stored(first, remove(2, [20, 30]))],
    [/#2 .* does not fit anywhere/, [first, remove(2, [20, 30])], stored(first)],
    [/refused as certainly not stored, and is/, [push(1, [0, 1], "refused")], stored(first)],
    [/#1 .* does not fit anywhere before #2/, [first, second], stored(second, first)],
    // Too old: what was acknowledged before is missing.
    [/#3 .* does not fit/, [first, second, scrape(3, [11, 12], [])], order],
    [/#3 .* does not fit/, [first, second, scrape(3, [40, 50], [1])], order],
    // From the future: what it shows had not been asked for.
    [/#3 .* does not fit anywhere before #2/, [first, second, scrape(3, [5, 15], [2])], order],
    [/#3 .* does not fit/, [first, second, scrape(3, [40, 50], [7])], order],
    [
      /#4 .* does not fit/,
      // The second push is under way: one scrape has seen it, so a later one must.
      [first, push(2, [20, 90]), scrape(3, [30, 40], [2]), scrape(4, [50, 60], [1])],
      order,
    ],
    [
      /#3 .* does not fit/,
      // Two groups, each of them as it was at some time, but not at the same.
      [first, push(2, [20, 30], "done", { group: B }), push(5, [40, 50]), scrape(3, [0, 100], [5, undefined])],
      stored(first, push(2, [20, 30], "done", { group: B }), push(5, [40, 50])),
    ],
    [
      /#2 .* accepted against the rule/,
      [first, push(2, [0, 30], "done", { group: B, type: "counter" })],
      stored(first, push(2, [0, 30], "done", { group: B })),
    ],
    [
      /#2 .* rejected without reason/,
      [first, push(2, [0, 30], "rejected", { group: B })],
      stored(first, push(2, [0, 30], "done", { group: B })),
    ],
  ];
  for (const [what, history, stored] of cases) assert.match(check(history, stored).join("\n"), what);
});

test("two groups must not share a series, however their labels are spread", () => {
  const wide = push(1, [0, 1], "done", {
    families: [{ name: "m", type: "gauge", series: [[["instance", "x"]], [["instance", "y"]]] }],
  });
  const narrow = (outcome: Outcome): Operation =>
    push(2, [5, 6], outcome, {
      group: [
        ["instance", "x"],
        ["job", "a"],
      ],
    });
  assert.deepEqual(check([wide, narrow("rejected")], stored(wide, narrow("rejected"))), []);
  assert.match(check([wide, narrow("done")], stored(wide, narrow("done"))).join(), /against the rule/);
});

test("a scrape that says it may be old need not be new, but must have been true", () => {
  const first = push(1, [0, 10]);
  const second = push(2, [20, 30]);
  const order = stored(first, second);
  assert.deepEqual(check([first, second, scrape(3, [40, 50], [1], "stale")], order), []);
  assert.match(check([first, second, scrape(3, [40, 50], [9], "stale")], order).join(), /what never was/);
  assert.match(check([first, second, scrape(3, [11, 12], [2], "stale")], order).join(), /was not yet/);
});

test("bodies and scrapes are spelled alike", () => {
  const { request } = push(7, [0, 1], "done", { families: [{ name: "m", type: "counter", series: [[["x", "y"]]] }] });
  assert.ok(request.kind !== "scrape");
  assert.equal(bodyOf(request, 7), '# TYPE m counter\nm{x="y"} 7\n');
  const model = new Model();
  model.apply(request, 7);
  const shown =
    '# HELP m none\n# TYPE m counter\nm{instance="",job="a",x="y"} 7\n# TYPE push_time_seconds gauge\npush_time_seconds{instance="",job="a"} 1\n';
  assert.equal(canonicalScrape(shown), model.scrape());
});

/** All orders of all subsets that contain everything that certainly happened: the definition, for histories of a few operations. */
function isLegal(history: readonly Operation[]): boolean {
  const possible = history.filter(({ outcome }) => outcome !== "refused");
  const extend = (rest: readonly Operation[], happened: readonly Operation[]): boolean => {
    if (rest.every(({ outcome }) => outcome === "unknown")) return true;
    return rest.some((next) => {
      const others = rest.filter((operation) => operation !== next);
      // Nothing that returned before `next` was called may be left to happen.
      if (others.some(({ outcome, returned }) => outcome !== "unknown" && returned < next.invoked)) return false;
      const replayed = new Model();
      for (const { id, request } of happened) if (request.kind !== "scrape") replayed.apply(request, id);
      if (next.request.kind === "scrape") {
        return replayed.scrape() === next.observed && extend(others, [...happened, next]);
      }
      const accepted = replayed.apply(next.request, next.id);
      if (next.outcome !== "unknown" && accepted !== (next.outcome === "done")) return false;
      return extend(others, [...happened, next]);
    });
  };
  return extend(possible, []);
}

function orders<T>(items: readonly T[]): T[][] {
  return [[], ...items.flatMap((item, i) => orders(items.toSpliced(i, 1)).map((rest) => [item, ...rest]))];
}

const interval = fc.tuple(fc.nat(12), fc.nat(6)).map(([from, length]): [number, number] => [from, from + length + 0.5]);
const anyOperation = fc.oneof(
  fc.record({
    kind: fc.constantFrom("replace" as const, "merge" as const),
    times: interval,
    outcome: fc.constantFrom<Outcome>("done", "done", "done", "rejected", "unknown", "refused"),
    group: fc.constantFrom(A, B),
    type: fc.constantFrom<PushedFamily["type"]>("gauge", "gauge", "counter"),
  }),
  fc.record({
    kind: fc.constant("delete" as const),
    times: interval,
    outcome: fc.constantFrom<Outcome>("done", "unknown"),
    group: fc.constantFrom(A, B),
  }),
  fc.record({
    kind: fc.constant("scrape" as const),
    times: interval,
    values: fc.tuple(fc.option(fc.nat(4), { nil: undefined }), fc.option(fc.nat(4), { nil: undefined })),
  }),
);

/** With ids as in a history: the values of scrapes are then those of pushes. */
function operationOf(
  drawn: typeof anyOperation extends fc.Arbitrary<infer Drawn> ? Drawn : never,
  id: number,
): Operation {
  switch (drawn.kind) {
    case "scrape":
      return scrape(id, drawn.times, drawn.values);
    case "delete":
      return remove(id, drawn.times, drawn.outcome, drawn.group);
    default:
      return push(id, drawn.times, drawn.outcome, drawn);
  }
}

test("a history is legal if and only if some order makes it pass", () => {
  let legal = 0;
  fc.assert(
    fc.property(fc.array(anyOperation, { minLength: 1, maxLength: 5 }), (drawn) => {
      const history = drawn.map((operation, i) => operationOf(operation, i + 1));
      const writes = history.filter(({ request }) => request.kind !== "scrape");
      const passes = orders(writes).some((order) => check(history, stored(...order)).length === 0);
      assert.equal(passes, isLegal(history));
      if (passes) legal++;
    }),
    { numRuns: process.env["WAYSTATION_SOAK"] === "1" ? 20_000 : 1_500 },
  );
  assert.ok(legal > 100, `only ${legal} legal histories: the others say little`);
});
