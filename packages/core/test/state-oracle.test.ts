import assert from "node:assert/strict";
import { test } from "node:test";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import fc from "fast-check";
import { ByteWriter } from "../src/exposition/byte-writer.ts";
import { type ExpositionFormat, negotiateFormat } from "../src/exposition/negotiation.ts";
import { parseText } from "../src/exposition/text-parser.ts";
import { decodeSnapshot, encodeSnapshot } from "../src/gateway/snapshot.ts";
import { toByteString } from "../src/model/byte-string.ts";
import { compareLabelNames } from "../src/model/labels.ts";
import type { Label, Metric, MetricFamily, MetricType } from "../src/model/metric-family.ts";
import { ESCAPING_SCHEMES } from "../src/model/names.ts";
import { encodePush } from "../src/push/encode-push.ts";
import { encodeRecord, type FailedRecord, type GatewayRecord, type PushRecord } from "../src/record/record.ts";
import { writeFamilyIn } from "../src/scrape/family-writers.ts";
import { Scraper } from "../src/scrape/scraper.ts";
import { settleConflicts } from "../src/state/conflicts.ts";
import { familyTree } from "../src/state/family-tree.ts";
import { familyStamp } from "../src/state/group.ts";
import { State } from "../src/state/state.ts";
import { allFamilies, Oracle, type OraclePush } from "./oracle.ts";
import { deleteRecord, keyOf, throughBytes, wipeRecord } from "./state-kit.ts";

/** Few names, labels and values, so that what is pushed meets what is stored. */
const NAMES = ["m", "m", "m", "m_sum", "m_count", "m_bucket", "n", "a.b", "go_x", "push_time_seconds"];
const TYPES: MetricType[] = [
  "gauge",
  "gauge",
  "counter",
  "untyped",
  "summary",
  "histogram",
  "histogram",
  "gauge_histogram",
];

const label = fc.record({
  name: fc.constantFrom("a", "instance", "x", toByteString("é.l")),
  value: fc.constantFrom("", "1", toByteString("é\n")),
});
const labels = fc
  .uniqueArray(label, { maxLength: 2, selector: ({ name }) => name })
  .map((list) => list.toSorted(compareLabelNames));
const value = fc.constantFrom(0, 1, -0, 0.1, Number.NaN, Number.POSITIVE_INFINITY, 1e21);
const bound = fc.constantFrom(0.5, 1, Number.POSITIVE_INFINITY);

function metricOf(type: MetricType): fc.Arbitrary<Metric> {
  switch (type) {
    case "summary":
      return fc.record({
        labels,
        summary: fc.record({
          count: fc.nat(3),
          sum: value,
          quantiles: fc.array(fc.record({ quantile: bound, value }), { maxLength: 2 }),
        }),
      });
    case "histogram":
    case "gauge_histogram":
      return fc.record({
        labels,
        histogram: fc.record({
          float: fc.constant(false),
          count: fc.nat(3),
          sum: value,
          buckets: fc.array(fc.record({ upperBound: bound, cumulativeCount: fc.nat(3) }), { maxLength: 2 }),
        }),
      });
    case "counter":
      return fc.record(
        { labels, value, exemplar: fc.constant({ labels: [], value: 7 }) },
        { requiredKeys: ["labels", "value"] },
      );
    default:
      return fc.record({ labels, value });
  }
}

const familyOf = (types: readonly MetricType[]): fc.Arbitrary<MetricFamily> =>
  fc.constantFrom(...types).chain((type) =>
    fc.record(
      {
        name: fc.constantFrom(...NAMES),
        type: fc.constant(type),
        metrics: fc.array(metricOf(type), { maxLength: 3 }),
        help: fc.constantFrom("", "Help 1.", "Help 2.", toByteString("Hülfe\n")),
        unit: fc.constantFrom("bytes"),
      },
      { requiredKeys: ["name", "type", "metrics"] },
    ),
  );

/** Of every kind of relation: twins, shapes that overlap, shapes of one another's labels. */
const group = fc.constantFrom<Record<string, string>>(
  { job: "a" },
  { job: "a", instance: "" },
  { job: "a", instance: "1" },
  { job: "a", x: "" },
  { job: "a", x: "1" },
  { job: "a", x: "1", instance: "1" },
  { job: "a", "é.l": "é\n" },
  { job: "b" },
  { job: "b", instance: "1" },
);

