/** How much memory a gateway takes, over time and for the largest pushes. */
import assert from "node:assert/strict";
import { readFileSync, writeFileSync } from "node:fs";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { encodeDelimited, type MetricFamily } from "../../packages/core/src/index.ts";
import { GatewayChild } from "./gateway-child.ts";

const SOAK = process.env["WAYSTATION_SOAK"] === "1";
const MIB = 2 ** 20;
const show = (values: readonly number[]): string => values.map((value) => value.toFixed(1)).join(", ");

/** With all garbage collected, in MiB: what V8 holds and what is held for it. */
async function liveMemory(gateway: GatewayChild): Promise<number> {
  gateway.output = "";
  gateway.process.kill("SIGUSR2");
  for (let i = 0; i < 500; i++) {
    const [, bytes] = /^live (\d+)$/m.exec(gateway.output) ?? [];
    if (bytes !== undefined) return Number(bytes) / MIB;
    await sleep(10);
  }
  throw new Error(`the gateway does not tell:\n${gateway.output}`);
}

test("what is alive stays flat while the same groups are pushed to, refused, deleted and scraped", {
  timeout: 2 * 3_600_000,
}, async (t) => {
  const preload = new URL("garbage-child.ts", import.meta.url).href;
  await using gateway = await GatewayChild.spawn(
    ["--storage=memory:", "--push.max-body-bytes=20000", "--log.level=error"],
    // A small young generation, so that what is resident is what is needed.
    ["env", `NODE_OPTIONS=--expose-gc --max-semi-space-size=4 --import=${preload}`],
  );
  assert.equal(await gateway.settled(), undefined, gateway.output);
  const rounds = 5;
  const seconds = Number(process.env["SOAK_SECONDS"] ?? (SOAK ? 3_600 : 15));
  let requests = 0;
  const work = async (worker: number): Promise<void> => {
    for (const until = Date.now() + (seconds * 1000) / rounds; Date.now() < until; requests++) {
      const path = `/metrics/job/w${worker}/n/${requests % 50}`;
      const big = `# ${"x".repeat(requests % 7 === 0 ? 30_000 : 10)}\n`;
      const bodies = [`a ${requests}\nb{x="${requests % 3}"} 1\n`, "not an exposition", "a 1 1\n", big];
      const { status } = await gateway.request(requests % 2 ? "PUT" : "POST", path, bodies[requests % bodies.length]);
      assert.ok([200, 400, 413].includes(status), String(status));
      if (requests % 20 === 0) {
        await gateway.request("GET", requests % 40 === 0 ? "/metrics" : "/api/v2/groups?limit=10");
      }
      if (requests % 33 === 0) await gateway.request("DELETE", path);
    }
  };
  const live: number[] = [];
  const resident: number[] = [];
  for (let round = 0; round < rounds; round++) {
    await Promise.all(Array.from({ length: 8 }, (_, worker) => work(worker)));
    live.push(await liveMemory(gateway));
    const { text } = await gateway.request("GET", "/metrics?collect[]=self");
    resident.push(Number(/^process_resident_memory_bytes (\S+)$/m.exec(text)?.[1]) / MIB);
  }
  t.diagnostic(
    `${requests} requests in ${seconds} s; MiB after each fifth: alive ${show(live)}, resident ${show(resident)}`,
  );
  // All groups are there after the first round, and all code is compiled after the second.
  assert.ok(live.at(-1)! - live[1]! < 3, `it grows: ${show(live)}`);
  assert.ok(resident.at(-1)! - resident[1]! < 80, `the process grows: ${show(resident)}`);
});

const LIMIT_MIB = 16;

/** As many series as fit into so many bytes. */
function largestText(bytes: number, end = ""): string {
  const lines = ["# TYPE m gauge\n"];
  let size = lines[0]!.length + end.length;
  for (let i = 0; ; i++) {
    const line = `m{instance="${i}",zone="a-zone-of-some-length"} ${i}\n`;
    size += line.length;
    if (size > bytes) return lines.join("") + end;
    lines.push(line);
  }
}

/** At most, of a metric of a name below a million in protobuf, as made here. */
const BYTES_OF_METRIC = 64;

function largestProtobuf(bytes: number): Uint8Array {
  const family: MetricFamily = { name: "m", type: "gauge", metrics: [] };
  for (let i = 0; i < bytes / BYTES_OF_METRIC; i++) {
    const labels = [
      { name: "instance", value: String(i) },
      { name: "zone", value: "a-zone-of-some-length" },
    ];
    family.metrics.push({ labels, value: i });
  }
  return encodeDelimited(family);
}

const LARGEST: readonly { form: string; type: string; most: number; body: () => string | Uint8Array }[] = [
  { form: "text", type: "text/plain", most: 12, body: () => largestText(LIMIT_MIB * MIB) },
  {
    form: "OpenMetrics",
    type: "application/openmetrics-text; version=1.0.0",
    most: 40,
    body: () => largestText(LIMIT_MIB * MIB, "# EOF\n"),
  },
  {
    form: "protobuf",
    type: "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited",
    most: 40,
    body: () => largestProtobuf(LIMIT_MIB * MIB),
  },
];

for (const { form, type, most, body } of LARGEST) {
  test(`the largest push, in ${form}, takes no more than ${most} times its size`, {
    skip: process.platform !== "linux" && "reads the peak from /proc",
    timeout: 120_000,
  }, async (t) => {
    const flags = ["--storage=memory:", `--push.max-body-bytes=${LIMIT_MIB}MiB`];
    await using gateway = await GatewayChild.spawn(flags);
    assert.equal(await gateway.settled(), undefined, gateway.output);
    const status = `/proc/${gateway.process.pid}/status`;
    const mib = (field: string): number =>
      Number(new RegExp(`^${field}:\\s+(\\d+) kB`, "m").exec(readFileSync(status, "utf8"))?.[1]) / 1024;
    const sent = body();
    const size = Buffer.byteLength(sent) / MIB;
    assert.ok(size > 0.7 * LIMIT_MIB && size <= LIMIT_MIB, `${size} MiB`);

    writeFileSync(`/proc/${gateway.process.pid}/clear_refs`, "5");
    const before = mib("VmRSS");
    const answer = await fetch(`http://127.0.0.1:${gateway.port}/metrics/job/a`, {
      method: "PUT",
      body: sent,
      headers: { "Content-Type": type },
    });
    assert.equal(answer.status, 200, await answer.text());
    const grown = mib("VmHWM") - before;
    t.diagnostic(`${size.toFixed(1)} MiB of ${form}: ${grown.toFixed(0)} MiB more, ${(grown / size).toFixed(1)} times`);
    assert.ok(grown < most * size, `${grown} MiB for ${size}`);
  });
}
