import assert from "node:assert/strict";
import { test } from "node:test";
import { decodeDelimited } from "../exposition/protobuf-decoder.ts";
import { encodeDelimited } from "../exposition/protobuf-encoder.ts";
import { parseText } from "../exposition/text-parser.ts";
import { toByteString } from "../model/byte-string.ts";
import { groupingKey } from "../model/grouping-key.ts";
import type { Label, Metric, MetricFamily, MetricType } from "../model/metric-family.ts";
import { decodeLayout } from "../record/descriptor.ts";
import { decodeRecord } from "../record/record.ts";
import { encodePush, type PushToEncode } from "./encode-push.ts";

interface Settings extends Partial<Omit<PushToEncode, "key">> {
  readonly labels?: Record<string, string>;
}

function encode(pushed: string | MetricFamily[], { labels = {}, ...settings }: Settings = {}) {
  const families = typeof pushed === "string" ? parseText(Buffer.from(pushed), { utf8Names: true }) : pushed;
  const key = groupingKey({ job: "j", ...labels }, { utf8Names: true });
  const push = { key, mode: "replace", time: 5n, unchecked: false, ...settings } as const;
  return decodeRecord(Buffer.from(encodePush(families, push)));
}

/** Names and sample lines of the families of a push that is taken. */
function taken(pushed: string | MetricFamily[], settings: Settings = {}): { names: string[]; lines: string } {
  const record = encode(pushed, settings);
  assert.ok(record.kind === "replace" || record.kind === "merge", `refused: ${"reason" in record && record.reason}`);
  const descriptors = decodeLayout(record.block.layout);
  const lines = Buffer.from(record.block.body.subarray(4 * descriptors.length)).toString("latin1");
  return { names: descriptors.map(({ name }) => name), lines };
}

function refused(pushed: string | MetricFamily[], why: RegExp, settings: Settings = {}): void {
  for (const unchecked of [false, true]) {
    const record = encode(structuredClone(pushed), { unchecked, ...settings });
    assert.ok(record.kind === "failed", `not refused: ${JSON.stringify(pushed)}`);
    assert.match(record.reason, /^pushed metrics are invalid or inconsistent with existing metrics: /);
    assert.match(record.reason, why);
    assert.deepEqual([record.key, record.time], [groupingKey({ job: "j", ...settings.labels }).id, 5n]);
  }
}

/** One family as a push of protobuf brings it. */
function protobuf(name: string, type: MetricType, ...metrics: Metric[]): MetricFamily[] {
  return decodeDelimited(encodeDelimited({ name, type, metrics }));
}

const gauge = (...labels: Label[]): Metric => ({ labels, value: 1 });

test("a push is a record of its mode, key and time, with every label that a series will have", () => {
  const record = encode("m 1\n", { mode: "merge", unchecked: true, time: 7n });
  assert.ok(record.kind === "merge");
  assert.deepEqual([record.key, record.time, record.unchecked], ["job\xffj", 7n, true]);
  assert.equal(taken("m 1\n").lines, 'm{instance="",job="j"} 1\n');
});

test("grouping labels win over pushed ones; an instance is added where there is none", () => {
  const body = 'm{instance="i",job="x",z="1"} 1\n';
  assert.equal(taken(body).lines, 'm{instance="i",job="j",z="1"} 1\n');
  assert.equal(taken(body, { labels: { instance: "k", z: "" } }).lines, 'm{instance="k",job="j",z=""} 1\n');
  assert.equal(taken('m{instance=""} 1\n').lines, 'm{instance="",job="j"} 1\n');
});

test("families are ordered by name; those without metrics, and time metrics, are left out", () => {
  const body = "# TYPE e gauge\nb 1\npush_time_seconds 1\na 2\npush_failure_time_seconds 3\nB 4\n";
  assert.deepEqual(taken(body).names, ["B", "a", "b"]);
  assert.deepEqual(taken("").names, []);
  assert.deepEqual(encode("b 1\na 2\n"), encode("a 2\nb 1\n"));
});

test("timestamps are refused, 0 too", () => {
  refused("m 1 0\n", /must not have timestamps, but "m" has one: leave it out$/);
  refused('a 1\nb 1\nb{x="1"} 1 1700000000000\n', /must not have timestamps, but "b" has one/);
  refused("# TYPE h histogram\nh_count 1 5\n", /must not have timestamps, but "h" has one/);
});

