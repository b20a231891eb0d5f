import assert from "node:assert/strict";
import { test } from "node:test";
import fc from "fast-check";
import { isWaystationError } from "../errors.ts";
import { encodeDelimited } from "../exposition/protobuf-encoder.ts";
import { Gateway, type PushRequest } from "../gateway/gateway.ts";
import { MemoryJournal } from "../journal/memory-journal.ts";
import { groupingKey } from "../model/grouping-key.ts";
import type { MetricFamily } from "../model/metric-family.ts";
import type { LimitName, Limits } from "./limits.ts";

const PROTOBUF = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";

/** The limit that a push ran into, or "taken". */
async function push(gateway: Gateway, path: string, body: string | Uint8Array, rest: Partial<PushRequest> = {}) {
  try {
    await gateway.push({ key: gateway.parseKey(path), body, ...rest });
    return "taken";
  } catch (error) {
    assert.ok(isWaystationError(error, "LIMIT", "TOO_LARGE"), String(error));
    return error.limit;
  }
}

async function withLimits(limits: Partial<Limits>, use: (gateway: Gateway) => Promise<void>): Promise<void> {
  const gateway = await Gateway.open({ journal: new MemoryJournal(), limits });
  try {
    await use(gateway);
  } finally {
    await gateway.close();
  }
}

/** Each with a body that is just allowed and one that is not: by the short way, with escapes by the long way, and in protobuf. */
const PUSH_LIMITS: readonly [LimitName, number, taken: string, refused: string][] = [
  ["familiesPerPush", 2, "a 1\nb 1\n", "a 1\nb 1\nc 1\n"],
  ["seriesPerPush", 2, 'a{x="1"} 1\na{x="2"} 1\n', 'a{x="1"} 1\na{x="2"} 1\na{x="3"} 1\n'],
  ["labelsPerSeries", 4, 'a{x="1",y="2"} 1\n', 'a{x="1",y="2",z="3"} 1\n'],
  ["labelNameBytes", 8, 'a{abcdefgh="1"} 1\n', 'a{abcdefghi="1"} 1\n'],
  ["labelValueBytes", 4, 'a{x="1234"} 1\n', 'a{x="12345"} 1\n'],
  ["labelValueBytes", 4, "abcd 1\n", "abcde 1\n"],
];

test("a push beyond a limit is refused by name, whichever way it is read, and leaves no trace", async () => {
  for (const [limit, most, taken, refused] of PUSH_LIMITS) {
    await withLimits({ [limit]: most }, async (gateway) => {
      // Blanks and comments are for the long way.
      for (const respell of [
        (text: string) => text,
        (text: string) => `# note\n  \n${text.replaceAll(" 1\n", "  1\n")}`,
      ]) {
        assert.equal(await push(gateway, "job/in", respell(taken)), "taken", `${limit}: ${taken}`);
        assert.equal(await push(gateway, "job/out", respell(refused)), limit, refused);
      }
      assert.equal(await push(gateway, "job/out", protobuf(refused), { contentType: PROTOBUF }), limit);
      assert.equal(await push(gateway, "job/in", protobuf(taken), { contentType: PROTOBUF }), "taken");
      assert.equal(gateway.group(groupingKey({ job: "out" })), undefined);
    });
  }
});

test("grouping labels count as labels", async () => {
  await withLimits({ labelValueBytes: 4, labelNameBytes: 8, labelsPerSeries: 3 }, async (gateway) => {
    assert.equal(await push(gateway, "job/abcde", "a 1\n"), "labelValueBytes");
    assert.equal(await push(gateway, "job/a/abcdefghi/1", "a 1\n"), "labelNameBytes");
    assert.equal(await push(gateway, "job/a/b/1/c/2/d/3", ""), "labelsPerSeries");
    assert.equal(gateway.health().groups, 0);
  });
});

test("a long key and many series are refused before they are multiplied", async () => {
  const gateway = await Gateway.open({ journal: new MemoryJournal(), maxWaitingBytes: 2 ** 20 });
  const long = `job/${"j".repeat(50_000)}`;
  const lines = Array.from({ length: 50_000 }, (_, i) => `a${i} 1\n`).join("");
  const before = process.memoryUsage.rss();
  assert.equal(await push(gateway, long, lines), "waitingBytes");
  assert.equal(await push(gateway, long, `# long way\n${lines}`), "waitingBytes");
  assert.ok(process.memoryUsage.rss() - before < 300 * 2 ** 20, "2.5 GB were not made");
  await gateway.close();
});

test("protobuf messages are counted while they are read", async () => {
  await withLimits({ seriesPerPush: 10 }, async (gateway) => {
    const metrics = Buffer.concat(Array.from({ length: 500 }, () => Buffer.from([0x22, 0])));
    const family = Buffer.concat([Buffer.from([0x0a, 1, 0x61]), metrics]);
    const body = Buffer.concat([Buffer.from([0x80 | (family.length & 0x7f), family.length >> 7]), family]);
    assert.equal(await push(gateway, "job/a", body, { contentType: PROTOBUF }), "seriesPerPush");
  });
});

