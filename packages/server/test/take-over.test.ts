import assert from "node:assert/strict";
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import os from "node:os";
import path from "node:path";
import { after, test } from "node:test";
import { resolveSettings } from "../src/config/settings.ts";
import { importFrom } from "../src/take-over/import-command.ts";
import { flagDefaults, startTestServer, type TestServer, testLogger } from "./support/server.ts";

const directory = mkdtempSync(path.join(os.tmpdir(), "waystation-take-over-"));
after(() => rmSync(directory, { recursive: true }));
let files = 0;

const fixture = (name: string): string => new URL(`fixtures/go-pushgateway/${name}`, import.meta.url).pathname;

function copyOf(name: string): string {
  const file = path.join(directory, `file-${files++}`);
  copyFileSync(fixture(name), file);
  return file;
}

async function pushed(server: TestServer): Promise<string> {
  return (await server.request("GET /metrics?collect[]=pushed")).text;
}

test("a file of the Go Pushgateway is taken over once, and left as it is", async () => {
  const file = copyOf("everything/pushgateway.data");
  const before = readFileSync(file);
  const first = await startTestServer({ "persistence.file": file });
  const taken = await pushed(first);
  assert.match(taken, /^push_time_seconds{/m);
  assert.ok(first.logLines.some((line) => /imported .* groups=\d+/.test(line)));
  await first.request("PUT /metrics/job/new", { body: "after_import 1\n" });
  await first.stop();
  assert.deepEqual(readFileSync(file), before);
  assert.ok(existsSync(`${file}.waystation`) && !existsSync(`${file}.waystation.importing`));

  rmSync(file);
  const second = await startTestServer({ "persistence.file": file });
  const kept = await pushed(second);
  assert.match(kept, /^after_import{/m);
  const lines = new Set(kept.split("\n"));
  for (const line of taken.split("\n")) assert.ok(lines.has(line), line);
});

test("an import that was cut off begins anew", async () => {
  const file = copyOf("everything/pushgateway.data");
  mkdirSync(`${file}.waystation.importing`);
  writeFileSync(path.join(`${file}.waystation.importing`, "leftover"), "half");
  assert.match(await pushed(await startTestServer({ "persistence.file": file })), /^push_time_seconds{/m);
});

test("a file that cannot be understood stops the start, and stays", async () => {
  const whole = readFileSync(fixture("everything/pushgateway.data"));
  for (const bytes of [Buffer.alloc(0), Buffer.from("not a gob"), whole.subarray(0, -20)]) {
    const file = path.join(directory, `file-${files++}`);
    writeFileSync(file, bytes);
    await assert.rejects(startTestServer({ "persistence.file": file }), {
      code: "CONFIG",
      message: /persistence\.file=.*cannot be imported.*Move the file away/,
    });
    assert.deepEqual(readFileSync(file), bytes);
    assert.ok(!existsSync(`${file}.waystation`));
  }
});

test("without a file there is nothing to take over", async () => {
  const server = await startTestServer({ "persistence.file": path.join(directory, "none") });
  assert.equal((await server.request("PUT /metrics/job/a", { body: "m 1\n" })).status, 200);
});

test("a running gateway is taken over, values and push times exact", async () => {
  const old = await startTestServer();
  await old.request("PUT /metrics/job/a/x/%C3%BC", { body: "# HELP m Help.\n# TYPE m gauge\nm 1.5\n" });
  await old.request("POST /metrics/job/a/x/%C3%BC", {
    body: '# TYPE h histogram\nh_bucket{le="1"} 1\nh_count 2\nh_sum 3\n',
  });
  await old.request("PUT /metrics/job/failed", { body: "m 1 1\n" });
  const storage = `file:${path.join(directory, "imported")}`;
  const settings = resolveSettings({ values: { ...flagDefaults(), storage }, given: new Set(["storage"]) });
  const { logger, lines } = testLogger();
  await importFrom(`http://127.0.0.1:${old.port}`, settings, logger);
  assert.ok(lines.some((line) => line.includes("msg=imported") && line.includes("groups=2")));

  const fresh = await startTestServer({ storage });
  assert.equal(await pushed(fresh), await pushed(old));
});

test("an address that does not answer is a clear error", async () => {
  const settings = resolveSettings({ values: { ...flagDefaults(), storage: "memory:" }, given: new Set(["storage"]) });
  await assert.rejects(importFrom("http://127.0.0.1:1", settings, testLogger().logger), { code: "UNAVAILABLE" });
  await assert.rejects(importFrom("nowhere", settings, testLogger().logger), { code: "CONFIG" });
});
