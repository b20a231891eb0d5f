import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import http from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { suite, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { MemoryJournal, MemoryStore } from "@waystation/core";
import { FaultyJournal } from "@waystation/core/testing";
import { openGateway } from "../src/open-gateway.ts";
import { keepLostEntries } from "../src/replicas/lost-entries-file.ts";
import { startTestServer, testLogger } from "./support/server.ts";

const STATE_AGE = "x-waystation-state-age-seconds";

function sharedJournal(store = new MemoryStore()): FaultyJournal {
  return new FaultyJournal(new MemoryJournal(store));
}

suite("a server that is one of several", { concurrency: true }, () => {
  test("a scrape waits for a shared journal as long as Prometheus allows, and then says how old it is", async () => {
    const journal = sharedJournal();
    const server = await startTestServer({}, journal);
    await server.request("PUT /metrics/job/a", { body: "m 1\n" });
    const fresh = await server.request("GET /metrics");
    assert.equal(fresh.headers[STATE_AGE], undefined);
    const { promise, resolve } = Promise.withResolvers<void>();
    const took: number[] = [];
    journal.failAlways("read", { kind: "hold", until: promise });
    for (const [timeout, least] of [
      ["0.4", 190],
      ["10", 990],
      ["nonsense", 990],
    ] as const) {
      const began = performance.now();
      const { status, headers, text } = await server.request("GET /metrics", {
        headers: { "X-Prometheus-Scrape-Timeout-Seconds": timeout },
      });
      took.push(performance.now() - began);
      assert.equal(status, 200);
      assert.match(text, /^m\{instance="",job="a"\} 1$/m);
      assert.match(headers[STATE_AGE] as string, /^\d+\.\d{3}$/);
      assert.ok(took.at(-1)! > least, `${timeout}: ${took.at(-1)} ms`);
    }
    assert.ok(took[0]! < took[1]!, `${took} ms`);
    journal.heal();
    resolve();
  });

  test("what only concerns shared journals is exposed for those alone", async () => {
    const alone = await startTestServer();
    assert.doesNotMatch(
      (await alone.request("GET /metrics")).text,
      /pushgateway_journal_(last_contact|entries_behind|lost)/,
    );
    const shared = await startTestServer({}, sharedJournal());
    const { text } = await shared.request("GET /metrics");
    assert.match(text, /^pushgateway_journal_last_contact_age_seconds [\d.e-]+$/m);
    assert.match(text, /^pushgateway_journal_entries_behind 0$/m);
    assert.match(text, /^pushgateway_journal_lost_entries_total 0$/m);
    assert.match(text, /^pushgateway_journal_divergences_total 0$/m);
  });

  test("a replica out of reach of its journal for ten seconds is healthy, but not ready", async () => {
    const journal = sharedJournal();
    const server = await startTestServer({}, journal);
    journal.failAlways("read", { kind: "reject", code: "UNAVAILABLE" });
    assert.equal((await server.request("GET /-/ready")).status, 200);
    let ready = await server.request("GET /-/ready");
    for (const end = performance.now() + 20_000; ready.status === 200 && performance.now() < end; ) {
      await sleep(250);
      ready = await server.request("GET /-/ready");
    }
    assert.equal(ready.status, 503);
    assert.match(ready.text, /has not answered for 1\d s/);
    assert.equal((await server.request("GET /-/healthy")).status, 200);
    journal.heal();
    for (let tries = 0; tries < 100 && ready.status !== 200; tries++) {
      await sleep(50);
      ready = await server.request("GET /-/ready");
    }
    assert.equal(ready.status, 200);
  });

  test("while it leaves, a server is not ready, takes pushes, and ends each connection after its answer", async (t) => {
    const server = await startTestServer({ "web.shutdown-delay": 1000 });
    const agent = new http.Agent({ keepAlive: true });
    t.after(() => agent.destroy());
    const push = (): Promise<http.IncomingMessage> =>
      new Promise((resolve, reject) => {
        const path = "/metrics/job/leaving";
        const req = http.request({ port: server.port, host: "127.0.0.1", method: "PUT", path, agent }, (res) => {
          res.resume().on("end", () => resolve(res));
        });
        req.on("error", reject).end("m 1\n");
      });
    assert.equal((await push()).headers.connection, "keep-alive");
    const stopped = server.stop();
    const answer = await push();
    assert.deepEqual([answer.statusCode, answer.headers.connection], [200, "close"]);
    const ready = await server.request("GET /-/ready");
    assert.deepEqual([ready.status, ready.text], [503, "the gateway is stopping\n"]);
    assert.equal((await server.request("GET /-/healthy")).status, 200);
    await stopped;
    await assert.rejects(server.request("GET /-/healthy"), { code: "ECONNREFUSED" });
  });

  test("a storage that comes up later is waited for; one that does not is given up in time", async () => {
    const { logger, lines } = testLogger();
    let attempts = 0;
    const createJournal = async () => {
      const journal = sharedJournal();
      if (++attempts < 3) journal.failNext("open", { kind: "reject", code: "UNAVAILABLE" });
      return journal;
    };
    const { gateway } = await openGateway({ createJournal, patience: 10_000, logger });
    await gateway.close();
    assert.equal(attempts, 3);
    assert.equal(lines.filter((line) => line.includes("the storage cannot be reached yet")).length, 2);

    const never = async () => {
      const journal = sharedJournal();
      journal.failAlways("open", { kind: "reject", code: "UNAVAILABLE" });
      return journal;
    };
    await assert.rejects(openGateway({ createJournal: never, patience: 1500, logger }), { code: "UNAVAILABLE" });
  });

  test("a storage that cannot work is not tried again", async () => {
    let attempts = 0;
    const createJournal = async () => {
      attempts++;
      const journal = sharedJournal();
      journal.failAlways("open", { kind: "reject", code: "CORRUPT" });
      return journal;
    };
    const { logger } = testLogger();
    await assert.rejects(openGateway({ createJournal, patience: 60_000, logger }), { code: "CORRUPT" });
    assert.equal(attempts, 1);
  });

  test("lost entries are kept in a file that only its owner may read", (t) => {
    const folder = mkdtempSync(join(tmpdir(), "lost-"));
    t.after(() => rmSync(folder, { recursive: true }));
    const data = Buffer.from("entry");
    const records = [
      { kind: "replace", key: "instance\xff\xc3\xa4\xffjob\xffa", time: 1_700_000_000_123_000_000n },
      { kind: "wipe", time: 0n },
    ] as const;
    const path = keepLostEntries(
      join(folder, "made"),
      { from: 3, to: 4, bytes: 5, entries: [{ position: 4, tag: "99", data, records }] },
      new Date("2026-01-02T03:04:05.678Z"),
    );
    assert.equal(path, join(folder, "made", "lost-2026-01-02T030405.678Z-3-4.jsonl"));
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.deepEqual(JSON.parse(readFileSync(path, "utf8")), {
      position: 4,
      tag: "99",
      records: [
        { kind: "replace", group: { instance: "ä", job: "a" }, time: "2023-11-14T22:13:20.123Z" },
        { kind: "wipe", time: "1970-01-01T00:00:00.000Z" },
      ],
      data: "ZW50cnk=",
    });
  });
});