/** Mostly forwards, but clocks differ. */
const time = fc.integer({ min: -2, max: 5 });

interface Command {
  readonly do:
    | "push"
    | "push unchecked"
    | "fail"
    | "delete"
    | "delete seen"
    | "delete family"
    | "wipe"
    | "fork"
    | "settle";
  readonly group: Record<string, string>;
  readonly families: readonly MetricFamily[];
  readonly mode: "replace" | "merge";
  readonly time: number;
}

/** Most pushes are of a few families again and again, as real ones are, with whatever contradicts whatever. */
function commandsOf(weights: Partial<Record<Command["do"], number>>, types: readonly MetricType[]) {
  const family = familyOf(types);
  return fc.array(family, { minLength: 2, maxLength: 5 }).chain((pool) => {
    const anyFamily = fc.oneof({ weight: 4, arbitrary: fc.constantFrom(...pool) }, { weight: 1, arbitrary: family });
    const families = fc.uniqueArray(anyFamily, { maxLength: 3, selector: ({ name }) => name });
    const step = ([what, weight]: [string, number]) => ({
      weight,
      arbitrary: fc.record<Command>({
        do: fc.constant(what as Command["do"]),
        group,
        families: /push|family/.test(what) ? families : fc.constant<MetricFamily[]>([]),
        mode: fc.constantFrom("replace", "merge"),
        time,
      }),
    });
    return fc.array(fc.oneof(...Object.entries(weights).map(step)), { maxLength: 24, size: "max" });
  });
}

/** One replica, with its own way of having come to its state. */
interface Follower {
  state: State;
  readonly scraper: Scraper;
}

/** The oracle, and states that went through the same records, some by way of snapshots. */
class Run {
  readonly oracle = new Oracle();
  readonly followers: Follower[] = [{ state: new State(), scraper: new Scraper() }];
  #now = 1_700_000_000_000_000_000n;

