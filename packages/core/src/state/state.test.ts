import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import {
  deleteRecord,
  exposedText,
  keyOf,
  type PushSettings,
  pushRecord,
  throughBytes,
  wipeRecord,
} from "../../test/state-kit.ts";
import { ByteWriter } from "../exposition/byte-writer.ts";
import { linesOf } from "../record/family-block.ts";
import { encodeRecord, type GatewayRecord, type RestoreRecord } from "../record/record.ts";
import { writeTextPage } from "../scrape/text-page.ts";
import { settleConflicts } from "./conflicts.ts";
import { blockOf, type Group, type GroupContent } from "./group.ts";
import { State } from "./state.ts";

type Labels = Record<string, string>;
type Push = readonly [labels: Labels, body: string, settings?: PushSettings];

function stateOf(...pushes: Push[]): State {
  const state = new State();
  for (const push of pushes) assert.equal(state.apply(pushRecord(...push)), undefined);
  return state;
}

function takes(before: Push[], push: Push): void {
  const state = stateOf(...before);
  assert.equal(state.judge(pushRecord(...push) as never), undefined, push.join(" "));
  assert.equal(state.apply(pushRecord(...push)), undefined, push.join(" "));
}

function refuses(before: Push[], push: Push, why: RegExp): void {
  const state = stateOf(...before);
  const judged = state.judge(pushRecord(...push) as never);
  const verdict = state.apply(pushRecord(...push));
  assert.equal(verdict?.code, "INCONSISTENT");
  assert.match(verdict.message, why);
  assert.equal(judged?.message, verdict.message);
}

const [a, b] = [{ job: "a" }, { job: "b" }];
const gauge = "# TYPE m gauge\nm 1\n";
const counter = "# TYPE m counter\nm 1\n";
const summary = "# TYPE m summary\nm_count 1\n";
const histogram = "# TYPE m histogram\nm_count 1\n";
const merge = { mode: "merge" } as const;

test("a family has one type in all groups", () => {
  refuses([[a, gauge]], [b, counter], /"m" is pushed as counter, but is gauge in group \{job="a"\}/);
  refuses([[a, gauge]], [b, `n 1\n${histogram}`], /"m" is pushed as histogram, but is gauge/);
  takes([[a, gauge]], [a, counter]);
  takes([[a, gauge]], [a, counter, merge]);
  takes([[a, gauge]], [b, "# HELP m Help.\n# TYPE m gauge\nm 2\n"]);
  refuses(
    [
      [a, gauge],
      [b, gauge],
    ],
    [a, counter],
    /is gauge in group \{job="b"\}/,
  );
});

test("nothing is named like a series of a summary or histogram, in either order, in any group", () => {
  for (const part of ["_sum", "_count", "_bucket"]) {
    const named = `m${part} 1\n`;
    refuses([[a, histogram]], [b, named], /collides with a series that "m" exposes in group \{job="a"\}/);
    refuses(
      [[a, named]],
      [b, histogram],
      /histogram "m" exposes "m_\w+", which is a metric family of its own in group/,
    );
    refuses([[a, histogram]], [a, named, merge], /collides with a series that "m" exposes in group \{job="a"\}/);
    refuses([[a, named]], [a, histogram, merge], /which is a metric family of its own in group \{job="a"\}/);
    // What is replaced is in nobody's way, what others hold is.
    takes([[a, histogram]], [a, named]);
    takes([[a, named]], [a, histogram]);
    takes([[a, gauge]], [b, named]);
  }
  refuses([], [a, `m_sum 1\n${histogram}`], /in the same push/);
  refuses([[a, summary]], [b, "m_count 1\n"], /collides/);
  takes([[a, summary]], [b, "m_bucket 1\n"]);
  takes([[a, "# TYPE m gaugehistogram\nm_count 1\n"]], [b, "m_sum 1\n"]);
});

