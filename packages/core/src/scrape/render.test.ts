import assert from "node:assert/strict";
import { type TestContext, test } from "node:test";
import { gunzipSync, zstdDecompressSync } from "node:zlib";
import fc from "fast-check";
import { deleteRecord, exposedText, pushRecord, wipeRecord } from "../../test/state-kit.ts";
import { negotiateFormat } from "../exposition/negotiation.ts";
import { ESCAPING_SCHEMES } from "../model/names.ts";
import { settleConflicts } from "../state/conflicts.ts";
import { State } from "../state/state.ts";
import { BodyMemory } from "./body-memory.ts";
import { joinGzipMember } from "./gzip-member.ts";
import { GZIP, identityIn } from "./page-codecs.ts";
import { renderDelimited, renderFamilies, renderPages } from "./render.ts";
import { Scraper } from "./scraper.ts";

const PROTOBUF = negotiateFormat(
  "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=compact-text;escaping=allow-utf-8",
);
const TEXT = negotiateFormat("text/plain;escaping=allow-utf-8");

/** Makes every page take longer than a slice, so that there is a turn for others after each. */
function slowPages(context: TestContext): void {
  let now = 0;
  context.mock.method(performance, "now", () => {
    now += 10;
    return now;
  });
}

type Mutation =
  | {
      readonly do: "push" | "push unchecked" | "merge";
      readonly job: number;
      readonly names: string[];
      readonly bytes: number;
    }
  | { readonly do: "delete"; readonly job: number }
  | { readonly do: "wipe" | "settle" };

const job = fc.nat(14);
const push = fc.record({
  do: fc.constantFrom("push", "push", "push unchecked", "merge"),
  job,
  names: fc.uniqueArray(fc.constantFrom("a", "b", "b.c", "m", "z"), { maxLength: 3 }),
  // From many to a page to several pages of their own.
  bytes: fc.oneof(fc.nat(50), fc.integer({ min: 5_000, max: 20_000 }), fc.constant(60_000)),
});
const mutation: fc.Arbitrary<Mutation> = fc.oneof(
  { weight: 12, arbitrary: push },
  { weight: 4, arbitrary: fc.record({ do: fc.constant("delete"), job }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom("wipe", "settle", "settle") }) },
) as fc.Arbitrary<Mutation>;
const mutations = fc.array(mutation, { maxLength: 40, size: "max" });

/** Counts what is pushed in one run. */
let value = 0;

function mutate(state: State, mutation: Mutation): void {
  switch (mutation.do) {
    case "push":
    case "push unchecked":
    case "merge": {
      const unchecked = mutation.do === "push unchecked";
      const types = ["gauge", unchecked && value % 2 === 0 ? "counter" : "gauge"];
      const families = mutation.names.map((name, i) => {
        const head = `# HELP "${name}" ${"h".repeat(value % 5)}\n# TYPE "${name}" ${types[i % 2]}\n`;
        return `${head}{"${name}",x="${"v".repeat(mutation.bytes)}"} ${value++}\n`;
      });
      const mode = mutation.do === "merge" ? "merge" : "replace";
      state.apply(pushRecord({ job: String(mutation.job) }, families.join(""), { mode, unchecked }));
      break;
    }
    case "delete":
      state.apply(deleteRecord({ job: String(mutation.job) }));
      break;
    case "wipe":
      state.apply(wipeRecord());
      break;
    case "settle":
      settleConflicts(state);
  }
}

const turn = () => new Promise((resolve) => setImmediate(resolve));