  /** @param settling does an exposition settle conflicts at each step, or only when asked to? */
  async step(command: Command): Promise<void> {
    this.#now += BigInt(command.time) * 1_234_567n;
    switch (command.do) {
      case "push":
      case "push unchecked": {
        const { group, families, mode } = command;
        const push = { labels: group, families, mode, time: this.#now, unchecked: command.do === "push unchecked" };
        const stored = this.oracle.push(push);
        const record = recordOf(push) as PushRecord | FailedRecord;
        const judged = this.followers.map(({ state }) => state.judge(record)?.message);
        const verdict = this.#apply(record);
        for (const judgement of judged)
          assert.equal(judgement, verdict, "a push is judged otherwise than it is applied");
        assert.equal(verdict === undefined, stored, `verdict: ${verdict ?? "stored"}`);
        break;
      }
      case "fail": {
        this.oracle.fail(command.group, this.#now);
        const key = keyOf(command.group).id;
        const record = encodeRecord({ kind: "failed", key, time: this.#now, reason: "because" });
        assert.equal(this.#apply(throughBytes(record)), "because");
        break;
      }
      case "delete":
        this.oracle.delete(command.group);
        this.#apply(deleteRecord(command.group, this.#now));
        break;
      case "delete seen": {
        const unlessLater = this.#now - 2_000_000n;
        const gone = this.oracle.delete(command.group, unlessLater);
        const record = encodeRecord({ kind: "delete", key: keyOf(command.group).id, time: this.#now, unlessLater });
        assert.equal(this.#apply(throughBytes(record)) === undefined, gone);
        break;
      }
      case "delete family": {
        const { name } = command.families[0] ?? { name: "no_such_family" };
        this.oracle.deleteFamily(command.group, name);
        const key = keyOf(command.group).id;
        this.#apply(throughBytes(encodeRecord({ kind: "delete-family", key, time: this.#now, name })));
        break;
      }
      case "wipe":
        this.oracle.wipe();
        this.#apply(wipeRecord(this.#now));
        break;
      case "fork":
        await this.#fork();
        break;
      case "settle":
        settleConflicts(this.followers.at(-1)!.state);
    }
  }

  #apply(record: GatewayRecord): string | undefined {
    const verdicts = this.followers.map(({ state }) => state.apply(record)?.message);
    for (const verdict of verdicts) assert.equal(verdict, verdicts[0], "replicas differ in their verdicts");
    const hashes = this.followers.map(({ state }) => state.hash);
    for (const hash of hashes) assert.deepEqual(hash, hashes[0], "replicas differ in their hashes");
    return verdicts[0];
  }

  /** Restores a replica from a snapshot, in place of the last but the first. */
  async #fork(): Promise<void> {
    const { state } = this.followers[this.followers.length - 1]!;
    const at = { position: 1, tag: "1" };
    const restored = await decodeSnapshot(encodeSnapshot(state, at), at);
    assert.deepEqual(restored.state.hash, state.hash);
    if (this.followers.length > 2) this.followers.pop();
    this.followers.push({ state: restored.state, scraper: new Scraper() });
  }

  /** What is stored, tree by tree, with its times. */
  checkGroups(): void {
    for (const { state } of this.followers) {
      assert.equal(state.groupCount, this.oracle.groups.size);
      for (const expected of this.oracle.groups.values()) {
        const id = expected.labels.map(({ name, value }) => `${name}\xff${value}`).join("\xff");
        const { content, key } = state.group(id)!;
        assert.deepEqual(key.labels, expected.labels);
        assert.equal(content.pushTime, Number(expected.pushed) / 1e9);
        assert.equal(content.failureTime, Number(expected.failed) / 1e9);
        assert.deepEqual(
          content.layout.descriptors.map(({ name }) => name),
          [...expected.families.keys()].toSorted(),
        );
        for (const [slot, { name }] of content.layout.descriptors.entries()) {
          const { family, stamp } = expected.families.get(name)!;
          assert.deepEqual(given(familyTree(state.group(id)!, content, slot)), given(family));
          assert.equal(familyStamp(content, slot), stamp);
        }
      }
    }
  }

  async checkExposition(): Promise<void> {
    const families = this.oracle.exposition();
    const expected = (format: ExpositionFormat) => {
      const out = new ByteWriter();
      for (const family of families) writeFamilyIn(format, out, family);
      return Buffer.from(out.bytes()).toString("latin1");
    };
    for (const escaping of ESCAPING_SCHEMES) {
      const format = negotiateFormat(`text/plain;version=0.0.4;escaping=${escaping}`);
      assert.equal(format.escaping, escaping);
      const text = expected(format);
      for (const follower of this.followers) {
        assert.equal(await bodyOf(follower, format), text);
        assert.equal(await bodyOf(follower, format, "gzip"), text);
      }
    }
    const [first] = this.followers as [Follower];
    const text = negotiateFormat("text/plain;escaping=allow-utf-8");
    assert.equal(await bodyOf(first, text, "zstd"), expected(text));
    const protobuf = negotiateFormat(
      "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;escaping=values",
    );
    assert.equal(await bodyOf(first, protobuf), expected(protobuf));
    assert.equal(await bodyOf(first, protobuf, "gzip"), expected(protobuf));
  }

  /** With contradictions stored: what is exposed has none of them, and lacks nothing that contradicts nothing. */
  async checkSettledExposition(): Promise<void> {
    const texts: string[] = [];
    const format = negotiateFormat("text/plain;escaping=allow-utf-8");
    for (const follower of this.followers) {
      if (follower.state.suspect) settleConflicts(follower.state);
      texts.push(await bodyOf(follower, format));
    }
    for (const text of texts) assert.equal(text, texts[0], "replicas differ in what they expose");
    const exposed = checkParseable(texts[0]!);
    const guilty = new Set(this.oracle.contradictions.flat().map(({ group, name }) => `${group} ${name}`));
    if (guilty.size === 0) await this.checkExposition();
    for (const [id, group] of this.oracle.groups) {
      for (const { name, metrics } of allFamilies(group)) {
        if (guilty.has(`${id} ${name}`)) continue;
        for (const { labels } of metrics) {
          assert.ok(exposed.get(name)?.has(JSON.stringify(labels)), `${name} of ${id} is not exposed`);
        }
      }
    }
    // Of those that contradict each other somebody is exposed.
    for (const parties of this.oracle.contradictions) {
      if (new Set(parties.map(({ name }) => name)).size > 1) continue;
      assert.ok(
        exposed.has(parties[0]!.name) ||
          this.oracle.contradictions.flat().some(({ name }) => name !== parties[0]!.name),
        `nothing of ${parties[0]!.name} is exposed`,
      );
    }
  }
}

function recordOf({ labels, families, mode, unchecked, time }: OraclePush): GatewayRecord {
  return throughBytes(
    encodePush(structuredClone(families) as MetricFamily[], { key: keyOf(labels), mode, unchecked, time }),
  );
}

async function bodyOf(
  { state, scraper }: Follower,
  format: ExpositionFormat,
  encoding: "identity" | "gzip" | "zstd" = "identity",
) {
  const { chunks } = await scraper.scrape(() => state, format, encoding, []);
  const body = Buffer.concat(chunks);
  const plain = encoding === "gzip" ? gunzipSync(body) : encoding === "zstd" ? zstdDecompressSync(body) : body;
  return plain.toString("latin1");
}

/** Reads an exposition as strictly as Prometheus does, and more so. Returns the series of each family. */
function checkParseable(text: string): Map<string, Set<string>> {
  const heads = [...text.matchAll(/^# TYPE (\S+|"(?:[^"\\]|\\.)*") /gm)].map(([, name]) => name);
  assert.equal(new Set(heads).size, heads.length, "a family has two heads");
  const exposed = new Map<string, Set<string>>();
  const families = parseText(Buffer.from(text, "latin1"), { utf8Names: true });
  assert.equal(families.length, heads.length, "a family has no head, or no series");
  for (const { name, metrics, type } of families) {
    assert.equal(exposed.has(name), false);
    const series = new Set(metrics.map(({ labels }) => JSON.stringify(labels)));
    assert.equal(series.size, metrics.length, `${name} has a series twice`);
    exposed.set(name, series);
    const parts = type === "summary" ? ["_sum", "_count"] : type === "histogram" ? ["_sum", "_count", "_bucket"] : [];
    for (const part of parts) assert.ok(!heads.includes(name + part), `${name} and ${name + part} are both exposed`);
  }
  return exposed;
}

/** Without members that are there but undefined. */
function given(family: MetricFamily): unknown {
  const plain = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(plain);
    if (typeof value !== "object" || value === null) return value;
    const members = Object.entries(value).filter(([, member]) => member !== undefined);
    return Object.fromEntries(members.map(([name, member]) => [name, plain(member)]));
  };
  return plain(family);
}

const SOAK = process.env["WAYSTATION_SOAK"] === "1";
const numRuns = (usual: number) => Number(process.env["WAYSTATION_RUNS"] ?? (SOAK ? 5_000 : usual));

test("checked pushes are judged, kept and exposed as by a slow and obvious oracle", async () => {
  const commands = commandsOf(
    { push: 14, fail: 1, delete: 3, "delete seen": 1, "delete family": 2, wipe: 1, fork: 2 },
    TYPES,
  );
  const property = fc.asyncProperty(commands, async (steps) => {
    const run = new Run();
    for (const command of steps) {
      await run.step(command);
      run.checkGroups();
      await run.checkExposition();
      for (const { state } of run.followers) assert.deepEqual([state.suspect, state.contradicted], [false, false]);
    }
    assert.deepEqual(run.oracle.contradictions, []);
  });
  await fc.assert(property, { numRuns: numRuns(200) });
});

test("unchecked pushes are all kept, and what contradicts something is left out of expositions", async () => {
  // Gauge histograms may stand beside families named like their series, as with the Go implementation; nobody can parse that.
  const types = TYPES.filter((type) => type !== "gauge_histogram");
  const commands = commandsOf(
    { push: 8, "push unchecked": 10, fail: 1, delete: 5, "delete family": 2, fork: 1, settle: 2 },
    types,
  );
  const property = fc.asyncProperty(commands, async (steps) => {
    const run = new Run();
    for (const command of steps) {
      await run.step(command);
      run.checkGroups();
      if (command.do === "settle") await run.checkSettledExposition();
    }
    await run.checkSettledExposition();
    // With the contradictions goes what they did.
    for (const group of [...run.oracle.groups.values()]) {
      if (run.oracle.contradictions.length === 0) break;
      const labels = Object.fromEntries(group.labels.map(({ name, value }: Label) => [name, value]));
      await run.step({ do: "delete", group: decoded(labels), families: [], mode: "replace", time: 1 });
    }
    await run.checkSettledExposition();
    await run.checkExposition();
    for (const { state } of run.followers) assert.equal(state.suspect, false);
  });
  await fc.assert(property, { numRuns: numRuns(200) });
});

function decoded(labels: Record<string, string>): Record<string, string> {
  const text = (bytes: string) => Buffer.from(bytes, "latin1").toString("utf8");
  return Object.fromEntries(Object.entries(labels).map(([name, value]) => [text(name), text(value)]));
}