test("no series is pushed twice, whatever the groups' labels", () => {
  const withX = { job: "a", x: "1" };
  refuses([[withX, "m 1\n"]], [a, 'm{x="1"} 2\n'], /metric m\{instance="",job="a",x="1"\} was pushed before, to group/);
  refuses([[a, 'm{x="1"} 2\n']], [withX, "m 1\n"], /was pushed before, to group \{job="a"\}/);
  takes([[withX, "m 1\n"]], [a, 'm{x="2"} 2\n']);
  takes([[withX, "m 1\n"]], [a, "m 2\n"]);
  takes(
    [
      [withX, "m 1\n"],
      [a, "m 2\n"],
    ],
    [a, "m 3\n"],
  );
  takes([[{ job: "a", x: "" }, "m 1\n"]], [a, "m 2\n"]);
  refuses([[{ job: "a", x: "" }, "m 1\n"]], [a, 'm{x=""} 2\n'], /was pushed before/);
  refuses([[{ job: "a", instance: "i" }, "m 1\n"]], [a, 'm{instance="i"} 2\n'], /was pushed before/);
  takes([[withX, 'm{y="1"} 1\n']], [{ job: "a", y: "2" }, 'm{x="1"} 1\n']);
  refuses([[withX, 'm{y="2"} 1\n']], [{ job: "a", y: "2" }, 'm{x="1"} 1\n'], /was pushed before/);
  refuses([[withX, histogram]], [a, '# TYPE m histogram\nm_count{x="1"} 1\n'], /was pushed before/);
});

test("groups that differ in an empty instance only would have the same time metrics", () => {
  const twin = { job: "a", instance: "" };
  refuses(
    [[a, "m 1\n"]],
    [twin, "n 1\n"],
    /group \{instance="",job="a"\} would expose the same series as group \{job="a"\}/,
  );
  refuses([[twin, "m 1\n"]], [a, "n 1\n"], /same series as group \{instance="",job="a"\}/);
  refuses([[a, "m 1\n"]], [twin, "n 1\n", { unchecked: true }], /same series/);
  takes([[a, "m 1\n"]], [{ job: "a", instance: "i" }, "n 1\n"]);
  // The failure is noted where it can be seen: in the group that there is.
  const state = stateOf([a, "m 1\n", { time: 1_000_000_000n }]);
  state.apply(pushRecord(twin, "n 1\n", { time: 2_000_000_000n }));
  assert.equal(state.groupCount, 1);
  assert.equal(state.group(keyOf(a).id)!.content.failureTime, 2);
});

test("a refused push leaves all as it was, but for the failure time", async () => {
  const state = stateOf([a, gauge], [b, gauge]);
  const before = await exposedText(state);
  state.apply(pushRecord(b, `new 1\n${counter}`, { ...merge, time: 5_000_000_000n }));
  const after = await exposedText(state);
  assert.equal(after, before.replace(/^(push_failure_time_seconds\{.*job="b"\}) 0$/m, "$1 5"));
});