test("an exposition shows the moment at which it began, whatever happens between its slices", async (t) => {
  slowPages(t);
  let turns = 0;
  const property = fc.asyncProperty(
    mutations,
    mutations,
    fc.constantFrom(...ESCAPING_SCHEMES),
    async (before, during, escaping) => {
      value = 0;
      const state = new State();
      for (const mutation of before) mutate(state, mutation);
      settleConflicts(state);
      const accept = `text/plain;escaping=${escaping}`;
      // Some pages are kept from an earlier rendering, some are not.
      await renderPages(state, GZIP, escaping, []);
      for (const mutation of during.slice(0, 3)) mutate(state, mutation);
      settleConflicts(state);
      const expected = await exposedText(state, accept);

      let done = false;
      const rendering = renderPages(state, GZIP, escaping, []).finally(() => {
        done = true;
      });
      for (const mutation of during.slice(3)) {
        mutate(state, mutation);
        if (done) break;
        turns++;
        await turn();
      }
      const { parts } = await rendering;
      assert.equal(gunzipSync(Buffer.concat(joinGzipMember(parts))).toString("utf8"), expected);

      // And the next one shows the present, with pages kept or rendered anew.
      settleConflicts(state);
      const present = await exposedText(state, accept);
      const { parts: next } = await renderPages(state, GZIP, escaping, []);
      assert.equal(gunzipSync(Buffer.concat(joinGzipMember(next))).toString("utf8"), present);
    },
  );
  await fc.assert(property, { numRuns: process.env["WAYSTATION_SOAK"] === "1" ? 2_000 : 60 });
  assert.ok(turns > 100, `only ${turns} turns were taken between slices`);
});

const DELIMITED = negotiateFormat(
  "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;escaping=allow-utf-8",
);

for (const [name, format, render] of [
  ["whole families", PROTOBUF, (state: State) => renderFamilies(state, PROTOBUF, [])],
  ["parts that are kept", DELIMITED, (state: State) => renderDelimited(state, "allow-utf-8", [])],
] as const) {
  test(`so does one in protobuf, of ${name}`, async (t) => {
    slowPages(t);
    const property = fc.asyncProperty(mutations, mutations, async (before, during) => {
      value = 0;
      const state = new State();
      for (const mutation of before) mutate(state, mutation);
      settleConflicts(state);
      const expected = Buffer.concat((await renderFamilies(state, format, [])).parts).toString();
      const rendering = render(state);
      for (const mutation of during) {
        mutate(state, mutation);
        await turn();
      }
      assert.equal(Buffer.concat((await rendering).parts).toString(), expected);
      settleConflicts(state);
      const now = Buffer.concat((await renderFamilies(state, format, [])).parts).toString();
      assert.equal(Buffer.concat((await render(state)).parts).toString(), now);
    });
    await fc.assert(property, { numRuns: 30 });
  });
}

function largeState(): State {
  const state = new State();
  for (let i = 0; i < 40; i++) state.apply(pushRecord({ job: String(i) }, `m{x="${"v".repeat(9_000)}"} ${i}\n`));
  assert.ok(state.sequence.pages.length > 6);
  return state;
}

test("a rendering that fails lets go of its moment", async () => {
  const state = largeState();
  const broken = { ...identityIn(new BodyMemory()), encode: () => assert.fail("broken") };
  await assert.rejects(renderPages(state, broken, "underscores", []), /broken/);
  await exposedText(state);
});

test("a part that cannot be encoded on its thread fails the rendering, and is no part of the next", async () => {
  const state = largeState();
  const expected = await exposedText(state);
  const failing = { ...GZIP, encode: () => Promise.reject(new Error("broken")) };
  await assert.rejects(renderPages(state, failing, "underscores", []), /broken/);
  const { parts } = await renderPages(state, GZIP, "underscores", []);
  assert.equal(gunzipSync(Buffer.concat(joinGzipMember(parts))).toString(), expected);
});

test("an unchanged exposition is not compressed again; a push costs its own pages, after the first not more", async () => {
  const state = largeState();
  let encoded = 0;
  const counting = {
    ...GZIP,
    encode(raw: Buffer) {
      encoded += raw.length;
      return GZIP.encode(raw);
    },
  };
  const render = async () => {
    encoded = 0;
    await renderPages(state, counting, "underscores", []);
    return encoded;
  };
  const pushOne = () => state.apply(pushRecord({ job: "7" }, `m{x="${"v".repeat(9_000)}"} ${value++}\n`));
  assert.equal(await render(), Buffer.byteLength(await exposedText(state)));
  assert.equal(await render(), 0);
  pushOne();
  // The whole run that the page was part of.
  const first = await render();
  assert.ok(first > 0 && first < 300_000, `${first} bytes`);
  pushOne();
  // Its family's page, and those of the two time metrics, if they are others.
  const second = await render();
  assert.ok(second > 0 && second <= 3 * 50_000, `${second} bytes`);
});

