import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { test } from "node:test";
import { decodeDelimited, encodeDelimited, isWaystationError, valueMismatch } from "@waystation/core";
import { GoPushgateway, needsGoPushgateway, recorded } from "../../test/go-pushgateway.ts";
import { type ListedGroup, readListing } from "./gateway-listing.ts";
import { describeLabels, type GoGroup } from "./go-group.ts";
import { isGoPersistenceFile, readGoPersistenceFile } from "./go-persistence-file.ts";

/** What the query API says of a group, made from the group itself. */
function listed({ labels, families }: GoGroup): Omit<ListedGroup, "revision"> {
  return {
    labels,
    families: families.map(({ family, time }) => ({
      name: family.name,
      type: family.type,
      help: family.help === "" ? undefined : family.help,
      time,
      series: family.metrics.map((metric) => metric.labels),
    })),
  };
}

function assertSameAsListing(groups: readonly GoGroup[], answer: unknown): void {
  const listing = new Map(readListing(answer).map((group) => [describeLabels(group.labels), group]));
  assert.equal(groups.length, listing.size);
  for (const group of groups) {
    const { labels, families } = listing.get(describeLabels(group.labels))!;
    const byName = new Map(families.map((family) => [family.name, family]));
    assert.deepEqual(listed(group), { labels, families: group.families.map(({ family }) => byName.get(family.name)) });
    assert.equal(group.families.length, families.length);
  }
}

/** Each metric alone, as bytes, so that families that are spread over groups and ordered otherwise compare as equal. */
function metricsOf(groups: Iterable<Pick<GoGroup, "families">>): Set<string> {
  const metrics = new Set<string>();
  for (const { families } of groups) {
    for (const { family } of families) {
      for (const metric of family.metrics) {
        const alone = { name: family.name, type: family.type, metrics: [metric] };
        metrics.add(Buffer.from(encodeDelimited(alone)).toString("latin1"));
      }
    }
  }
  return metrics;
}

test("all groups, families, times and values of a recorded gateway", () => {
  const groups = readGoPersistenceFile(recorded("everything", "pushgateway.data"));
  assertSameAsListing(groups, JSON.parse(recorded("everything", "api.json").toString()));
  const own = /^(pushgateway_|go_goroutines$)/;
  const scraped = decodeDelimited(recorded("everything", "scrape.pb")).flatMap((family) => ({
    ...family,
    metrics: family.metrics.filter(({ labels }) => !own.test(family.name) || labels.some(({ name }) => name === "job")),
  }));
  const fromScrape = metricsOf([{ families: scraped.map((family) => ({ family, time: 0n })) }]);
  assert.deepEqual([...metricsOf(groups)].sort(), [...fromScrape].sort());
});

test("groups are what was pushed to them", () => {
  const groups = new Map(
    readGoPersistenceFile(recorded("everything", "pushgateway.data")).map((group) => [
      describeLabels(group.labels),
      group,
    ]),
  );
  const names = (labels: string) => groups.get(labels)!.families.map(({ family }) => family.name);
  const value = (labels: string, name: string) =>
    groups.get(labels)!.families.find(({ family }) => family.name === name)!.family.metrics[0]!.value!;

  assert.deepEqual(
    [...groups.keys()],
    [
      '{instance="i",job="merged"}',
      '{job="a/b",path="/var/tmp"}',
      '{job="all-types",zone="z"}',
      '{job="empty-group"}',
      '{job="empty-value",x=""}',
      '{job="failed-later"}',
      '{job="failed-only"}',
      '{job="names"}',
      '{job="ü job",l.x="ß"}',
    ],
  );
  assert.deepEqual(names('{job="empty-group"}'), ["push_failure_time_seconds", "push_time_seconds"]);
  assert.deepEqual(names('{job="failed-only"}'), ["push_failure_time_seconds", "push_time_seconds"]);
  assert.equal(value('{job="failed-only"}', "push_time_seconds"), 0);
  assert.ok(value('{job="failed-only"}', "push_failure_time_seconds") > 1.7e9);
  assert.equal(value('{job="failed-later"}', "m"), 3);
  assert.equal(value('{job="empty-group"}', "push_failure_time_seconds"), 0);
  for (const { family, time } of groups.get('{job="empty-group"}')!.families.slice(1)) {
    assert.equal(family.metrics[0]!.value, Number(time) / 1e9);
  }
});

test("a gateway without groups", () => {
  assert.deepEqual(readGoPersistenceFile(recorded("empty", "pushgateway.data")), []);
});