test("beyond the number of groups nothing new is taken, failed pushes included; what is there can be updated", async () => {
  await withLimits({ groups: 2 }, async (gateway) => {
    assert.equal(await push(gateway, "job/a", "a 1\n"), "taken");
    await assert.rejects(gateway.push({ key: gateway.parseKey("job/b"), body: "a 1 1\n" }), { code: "INCONSISTENT" });
    assert.equal(gateway.health().groups, 2, "the failed push made a group");
    assert.equal(await push(gateway, "job/c", "a 1\n"), "groups");
    assert.equal(await push(gateway, "job/c", "a 1 1\n"), "groups");
    assert.equal(await push(gateway, "job/b", "a 2\n"), "taken");
    await gateway.delete(gateway.parseKey("job/a"));
    assert.equal(await push(gateway, "job/c", "a 1\n"), "taken");
    assert.equal(gateway.health().groups, 2);
  });
});

test("groups and series are limited per job", async () => {
  await withLimits({ groupsPerJob: 2, seriesPerJob: 3 }, async (gateway) => {
    assert.equal(await push(gateway, "job/a/n/1", "a 1\nb 1\n"), "taken");
    assert.equal(await push(gateway, "job/a/n/2", "a 1\nb 1\n"), "seriesPerJob");
    assert.equal(await push(gateway, "job/a/n/2", "a 1\n"), "taken");
    assert.equal(await push(gateway, "job/a/n/3", ""), "groupsPerJob");
    assert.equal(await push(gateway, "job/b/n/3", "a 1\nb 1\nc 1\n"), "taken");
    assert.equal(await push(gateway, "job/a/n/1", "c 1\n", { mode: "merge" }), "seriesPerJob");
    assert.equal(await push(gateway, "job/a/n/1", "a 2\n", { mode: "merge" }), "taken");
    assert.equal(await push(gateway, "job/a/n/1", "c 1\n"), "taken");
    assert.equal(await push(gateway, "job/a/n/1", "d 1\n", { mode: "merge" }), "taken");
    await gateway.wipe();
    assert.equal(await push(gateway, "job/a/n/1", "a 1\nb 1\nc 1\n"), "taken");
  });
});

test("the series that the limit goes by are those stored, whatever was pushed and deleted", async () => {
  const body = fc.uniqueArray(fc.constantFrom("a", "b", "c", "d", "e"), { maxLength: 5 });
  const action = fc.record({
    job: fc.constantFrom("x", "y"),
    group: fc.constantFrom("1", "2"),
    names: body,
    kind: fc.constantFrom("replace", "merge", "delete"),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 20 }), async (actions) => {
      await withLimits({ series: 6, seriesPerJob: 4 }, async (gateway) => {
        for (const { job, group, names, kind } of actions) {
          const path = `job/${job}/n/${group}`;
          const before = series(gateway);
          if (kind === "delete") {
            await gateway.delete(gateway.parseKey(path));
            continue;
          }
          const own = gateway.group(gateway.parseKey(path))?.heads.map((head) => head.name) ?? [];
          const after = kind === "merge" ? new Set([...own, ...names]).size : names.length;
          const more = after - own.length;
          const fits = more <= 0 || (before.all + more <= 6 && (before.jobs.get(job) ?? 0) + more <= 4);
          const text = names.map((name) => `${name} 1\n`).join("");
          const outcome = await push(gateway, path, text, { mode: kind as "replace" | "merge" });
          assert.equal(outcome === "taken", fits, `${outcome}`);
          if (!fits) assert.deepEqual(series(gateway), before);
        }
      });
    }),
    { numRuns: 60 },
  );
});

test("a check meets the limits of what is stored as the push would", async (t) => {
  const gateway = await Gateway.open({ journal: new MemoryJournal(), limits: { groups: 1 } });
  t.after(() => gateway.close());
  const check = (job: string) => gateway.check({ key: groupingKey({ job }), body: "m 1\n" });
  assert.equal(check("a"), undefined);
  await gateway.push({ key: groupingKey({ job: "a" }), body: "m 1\n" });
  assert.equal(check("a"), undefined);
  assert.throws(() => check("b"), { code: "LIMIT", limit: "groups" });
});

function series(gateway: Gateway): { all: number; jobs: Map<string, number> } {
  const jobs = new Map<string, number>();
  let all = 0;
  for (const group of gateway.groups()) {
    const job = group.labels.find(({ name }) => name === "job")!.value;
    all += group.countSeries();
    jobs.set(job, (jobs.get(job) ?? 0) + group.countSeries());
  }
  return { all, jobs };
}

function protobuf(text: string): Uint8Array {
  const byName = new Map<string, MetricFamily>();
  for (const line of text.trim().split("\n")) {
    const [, name, labels = ""] = /^(\w+)(?:\{(.*)\})? 1$/.exec(line)!;
    const family = byName.get(name!) ?? { name: name!, type: "gauge", metrics: [] };
    byName.set(name!, family);
    family.metrics.push({
      labels: [...labels.matchAll(/(\w+)="(\w+)"/g)].map(([, label, value]) => ({ name: label!, value: value! })),
      value: 1,
    });
  }
  return Buffer.concat([...byName.values()].map((family) => encodeDelimited(family)));
}
