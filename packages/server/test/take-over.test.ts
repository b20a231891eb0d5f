import assert from "node:assert/strict";
import { copyFileSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { decodeDelimited, encodeDelimited, Gateway, groupingKey, type MetricFamily, parseText } from "@waystation/core";
import { resolveSettings } from "../src/config/settings.ts";
import { createJournal } from "../src/storage.ts";
import { type ImportOptions, importGroups } from "../src/take-over/import-command.ts";
import { GoPushgateway, needsGoPushgateway, recorded } from "./go-pushgateway.ts";
import { flagDefaults, startTestServer, type TestServer, testLogger } from "./support/server.ts";

const directory = mkdtempSync(path.join(os.tmpdir(), "waystation-take-over-"));
after(() => rmSync(directory, { recursive: true }));
let files = 0;
const freshPath = (): string => path.join(directory, `file-${files++}`);

const fixture = (name: string): string =>
  new URL(`fixtures/go-pushgateway/${name}/pushgateway.data`, import.meta.url).pathname;

function copyOf(name: string): string {
  const file = freshPath();
  copyFileSync(fixture(name), file);
  return file;
}

const startOn = (file: string): Promise<TestServer> => startTestServer({ "persistence.file": file });

async function pushed(server: TestServer): Promise<string> {
  return (await server.request("GET /metrics?collect[]=pushed")).text;
}

async function groupCount(server: TestServer): Promise<number> {
  return ((await query(server)) as unknown[]).length;
}

async function query(server: TestServer): Promise<unknown> {
  return JSON.parse((await server.request("GET /api/v1/metrics")).text).data;
}

/** Each metric alone, as bytes: neither the order of groups nor that of families matters, nor which help of several was chosen. */
function metricsOf(families: readonly MetricFamily[]): string[] {
  return families
    .flatMap(({ name, type, metrics }) =>
      metrics.map((metric) => Buffer.from(encodeDelimited({ name, type, metrics: [metric] })).toString("latin1")),
    )
    .sort();
}

const byLabels = (groups: unknown): unknown[] =>
  (groups as { labels: object }[])
    .map((group) => [JSON.stringify(Object.entries(group.labels).sort()), group] as const)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([, group]) => group);