test("help is the smallest there is, whoever came first", async () => {
  const helps = ["# HELP m Two.\n", "", "# HELP m One.\n"];
  for (const order of [helps, helps.toReversed()]) {
    const state = stateOf(...order.map((help, i): Push => [{ job: `${i}` }, `${help}${gauge}`]));
    assert.match(await exposedText(state), /^# HELP m One\.$/m);
  }
});

test("of what was stored unchecked, the first group in the order of keys is exposed, until it is deleted", async () => {
  const unchecked = { unchecked: true };
  for (const order of [
    [a, b],
    [b, a],
  ]) {
    const bodies = new Map([
      [a, gauge],
      [b, counter],
    ]);
    const state = stateOf(...order.map((labels): Push => [labels, bodies.get(labels)!, unchecked]));
    assert.equal(state.suspect, true);
    assert.deepEqual(
      settleConflicts(state).map(({ family, group }) => [family.name, group.key.id]),
      [["m", keyOf(b).id]],
    );
    const text = await exposedText(state);
    assert.match(text, /# TYPE m gauge\nm\{instance="",job="a"\} 1\n(?!m)/);
    state.apply(deleteRecord(a));
    assert.deepEqual(settleConflicts(state), []);
    assert.match(await exposedText(state), /# TYPE m counter\nm\{instance="",job="b"\} 1\n/);
    assert.equal(state.suspect, false);
  }
});

test("what contradicts something is refused also where its group held it unchecked before", () => {
  const state = stateOf([a, gauge], [b, counter, { unchecked: true }]);
  assert.equal(state.apply(pushRecord(b, counter))?.code, "INCONSISTENT");
  settleConflicts(state);
  assert.equal(state.apply(pushRecord(b, counter))?.code, "INCONSISTENT");
  assert.equal(state.apply(pushRecord(a, gauge))?.code, "INCONSISTENT");
  state.apply(deleteRecord(a));
  assert.equal(state.apply(pushRecord(b, counter)), undefined);
});

test("time does not run backwards within a group, nor is it moved by another", () => {
  const state = stateOf(
    [a, "m 1\n", { time: 5_000_000_000n }],
    [a, "m 2\n", { time: 3_000_000_000n }],
    [b, "m 1\n", { time: 1_000_000_000n }],
  );
  assert.equal(state.group(keyOf(a).id)!.content.pushTime, 5);
  assert.equal(state.group(keyOf(b).id)!.content.pushTime, 1);
  state.apply(pushRecord(a, "m 1 5\n", { time: 4_000_000_000n }));
  assert.equal(state.group(keyOf(a).id)!.content.failureTime, 5);
});

test("a restored twin is kept, and its time metrics are exposed once", async () => {
  const twin = { job: "a", instance: "" };
  const state = stateOf([a, "m 1\n"]);
  const other = stateOf([twin, "n 1\n"]);
  const { content } = other.group(keyOf(twin).id)!;
  const { layout: _layout, body: _body, sides: _sides, ...times } = content;
  const record: RestoreRecord = {
    kind: "restore",
    key: keyOf(twin).id,
    time: 1n,
    ...times,
    block: blockOf(content),
  };
  assert.equal(state.apply(throughBytes(encodeRecord(record))), undefined);
  assert.equal(state.suspect, true);
  assert.equal(settleConflicts(state).length, 2);
  const text = await exposedText(state);
  assert.equal(text.match(/^push_time_seconds\{instance="",job="a"\}/gm)!.length, 1);
  assert.match(text, /^n\{/m);
});

test("what somebody keeps of a group stays as it is, whatever is pushed over it", () => {
  const state = stateOf([a, "m 1\n"]);
  const group = state.group(keyOf(a).id)!;
  const lines = (content: GroupContent): string => Buffer.from(linesOf(content.body, 1, 0)).toString();
  const first = group.keepContent();
  state.apply(pushRecord(a, "m 2\n", { time: 2n }));
  assert.match(lines(first), / 1\n$/);
  assert.equal(first.pushStamp, 1n);

  // A failure is noted in a new content with the old lines.
  const second = group.keepContent();
  state.apply(failedRecord(a));
  state.apply(pushRecord(a, "m 2\n", { time: 2n }));
  assert.notEqual(group.content.body, second.body);

  const frozen = state.sequence.freeze();
  state.apply(pushRecord(a, "m 3\n", { time: 3n }));
  state.apply(pushRecord(a, "m 4\n", { time: 4n }));
  const shown = frozen.pages
    .map((page) => page.shownIn(frozen.view))
    .flatMap((view) => view.slots.flatMap((slot, i) => (slot === 0 ? [view.shown(i)] : [])));
  assert.deepEqual(
    shown.map((content) => / (\d)\n$/.exec(lines(content as GroupContent))?.[1]),
    ["2"],
  );
  frozen.done();
  assert.match(lines(group.content), / 4\n$/);
});

test("a body that nobody keeps is overwritten where it is, and grows out of its place", async () => {
  const state = stateOf([a, "m 1\n"]);
  const group = state.group(keyOf(a).id)!;
  const { buffer, byteOffset } = group.content.body;
  for (const value of ["2", "123456.789", "0"]) {
    state.apply(pushRecord(a, `m ${value}\n`));
    assert.equal(group.content.body.buffer, buffer);
    assert.equal(group.content.body.byteOffset, byteOffset);
    assert.match(await exposedText(state), new RegExp(`^m\\{.* ${value}$`, "m"));
  }
  state.apply(pushRecord(a, `m{x="${"v".repeat(500)}"} 1\n`));
  assert.match(await exposedText(state), /^m\{.*v{500}"\} 1$/m);
  state.apply(pushRecord(a, "m 1\n"));
  assert.equal(await exposedText(state), await exposedText(stateOf([a, "m 1\n"])));
  assert.deepEqual(state.hash, stateOf([a, "m 1\n"]).hash);
});

const anyJob = fc.nat(12).map((i) => ({ job: String(i) }));
const anyBody = fc.constantFrom(
  "a 1\n",
  "a 2\n",
  "b 1\nc 2\n",
  "a 3\nb 4\n",
  "# TYPE a gauge\na 5\n",
  `b{x="${"v".repeat(9_000)}"} 6\n`,
  "",
);
const anyRecord = fc.oneof(
  {
    weight: 8,
    arbitrary: fc
      .tuple(anyJob, anyBody, fc.boolean())
      .map(([job, body, merge]) => pushRecord(job, body, { mode: merge ? "merge" : "replace" })),
  },
  { weight: 2, arbitrary: anyJob.map((job) => failedRecord(job)) },
  { weight: 2, arbitrary: anyJob.map((job) => deleteRecord(job)) },
  { weight: 1, arbitrary: fc.constant(wipeRecord()) },
);

function failedRecord(labels: Record<string, string>): GatewayRecord {
  return throughBytes(encodeRecord({ kind: "failed", key: keyOf(labels).id, time: 1n, reason: "no" }));
}

const NONE = { joined: new Map(), settled: new Set<string>(), pages: new Set<never>() };

function textOf({ pages, view }: ReturnType<State["sequence"]["freeze"]>): string {
  const out = new ByteWriter();
  for (const page of pages) writeTextPage(out, page.shownIn(view), "allow-utf-8", NONE);
  return out.bytes().toString();
}

test("a frozen view shows the moment at which it was frozen, whatever is applied while it is read", () => {
  const property = fc.asyncProperty(
    fc.array(anyRecord, { maxLength: 60 }),
    fc.array(anyRecord, { minLength: 1, maxLength: 30 }),
    async (before, during) => {
      const state = new State();
      for (const record of before) state.apply(record);
      for (let round = 0; round < 2; round++) {
        const expected = await exposedText(state);
        const frozen = state.sequence.freeze();
        const out = new ByteWriter();
        const records = during.values();
        for (const page of frozen.pages) {
          for (let i = 0; i < 4; i++) {
            const { value } = records.next();
            if (value !== undefined) state.apply(value);
          }
          writeTextPage(out, page.shownIn(frozen.view), "allow-utf-8", NONE);
        }
        frozen.done();
        assert.equal(out.bytes().toString(), expected);
        for (const record of records) state.apply(record);
      }
    },
  );
  return fc.assert(property, { numRuns: 300 });
});

test("what was kept of any groups stays as it is, and the others hold what they would hold anyway", () => {
  const property = fc.asyncProperty(
    fc.array(fc.tuple(anyRecord, fc.nat(3)), { minLength: 1, maxLength: 60 }),
    async (history) => {
      const state = new State();
      const plain = new State();
      const kept: { content: GroupContent; held: string }[] = [];
      const held = ({ body, pushTime, failureTime }: GroupContent): string =>
        `${Buffer.from(body).toString("latin1")} ${pushTime} ${failureTime}`;
      const gone: Group[] = [];
      for (const [record, keepEvery] of history) {
        gone.push(...state.groups());
        state.apply(record);
        plain.apply(record);
        for (const [i, group] of [...state.groups(), ...gone.slice(-20)].entries()) {
          if (i % 4 !== keepEvery) continue;
          const content = group.keepContent();
          kept.push({ content, held: held(content) });
        }
      }
      for (const { content, held: expected } of kept) assert.equal(held(content), expected);
      assert.equal(await exposedText(state), await exposedText(plain));
      assert.deepEqual(state.hash, plain.hash);
      assert.equal(state.bodyBytes, plain.bodyBytes);
    },
  );
  return fc.assert(property, { numRuns: 300 });
});

test("a page that is cut while a view is frozen is in it as it was", async () => {
  const state = new State();
  for (const job of ["a", "b"]) state.apply(pushRecord({ job }, `m{x="${"v".repeat(12_000)}"} 1\nn 1\n`));
  const expected = await exposedText(state);
  const frozen = state.sequence.freeze();
  // The same families: nothing comes or goes, but there is no room for both any more.
  state.apply(pushRecord({ job: "b" }, `m{x="${"v".repeat(40_000)}"} 2\nn 2\n`));
  assert.ok(state.sequence.pages.length > frozen.pages.length);
  assert.equal(textOf(frozen), expected);
  frozen.done();
});

test("a state that is arranged in the end is the same as one that always was", () => {
  const property = fc.asyncProperty(
    fc.array(anyRecord, { maxLength: 40 }),
    fc.array(anyRecord, { maxLength: 10 }),
    async (loaded, later) => {
      const usual = new State();
      const arranged = new State(false);
      for (const record of loaded) for (const state of [usual, arranged]) state.apply(record);
      arranged.arrange();
      assert.equal(await exposedText(arranged), await exposedText(usual));
      for (const record of later) for (const state of [usual, arranged]) state.apply(record);
      assert.equal(await exposedText(arranged), await exposedText(usual));
      assert.deepEqual(arranged.hash, usual.hash);
    },
  );
  return fc.assert(property, { numRuns: 300 });
});
