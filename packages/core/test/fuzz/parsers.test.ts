import assert from "node:assert/strict";
import { after, test } from "node:test";
import { type ErrorCode, isWaystationError } from "../../src/errors.ts";
import { negotiateFormat } from "../../src/exposition/negotiation.ts";
import { parseOpenMetrics } from "../../src/exposition/openmetrics-parser.ts";
import { decodeDelimited } from "../../src/exposition/protobuf-decoder.ts";
import { parseText } from "../../src/exposition/text-parser.ts";
import { Gateway } from "../../src/gateway/gateway.ts";
import { MemoryJournal } from "../../src/journal/memory-journal.ts";
import { describeGroupingKey, groupingKeyFromId, parseGroupingKey } from "../../src/model/grouping-key.ts";
import type { MetricFamily } from "../../src/model/metric-family.ts";
import { corpusOf, describeReport, type FuzzTarget, fuzz } from "./fuzzer.ts";

const corpus = (name: string): Buffer[] => corpusOf(new URL(`corpus/${name}/`, import.meta.url));

const TEXT_WORDS = [
  ...'\n \t{}"=,\\#-+.e_:x1\r\0\xff\xc3',
  ..."# TYPE |# HELP |# UNIT |# EOF\n| # {|le=|quantile=|_sum|_count|_bucket|_total|_created|_info|__proto__|constructor".split(
    "|",
  ),
  ...'Inf|NaN|1e400|0x1p1|1_0|\\n|\\\\|\\"|counter|gauge|histogram|summary|untyped|info|stateset|m 1\n|{a="b"} |"a.b"'.split(
    "|",
  ),
];
const BINARY_WORDS = [
  "\0",
  "\x01",
  "\x7f",
  "\x80",
  "\xff",
  "\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01",
  "\x0a\x01a",
  "\x22\x00",
  "\x13",
  "\x14",
];
const PATH_WORDS = [
  "/",
  "job/",
  "job@base64/",
  "@base64",
  "=",
  "%2F",
  "%00",
  "%ff",
  "%",
  "..",
  "__",
  "U__",
  "_2e_",
  "\xc3\xa4",
  "__proto__",
];
const PROTOBUF = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";

/** Otherwise different names may be escaped to the same one, here as upstream. */
const UTF8 = negotiateFormat("text/plain; version=1.0.0; escaping=allow-utf-8");

/** The outcome of a call that may fail with these codes and in no other way. */
function outcome(codes: readonly ErrorCode[], call: () => string): string {
  try {
    return call();
  } catch (error) {
    assert.ok(isWaystationError(error, ...codes), `not an error for clients: ${(error as Error).stack}`);
    assert.doesNotMatch(error.message, /[\0-\x1f]/, "messages go into logs and answers");
    return `${error.code} ${error.message.replaceAll(/"[^"]*"|'[^']*'/g, "…")}`;
  }
}

/** What was read, without the details that are endless. */
function shape(families: readonly MetricFamily[]): string {
  const seen = families.map(({ type, metrics, help }) => {
    const labels = Math.min(3, Math.max(0, ...metrics.map((metric) => metric.labels.length)));
    return `${type} ${Math.min(metrics.length, 3)} ${labels} ${help === undefined}`;
  });
  return [...new Set(seen)].join();
}

async function run(t: { diagnostic(text: string): void }, target: FuzzTarget, shortRuns: number): Promise<void> {
  t.diagnostic(describeReport(await fuzz(target, shortRuns)));
  // What a polluted prototype would show.
  assert.deepEqual(Object.keys(Object.prototype), []);
  assert.equal(({} as Record<string, unknown>)["x"], undefined);
}

test("text is read or refused", (t) =>
  run(
    t,
    {
      corpus: corpus("text"),
      dictionary: TEXT_WORDS,
      run: (input) => outcome(["PARSE"], () => shape(parseText(input, { utf8Names: input.length % 2 === 0 }))),
    },
    20_000,
  ));

test("OpenMetrics is read or refused", (t) =>
  run(
    t,
    {
      corpus: corpus("openmetrics"),
      dictionary: TEXT_WORDS,
      run: (input) => outcome(["PARSE"], () => shape(parseOpenMetrics(input, { utf8Names: input.length % 2 === 0 }))),
    },
    20_000,
  ));

test("protobuf is read or refused", (t) =>
  run(
    t,
    {
      corpus: corpus("protobuf"),
      dictionary: BINARY_WORDS,
      run: (input) => outcome(["PARSE", "LIMIT"], () => shape(decodeDelimited(input, 1000))),
    },
    20_000,
  ));

test("the path of a push is a grouping key or refused, and a key comes back from its id", (t) =>
  run(
    t,
    {
      corpus: corpus("path"),
      dictionary: PATH_WORDS,
      run: (input) =>
        outcome(["GROUPING_KEY"], () => {
          const key = parseGroupingKey(input.toString("latin1"), { utf8Names: input.length % 2 === 0 });
          assert.deepEqual(groupingKeyFromId(key.id), key);
          return `${key.labels.length} ${describeGroupingKey(key).length > 40}`;
        }),
    },
    20_000,
  ));

/** Pushes whatever comes to a gateway, one of a few groups at a time. */
async function gatewayTarget(name: string, contentType: string | undefined, words: readonly string[]) {
  const gateway = await Gateway.open({
    journal: new MemoryJournal(),
    utf8Names: true,
    checkConsistency: name !== "unchecked",
    limits: { seriesPerPush: 500 },
  });
  after(() => gateway.close());
  let pushes = 0;
  return {
    corpus: corpus(contentType === PROTOBUF ? "protobuf" : contentType === undefined ? "text" : "openmetrics"),
    dictionary: words,
    async run(input: Buffer): Promise<string> {
      const key = gateway.parseKey(`job/${pushes++ % 5}`);
      const mode = pushes % 2 === 0 ? "merge" : "replace";
      let result = "taken";
      try {
        await gateway.push({ key, mode, body: input, contentType });
      } catch (error) {
        assert.ok(isWaystationError(error, "PARSE", "INCONSISTENT", "LIMIT"), String((error as Error).stack));
        result = error.message.replaceAll(/"[^"]*"|'[^']*'|\{[^}]*\}/g, "…");
      }
      if (pushes % 50 === 0) {
        // Whatever was pushed, a scrape can be read.
        const page = Buffer.from((await gateway.expose({ collect: "pushed", format: UTF8 })).text());
        try {
          parseText(page, { utf8Names: true });
        } catch (error) {
          // Beside a gauge histogram there may be families named like its series, as in the Go Pushgateway: see `exposes`.
          const gaugeHistogram = [...gateway.groups()].some(({ heads }) =>
            heads.some(({ type }) => type === "gauge_histogram"),
          );
          if (!gaugeHistogram || !/second TYPE line/.test((error as Error).message)) throw error;
        }
        if (pushes % 1000 === 0) await gateway.wipe();
      }
      return result;
    },
  };
}

for (const [name, contentType, words] of [
  ["text", undefined, TEXT_WORDS],
  ["unchecked", undefined, TEXT_WORDS],
  ["OpenMetrics", "application/openmetrics-text", TEXT_WORDS],
  ["protobuf", PROTOBUF, BINARY_WORDS],
] as const) {
  test(`a gateway takes or refuses pushes (${name}), and can be scraped whatever it took`, async (t) =>
    run(t, await gatewayTarget(name, contentType, words), 3_000));
}