test("runs that are compressed on other threads are not overwritten by those that are rendered next", async () => {
  const state = new State();
  for (let i = 0; i < 400; i++) state.apply(pushRecord({ job: String(i) }, `m{x="${"v".repeat(9_000)}"} ${i}\n`));
  const { parts } = await renderPages(state, GZIP, "allow-utf-8", []);
  assert.ok(parts.length > 20 && parts.length < state.sequence.pages.length / 2, `${parts.length} runs`);
  assert.equal(gunzipSync(Buffer.concat(joinGzipMember(parts))).toString(), await exposedText(state));
});

/** A scraper, and how often it asked for the state: that is how often it rendered. */
function counted(state: State) {
  const scraper = new Scraper();
  const counter = { renderings: 0 };
  const ask = () => {
    counter.renderings++;
    return state;
  };
  const scrape = async (encoding: "identity" | "gzip" | "zstd" = "identity", format = TEXT) =>
    Buffer.concat((await scraper.scrape(ask, format, encoding, [])).chunks);
  return { counter, scrape };
}

test("scrapes that wait for the same form share one rendering, which shows what was pushed before they came", async (t) => {
  slowPages(t);
  const state = largeState();
  const { counter, scrape } = counted(state);
  const first = scrape();
  await turn();
  const others = [scrape(), scrape(), scrape()];
  state.apply(pushRecord({ job: "new" }, "m 1\n"));
  const last = scrape();
  const texts = (await Promise.all([first, ...others, last])).map(String);
  assert.equal(counter.renderings, 2);
  assert.doesNotMatch(texts[0]!, /job="new"/);
  assert.match(texts.at(-1)!, /job="new"/);
  for (const text of texts.slice(1)) assert.equal(text, texts.at(-1));
});

test("scrapes of different forms take their turns, and agree", async (t) => {
  slowPages(t);
  const { counter, scrape } = counted(largeState());
  const [identity, gzip, protobuf] = await Promise.all([scrape(), scrape("gzip"), scrape("identity", PROTOBUF)]);
  assert.equal(counter.renderings, 3);
  assert.ok(gunzipSync(gzip!).equals(identity!));
  assert.equal(protobuf!.toString().split("job").length, 1 + 3 * 40);
});

test("a body that scrapes share is there until the last has released it", async () => {
  const state = largeState();
  const scraper = new Scraper();
  const scrape = (encoding: "identity" | "zstd") => scraper.scrape(() => state, TEXT, encoding, []);
  const [one, packed, other] = await Promise.all([scrape("identity"), scrape("zstd"), scrape("identity")]);
  one!.release();
  one!.release();
  packed!.release();
  await turn();
  const text = await exposedText(state);
  assert.equal(Buffer.concat(other!.chunks).toString(), text);
  assert.equal(zstdDecompressSync(Buffer.concat(packed!.chunks)).toString(), text);
  other!.release();
  const isGone = () => other!.chunks.every(({ length }) => length === 0);
  for (let i = 0; i < 10 && !isGone(); i++) await turn();
  assert.ok(isGone());
  assert.equal(Buffer.concat((await scrape("identity")).chunks).toString(), text);
});

test("a scrape that fails is the only one", async () => {
  const state = largeState();
  const scraper = new Scraper();
  const failing = scraper.scrape(() => assert.fail("broken"), TEXT, "identity", []);
  const gzip = scraper.scrape(() => state, TEXT, "gzip", []);
  await assert.rejects(failing, /broken/);
  assert.equal(gunzipSync(Buffer.concat((await gzip).chunks)).toString(), await exposedText(state));
});

test("a scrape without what was pushed asks for nothing", async () => {
  const own = { name: "m", type: "gauge" as const, metrics: [{ labels: [], value: 1 }] };
  for (const [encoding, decode] of [
    ["identity", (bytes: Buffer) => bytes],
    ["gzip", gunzipSync],
  ] as const) {
    const { chunks } = await new Scraper().scrape(undefined, TEXT, encoding, [own]);
    assert.equal(decode(Buffer.concat(chunks)).toString(), "# TYPE m gauge\nm 1\n");
  }
});