test("content that was never checked is read as it is", () => {
  const groups = readGoPersistenceFile(recorded("unchecked", "pushgateway.data"));
  const families = groups.flatMap((group) => group.families.map(({ family }) => family));
  assert.deepEqual(
    families
      .filter(({ name }) => name === "m")
      .map(({ type }) => type)
      .sort(),
    ["counter", "gauge", "untyped", "untyped", "untyped"],
  );
  assert.deepEqual(
    families.map(valueMismatch).filter((mismatch) => mismatch !== undefined),
    ['metric c{instance="",job="d"} has no counter value, although its family is declared as counter'],
  );
  assert.ok(groups.some((group) => group.labels.get("job") === "\xff"));
  assert.ok(families.some((family) => family.name === "\xff\x80"));
});

test("every cut of a file is refused, with the byte", () => {
  for (const name of ["everything", "empty", "unchecked"] as const) {
    const file = recorded(name, "pushgateway.data");
    for (let length = 0; length < file.length; length++) {
      assert.throws(
        () => readGoPersistenceFile(file.subarray(0, length)),
        (error) => isWaystationError(error, "CORRUPT"),
        `${name}, ${length} of ${file.length} bytes`,
      );
    }
  }
});

test("a file with one byte changed is read or refused, and nothing else", () => {
  const file = recorded("everything", "pushgateway.data");
  for (let at = 0; at < file.length; at += 3) {
    const damaged = Buffer.from(file);
    damaged[at]! ^= 1 << (at % 8);
    try {
      readGoPersistenceFile(damaged);
    } catch (error) {
      if (!isWaystationError(error, "CORRUPT", "UNSUPPORTED")) throw error;
    }
  }
});

test("foreign files are named as such", () => {
  const file = recorded("everything", "pushgateway.data");
  const cases: [file: Uint8Array, message: RegExp][] = [
    [Buffer.of(), /^not a persistence file of the Go Pushgateway: the file is empty$/],
    [Buffer.from("this is no persistence file\n"), /its first bytes do not name the type GroupingKeyToMetricGroup$/],
    [file.subarray(1), /not a sound gob stream/],
    [Buffer.concat([file, file]), /type 70 is defined a second time/],
    [Buffer.concat([file, Buffer.of(3, 4, 0, 13)]), /the file has other values instead of one map/],
    [file.subarray(0, 42), /the file has no value instead of one map/],
  ];
  for (const [bytes, message] of cases) {
    assert.throws(
      () => readGoPersistenceFile(bytes),
      (error) => isWaystationError(error, "CORRUPT") && message.test(error.message),
      String(message),
    );
  }
  assert.ok(isGoPersistenceFile(file.subarray(0, 48)));
  assert.ok(!isGoPersistenceFile(Buffer.from("SQLite format 3\0")));
  assert.ok(!isGoPersistenceFile(Buffer.of()));
});

test("a damaged family is named with its group", () => {
  const file = Buffer.from(recorded("everything", "pushgateway.data"));
  // The metric type of the only GAUGE called "m.n", which follows its help text.
  const at = file.indexOf("Grüße") + Buffer.byteLength("Grüße") + 1;
  assert.equal(file[at], 1);
  file[at] = 9;
  assert.throws(
    () => readGoPersistenceFile(file),
    (error) =>
      isWaystationError(error, "CORRUPT") &&
      /family m\.n of group \{job="ü job",l\.x="ß"\}, in the message that begins at byte \d+: .* 9 is not a metric type/.test(
        error.message,
      ),
  );
});

test("what the Go program has just written", needsGoPushgateway, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "waystation-import-"));
  t.after(() => rm(folder, { recursive: true }));
  const file = join(folder, "pushgateway.data");
  const gateway = await GoPushgateway.start(`--persistence.file=${file}`);
  t.after(() => gateway.stop());
  for (let i = 0; i < 20; i++) {
    assert.equal(await gateway.push("PUT", `/job/j/instance/${i}`, `# TYPE m gauge\nm{k="${i}"} ${i / 3}\n`), 200);
  }
  assert.equal(await gateway.push("PUT", "/job/failed", "m 1 1\n"), 400);
  const answer: unknown = await (await fetch(`${gateway.url}/api/v1/metrics`)).json();
  await gateway.stop();

  const groups = readGoPersistenceFile(await readFile(file));
  assert.equal(groups.length, 21);
  assertSameAsListing(groups, answer);
});
