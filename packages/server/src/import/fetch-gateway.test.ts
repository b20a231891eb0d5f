import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer, type RequestListener } from "node:http";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type TestContext, test } from "node:test";
import { decodeDelimited, encodeDelimited, isWaystationError } from "@waystation/core";
import { GoPushgateway, needsGoPushgateway, recorded } from "../../test/go-pushgateway.ts";
import { type FetchProgress, fetchGateway } from "./fetch-gateway.ts";
import type { GoGroup } from "./go-group.ts";
import { readGoPersistenceFile } from "./go-persistence-file.ts";

const PROTOBUF = "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited";

interface Answer {
  readonly status?: number;
  readonly type?: string;
  readonly body: string | Uint8Array;
}

/** Answers to a request for a path, in turn; the last one again and again. */
async function serve(t: TestContext, answers: Record<string, Answer[]>, check?: RequestListener): Promise<string> {
  const server = createServer((request, response) => {
    check?.(request, response);
    const queue = answers[request.url!] ?? [{ status: 404, body: "404 page not found\n" }];
    const { status = 200, type = "application/json", body } = queue.length > 1 ? queue.shift()! : queue[0]!;
    response.writeHead(status, { "Content-Type": type }).end(body);
  });
  t.after(() => server.close());
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function listing(name: "everything" | "empty"): { data: Record<string, { time_stamp: string }>[] } {
  return JSON.parse(recorded(name, "api.json").toString());
}

const everything: Answer = { body: recorded("everything", "api.json") };
const scrape: Answer = { type: PROTOBUF, body: recorded("everything", "scrape.pb") };

/** The time metrics of `failed-later`, as of a later push. */
function pushedLater(seconds: string): Answer {
  const later = listing("everything");
  const group = later.data.find(({ labels }) => (labels as unknown as { job: string }).job === "failed-later")!;
  group["m"]!.time_stamp = `2026-11-20T06:00:${seconds}Z`;
  return { body: JSON.stringify(later) };
}

test("what comes over HTTP is what is in the persistence file", async (t) => {
  for (const name of ["everything", "empty"] as const) {
    const progress: FetchProgress[] = [];
    const url = await serve(t, {
      "/api/v1/metrics": [{ body: recorded(name, "api.json") }],
      "/metrics": [{ type: PROTOBUF, body: recorded(name, "scrape.pb") }],
    });
    const groups = await fetchGateway(url, { onProgress: (step) => progress.push(step) });
    assert.deepEqual(groups, readGoPersistenceFile(recorded(name, "pushgateway.data")));
    assert.deepEqual(progress, [{ round: 1, groups: groups.length, total: groups.length }]);
  }
});

test("prefix, telemetry path, user and password are part of the address and the requests", async (t) => {
  const seen: unknown[] = [];
  const url = await serve(t, { "/old/api/v1/metrics": [everything], "/old/telemetry": [scrape] }, ({ headers, url }) =>
    seen.push([url, headers.authorization]),
  );
  const address = `${url.replace("//", "//user:p%40ss@")}/old/`;
  assert.equal((await fetchGateway(address, { telemetryPath: "/telemetry" })).length, 9);
  const authorization = `Basic ${Buffer.from("user:p@ss").toString("base64")}`;
  assert.deepEqual(seen, [
    ["/old/api/v1/metrics", authorization],
    ["/old/telemetry", authorization],
    ["/old/api/v1/metrics", authorization],
  ]);
});

test("a group that is pushed to meanwhile is read again, with the values after that push", async (t) => {
  const changedScrape = Buffer.from(recorded("everything", "scrape.pb"));
  const [three, four] = [3, 4].map((value) => {
    const double = Buffer.alloc(8);
    double.writeDoubleLE(value);
    return double;
  });
  // The value of m in the group failed-later: the first 3 after its job label.
  four!.copy(changedScrape, changedScrape.indexOf(three!, changedScrape.indexOf("failed-later")));
  const url = await serve(t, {
    "/api/v1/metrics": [everything, pushedLater("01"), pushedLater("01")],
    "/metrics": [scrape, { type: PROTOBUF, body: changedScrape }],
  });
  const progress: FetchProgress[] = [];
  const groups = await fetchGateway(url, { onProgress: (step) => progress.push(step) });
  assert.deepEqual(progress, [
    { round: 1, groups: 8, total: 9 },
    { round: 2, groups: 9, total: 9 },
  ]);
  const value = (list: readonly GoGroup[]) =>
    list.find(({ labels }) => labels.get("job") === "failed-later")!.families.find(({ family }) => family.name === "m")!
      .family.metrics[0]!.value;
  assert.equal(value(readGoPersistenceFile(recorded("everything", "pushgateway.data"))), 3);
  assert.equal(value(groups), 4);
});

test("groups that come and go between the requests", async (t) => {
  const without = listing("everything");
  const gone = without.data.splice(0, 1);
  const url = await serve(t, {
    "/api/v1/metrics": [{ body: JSON.stringify(without) }, everything, { body: JSON.stringify(without) }],
    "/metrics": [scrape],
  });
  const groups = await fetchGateway(url);
  assert.equal(groups.length, 8);
  const job = (gone[0]!["labels"] as unknown as { job: string }).job;
  assert.ok(groups.every(({ labels }) => labels.get("job") !== job));
});

test("a group that is pushed to all the time is named after the last round", async (t) => {
  const url = await serve(t, {
    "/api/v1/metrics": ["01", "02", "03", "04"].map(pushedLater),
    "/metrics": [scrape],
  });
  await assert.rejects(
    fetchGateway(url, { rounds: 3 }),
    (error) =>
      isWaystationError(error, "UNAVAILABLE") &&
      /1 groups were pushed to each of the 3 times they were read, \{job="failed-later"\} for one/.test(error.message),
  );
});

test("answers that cannot be used say why, and what to do", async (t) => {
  const noHidden = JSON.stringify({
    status: "success",
    data: [{ labels: { time_stamp: "2026-11-20T06:00:00Z", type: "GAUGE", metrics: [] } }],
  });
  const api = "/api/v1/metrics";
  const cases: [
    answers: Record<string, Answer[]>,
    code: "UNAVAILABLE" | "UNSUPPORTED" | "PARSE" | "INCONSISTENT",
    message: RegExp,
  ][] = [
    [
      {},
      "UNSUPPORTED",
      /\/api\/v1\/metrics does not exist: the address lacks a route prefix, or the gateway is older than 1\.2/,
    ],
    [
      { [api]: [{ status: 401, body: "Unauthorized\n" }] },
      "UNAVAILABLE",
      /answers 401: give user and password in the address \(Unauthorized\)$/,
    ],
    [
      { [api]: [{ type: "text/html", body: "<html>" }] },
      "UNSUPPORTED",
      /answers with text\/html: it is no Pushgateway's$/,
    ],
    [{ [api]: [{ body: "{" }] }, "PARSE", /does not answer with JSON$/],
    [{ [api]: [{ body: "[]" }] }, "PARSE", /the answer is no object$/],
    [{ [api]: [{ body: "{}" }] }, "PARSE", /no list of groups/],
    [{ [api]: [{ body: noHidden }] }, "UNSUPPORTED", /a metric called `labels`/],
    [
      { [api]: [everything], "/metrics": [{ status: 500, body: "An error has occurred\n\n* collected" }] },
      "UNAVAILABLE",
      /\/metrics answers 500: it holds contradictory metrics .* import its persistence file instead \(An error has occurred \* collected\)$/,
    ],
    [
      { [api]: [everything], "/metrics": [{ type: "text/plain", body: "m 1\n" }] },
      "UNSUPPORTED",
      /answers with text\/plain/,
    ],
    [
      { [api]: [everything], "/metrics": [{ type: PROTOBUF, body: Buffer.from("\x05a") }] },
      "PARSE",
      /^cannot read http:.*\/metrics: unexpected EOF in protobuf at byte 0/,
    ],
    [
      { [api]: [everything], "/metrics": [{ type: PROTOBUF, body: recorded("empty", "scrape.pb") }] },
      "INCONSISTENT",
      /is in the query API, but not as .* among the scraped metrics/,
    ],
  ];
  for (const [answers, code, message] of cases) {
    await assert.rejects(
      fetchGateway(await serve(t, answers)),
      (error) => isWaystationError(error, code) && message.test(error.message),
      String(message),
    );
  }
});

test("an address that is none, nobody there, no answer in time, and giving up", async (t) => {
  await assert.rejects(fetchGateway("old:9091"), (error) => isWaystationError(error, "CONFIG"));
  await assert.rejects(fetchGateway("nonsense"), (error) => isWaystationError(error, "CONFIG"));
  await assert.rejects(fetchGateway("http://user:50%@old"), (error) => isWaystationError(error, "CONFIG"));

  const server = createServer(() => {});
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  t.after(() => server.closeAllConnections());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  await assert.rejects(
    fetchGateway(url, { timeout: 50 }),
    (error) => isWaystationError(error, "UNAVAILABLE") && /no complete answer in 50 ms$/.test(error.message),
  );
  const reason = new Error("enough");
  await assert.rejects(fetchGateway(url, { signal: AbortSignal.abort(reason) }), reason);

  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  await assert.rejects(
    fetchGateway(url.replace("//", "//user:secret@")),
    (error) =>
      isWaystationError(error, "UNAVAILABLE") &&
      /cannot read http:\/\/127.*ECONNREFUSED/.test(error.message) &&
      !error.message.includes("secret"),
  );
});

test("the Go program, while it is being pushed to", needsGoPushgateway, async (t) => {
  const folder = await mkdtemp(join(tmpdir(), "waystation-import-"));
  t.after(() => rm(folder, { recursive: true }));
  const file = join(folder, "pushgateway.data");
  const gateway = await GoPushgateway.start(`--persistence.file=${file}`, "--push.enable-utf8-names");
  t.after(() => gateway.stop());
  const allTypes = decodeDelimited(recorded("everything", "scrape.pb")).filter(({ metrics }) =>
    metrics.every(({ labels }) => labels.some(({ value }) => value === "all-types")),
  );
  assert.equal(allTypes.length, 9);
  const body = Buffer.concat(allTypes.map(encodeDelimited));
  assert.equal(await gateway.push("PUT", "/job/all", body, PROTOBUF), 200);
  for (let i = 0; i < 30; i++) {
    assert.equal(
      await gateway.push("PUT", `/job/j/instance/${i}`, `# HELP m of ${i}\nm{k="b"} ${i / 7}\nm{k="a"} 1e-9\n`),
      200,
    );
  }
  let pushing = true;
  const pusher = (async () => {
    for (let i = 0; pushing && i < 1000; i++) await gateway.push("POST", `/job/j/instance/${i % 30}`, `n ${i}\n`);
  })();
  const rounds: FetchProgress[] = [];
  const meanwhile = await fetchGateway(gateway.url, { rounds: 1, onProgress: (step) => rounds.push(step) }).catch(
    (error: unknown) => {
      if (!isWaystationError(error, "UNAVAILABLE")) throw error;
    },
  );
  pushing = false;
  await pusher;
  assert.equal(rounds[0]!.total, 31);
  if (meanwhile !== undefined) assert.equal(meanwhile.length, 31);

  const groups = await fetchGateway(gateway.url);
  await gateway.stop();
  assert.deepEqual(groups, readGoPersistenceFile(await readFile(file)));
});