test("a file of the Go Pushgateway is taken over once, and left as it is", async () => {
  const file = copyOf("everything");
  const before = readFileSync(file);
  const first = await startOn(file);
  const taken = await pushed(first);
  assert.match(taken, /^push_time_seconds{/m);
  assert.ok(
    first.logLines.some((line) => /msg="imported; .* groups=9 metrics=28 newerHere=0 leftOutGroups=0/.test(line)),
  );
  await first.request("DELETE /metrics/job/failed-only");
  await first.request("PUT /metrics/job/new", { body: "after_import 1\n" });
  await first.stop();
  assert.deepEqual(readFileSync(file), before);
  assert.ok(existsSync(`${file}.waystation`) && !existsSync(`${file}.waystation.importing`));

  const second = await startOn(file);
  const kept = await pushed(second);
  assert.match(kept, /^after_import{/m);
  assert.doesNotMatch(kept, /failed-only/);
  const lines = new Set(kept.split("\n"));
  for (const line of taken.split("\n")) assert.ok(lines.has(line) || line.includes("failed-only"), line);
});

test("values, types, help and times are those that the Go Pushgateway had", async () => {
  const server = await startOn(copyOf("everything"));
  const api = JSON.parse(recorded("everything", "api.json").toString()) as { data: unknown };
  assert.deepEqual(byLabels(await query(server)), byLabels(api.data));

  const accept =
    "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;escaping=allow-utf-8";
  const scrape = await server.request("GET /metrics?collect[]=pushed", { headers: { accept } });
  const own = /^(pushgateway_|go_goroutines$)/;
  const theirs = decodeDelimited(recorded("everything", "scrape.pb")).map((family) => ({
    ...family,
    metrics: family.metrics.filter(({ labels }) => !own.test(family.name) || labels.some(({ name }) => name === "job")),
  }));
  assert.deepEqual(metricsOf(decodeDelimited(scrape.body)), metricsOf(theirs));
});

test("a file without groups is taken over too", async () => {
  const server = await startOn(copyOf("empty"));
  assert.equal(await groupCount(server), 0);
  assert.ok(server.logLines.some((line) => line.includes("groups=0")));
});

test("contradictions and what cannot be served do no harm", async () => {
  const server = await startOn(copyOf("unchecked"));
  const scrape = await server.request("GET /metrics?collect[]=pushed", {
    headers: { accept: "text/plain;escaping=allow-utf-8" },
  });
  assert.equal(scrape.status, 200);
  const series = scrape.text.split("\n").filter((line) => line !== "" && !line.startsWith("#"));
  const names = series.map((line) => line.replace(/ \S+$/, ""));
  assert.equal(new Set(names).size, names.length, "no series twice");
  const families = parseText(scrape.body, { utf8Names: true });
  assert.equal(families.filter(({ name }) => name === "m").length, 1);
  const warned = server.logLines.filter((line) => line.includes("level=warn"));
  assert.ok(warned.some((line) => line.includes("a group was not imported") && line.includes("not valid UTF-8")));
  assert.ok(warned.some((line) => line.includes("no counter value")));
  // Neither is what comes later.
  assert.equal((await server.request("PUT /metrics/job/later", { body: "later 1\n" })).status, 200);
  assert.match(await pushed(server), /^later\{/m);
});

test("an import that was cut off begins anew", async () => {
  const file = copyOf("everything");
  const gateway = await Gateway.open({ journal: await createJournal(`file:${file}.waystation`) });
  await gateway.restore({
    key: groupingKey({ job: "empty-group" }),
    pushTime: 1,
    failureTime: 0,
    pushStamp: 1_000_000_000n,
    failureStamp: 0n,
    families: [],
  });
  await gateway.close();
  writeFileSync(`${file}.waystation.importing`, "");
  const server = await startOn(file);
  const api = JSON.parse(recorded("everything", "api.json").toString()) as { data: unknown };
  assert.deepEqual(byLabels(await query(server)), byLabels(api.data));
  assert.ok(!existsSync(`${file}.waystation.importing`));
});

test("a file is taken over as long as nothing was stored, and not any more then", async () => {
  const file = freshPath();
  await (await startOn(file)).stop();
  copyFileSync(fixture("everything"), file);
  const server = await startOn(file);
  assert.equal(await groupCount(server), 9);

  const other = freshPath();
  const used = await startOn(other);
  assert.equal((await used.request("PUT /metrics/job/a", { body: "m 1\n" })).status, 200);
  await used.stop();
  writeFileSync(other, "anything, since it is not read");
  assert.equal(await groupCount(await startOn(other)), 1);
});

test("a file that cannot be understood stops the start, and stays", async () => {
  const whole = recorded("everything", "pushgateway.data");
  for (const [bytes, place] of [
    [Buffer.alloc(0), /the file is empty/],
    [Buffer.from("not a gob"), /its first bytes/],
    [whole.subarray(0, -20), /\(byte \d+\)/],
  ] as const) {
    const file = freshPath();
    writeFileSync(file, bytes);
    for (let attempt = 1; attempt <= 2; attempt++) {
      await assert.rejects(startOn(file), ({ code, message }: Error & { code: string }) => {
        assert.equal(code, "CONFIG");
        assert.ok(message.includes(`--persistence.file=${file} cannot be imported`) && place.test(message), message);
        return message.includes("move it away");
      });
    }
    assert.deepEqual(readFileSync(file), bytes);
    rmSync(file);
    assert.equal(await groupCount(await startOn(file)), 0);
  }
});

async function importInto(storage: string, options: ImportOptions): Promise<readonly string[]> {
  const { logger, lines } = testLogger();
  const settings = resolveSettings({ values: { ...flagDefaults(), storage }, given: new Set(["storage"]) });
  await importGroups(options, settings, logger);
  return lines;
}

test("a running gateway is taken over, values and push times exact", async () => {
  const old = await startTestServer({ "web.telemetry-path": "/other" });
  await old.request("PUT /metrics/job/a/x/%C3%BC", { body: "# HELP m Help.\n# TYPE m gauge\nm 1.5\n" });
  await old.request("POST /metrics/job/a/x/%C3%BC", {
    body: '# TYPE h histogram\nh_bucket{le="1"} 1\nh_count 2\nh_sum 3\n',
  });
  await old.request("PUT /metrics/job/failed", { body: "m 1 1\n" });
  const storage = `file:${freshPath()}`;
  const lines = await importInto(storage, { from: `http://127.0.0.1:${old.port}`, telemetryPath: "/other" });
  assert.ok(lines.some((line) => line.includes("msg=imported") && line.includes("groups=2 metrics=2 ")));

  const fresh = await startTestServer({ storage });
  assert.equal(await pushed(fresh), (await old.request("GET /other?collect[]=pushed")).text);
  assert.deepEqual(byLabels(await query(fresh)), byLabels(await query(old)));
});

test("an import into a gateway's storage while it runs adds what is older, and only if told to", async () => {
  const old = await startTestServer();
  await old.request("PUT /metrics/job/moved", { body: "m 1\n" });
  await old.request("PUT /metrics/job/stayed", { body: "m 2\n" });
  const storage = `sqlite:${freshPath()}`;
  const fresh = await startTestServer({ storage });
  await fresh.request("PUT /metrics/job/moved", { body: "m 3\n" });
  const from = `http://127.0.0.1:${old.port}`;
  await assert.rejects(importInto(storage, { from }), { code: "CONFIG", message: /holds 1 groups .*--into-non-empty/ });
  for (let times = 1; times <= 2; times++) {
    const lines = await importInto(storage, { from, intoNonEmpty: true });
    assert.ok(lines.some((line) => line.includes("groups=1 metrics=1 newerHere=1")));
    const values = (await pushed(fresh)).split("\n").filter((line) => line.startsWith("m{"));
    assert.deepEqual(values, ['m{instance="",job="moved"} 3', 'm{instance="",job="stayed"} 2']);
  }
});

test("an import that cannot be is a clear error", async () => {
  const storage = `file:${freshPath()}`;
  await assert.rejects(importInto(storage, { from: "http://127.0.0.1:1" }), { code: "UNAVAILABLE" });
  await assert.rejects(importInto(storage, { from: "nowhere" }), { code: "CONFIG" });
  await assert.rejects(importInto("memory:", { from: "http://127.0.0.1:1" }), { code: "CONFIG", message: /--storage/ });
});

/** Sample lines of pushed metrics and the comments that belong to them, without order. */
function lines(exposition: string): string[] {
  const own = /^(# (HELP|TYPE) )?(go|process|pushgateway)_/;
  return exposition
    .split("\n")
    .filter((line) => !own.test(line))
    .sort();
}

const needsGoPushgatewayForLong = { ...needsGoPushgateway, timeout: 180_000 };

test("ten thousand groups of the Go program are exposed as it exposes them", needsGoPushgatewayForLong, async (t) => {
  const file = freshPath();
  const flags = [`--persistence.file=${file}`, "--push.disable-consistency-check"];
  const first = await GoPushgateway.start(...flags);
  t.after(() => first.stop());
  const count = 10_000;
  const pushes = Array.from({ length: count }, (_, i) => i).values();
  const push = async (): Promise<void> => {
    for (const i of pushes) {
      const body =
        `# HELP m Metric.\n# TYPE m gauge\nm{k="a"} ${i / 3}\nm{k="b"} ${-i}\n` +
        `# TYPE c_total counter\nc_total ${i}e9\n` +
        `# TYPE s summary\ns{quantile="0.5"} NaN\ns_sum ${i}\ns_count 3\n` +
        `# TYPE h histogram\nh_bucket{le="0.1"} ${i}\nh_bucket{le="+Inf"} ${i + 1}\nh_sum 0.1\nh_count ${i + 1}\n`;
      const status = await first.push(
        "PUT",
        `/job/job-${i % 100}/instance/host-${i}`,
        i % 10 === 0 ? `u ${i}\n` : body,
      );
      assert.equal(status, 202);
    }
  };
  await Promise.all(Array.from({ length: 16 }, push));
  await first.stop();

  const server = await startOn(file);
  const ours = lines(await pushed(server));
  await server.stop();
  const second = await GoPushgateway.start(...flags);
  t.after(() => second.stop());
  const theirs = lines(await (await fetch(`${second.url}/metrics`)).text());
  assert.equal(theirs.filter((line) => line.startsWith("push_time_seconds{")).length, count);
  assert.deepEqual(ours, theirs);
});