test("a metric without a value of its family's type is refused", () => {
  const families = decodeDelimited(encodeDelimited({ name: "m", type: "gauge", metrics: [gauge()] }));
  assert.equal(taken(families).lines, 'm{instance="",job="j"} 1\n');
  refused([{ name: "m", type: "counter", metrics: [{ labels: [], mistyped: true }] }], /has no counter value/);
});

test("names and values that are not UTF-8, and names that are empty, are refused", () => {
  refused(protobuf("\xff", "gauge", gauge()), /is not a metric name/);
  refused(protobuf("", "gauge", gauge()), /"" is not a metric name/);
  refused(protobuf("m", "gauge", gauge({ name: "\xc3", value: "" })), /which is not a label name/);
  refused(protobuf("m", "gauge", gauge({ name: "", value: "" })), /a label named "", which is not a label name/);
  refused(protobuf("m", "gauge", gauge({ name: "a", value: "\xff" })), /label "a" whose value is not valid UTF-8/);
  // Outside the legacy set they are fine, as with the Go implementation.
  assert.equal(
    taken(protobuf("1 \n", "gauge", gauge({ name: "a:\n", value: "\n" }))).lines,
    '{"1 \\n","a:\\n"="\\n",instance="",job="j"} 1\n',
  );
  assert.equal(taken(protobuf(toByteString("☃"), "gauge", gauge())).names[0], toByteString("☃"));
});

test("labels that begin with two underscores, and labels given twice, are refused", () => {
  refused('m{__a="1"} 1\n', /a label named "__a", which is reserved/);
  refused(protobuf("m", "gauge", gauge({ name: "__name__", value: "m" })), /which is reserved/);
  const a = { name: "a", value: "1" };
  refused(protobuf("m", "gauge", gauge(a, { name: "b", value: "" }, a)), /two labels named "a"/);
  // A pushed label that the key overrides does not matter.
  const job = { name: "job", value: "1" };
  assert.equal(taken(protobuf("m", "gauge", gauge(job, job))).lines, 'm{instance="",job="j"} 1\n');
});

test("labels that tell the series of a summary or histogram apart cannot be labels of its own", () => {
  const summary = "# TYPE s summary\ns_count 1\n";
  const histogram = "# TYPE h histogram\nh_count 1\n";
  const gaugeHistogram = "# TYPE h gaugehistogram\nh_count 1\n";
  const [quantile, le] = [{ quantile: "0.5" }, { le: "1" }];
  refused(summary, /summary "s" must not have a label named "quantile"/, { labels: quantile });
  refused(histogram, /histogram "h" must not have a label named "le"/, { labels: le });
  refused(gaugeHistogram, /gauge_histogram "h" must not have a label named "le"/, { labels: le });
  for (const [body, labels] of [
    [summary, le],
    [histogram, quantile],
    ["m 1\n", { ...le, ...quantile }],
  ] as const) {
    assert.ok(taken(body, { labels }).lines.length > 0);
  }
});

test("families of the gateway itself may be pushed with their own type only", () => {
  refused("go_goroutines 1\n", /"go_goroutines" is pushed as untyped, but is a gauge of the gateway itself/);
  refused("# TYPE pushgateway_build_info counter\npushgateway_build_info 1\n", /is a gauge of the gateway/);
  refused("pushgateway_http_push_size_bytes_sum 1\n", /is a series that the gateway exposes itself/);
  refused("nodejs_gc_duration_seconds_bucket 1\n", /is a series that the gateway exposes itself/);
  assert.deepEqual(taken("# TYPE go_goroutines gauge\ngo_goroutines 1\n").names, ["go_goroutines"]);
  assert.deepEqual(taken("go_mine 1\nprocess_mine 1\n").names, ["go_mine", "process_mine"]);
  assert.deepEqual(taken("pushgateway_http_push_size_bytes_bucket 1\n").names.length, 1);
});

test("a series that is pushed twice is refused; without check the first one stays", () => {
  for (const body of [
    "m 1\nm 2\n",
    'm{a="1"} 1\nn 1\nm{a="1"} 2\n',
    'm{a="1",b="2"} 1\nm{b="2",a="1"} 2\n',
    'm{job="x"} 1\nm{job="y"} 2\n',
    'm{instance=""} 1\nm 2\n',
    '# TYPE h histogram\nh_count{job="x"} 1\nh_count{job="y"} 2\n',
  ]) {
    const record = encode(body);
    assert.ok(record.kind === "failed" && /^.*: metric .* is pushed twice$/.test(record.reason), body);
    const { lines } = taken(body, { unchecked: true });
    assert.doesNotMatch(lines, / 2$/m);
  }
  assert.equal(taken('m{a=""} 1\nm 2\n').lines.split("\n").length, 3);
});
