/** Many connections, and memory over time. */
import assert from "node:assert/strict";
import net from "node:net";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import { GatewayChild } from "./gateway-child.ts";

const SOAK = process.env["WAYSTATION_SOAK"] === "1";

/** Open files that this process may have; macOS and the like may allow few. */
const idle = Math.min(
  5_000,
  Math.max(0, (process.report.getReport() as unknown as Limits).userLimits.open_files.soft - 2_000),
);
interface Limits {
  readonly userLimits: { readonly open_files: { readonly soft: number } };
}
const ACTIVE = SOAK ? 1_000 : 300;
const ROUNDS = SOAK ? 100 : 5;

test(`${idle} idle connections and ${ACTIVE} active ones are all served`, { timeout: 600_000 }, async (t) => {
  await using gateway = await GatewayChild.spawn(["--storage=memory:", "--web.keep-alive-timeout=10m"]);
  assert.equal(await gateway.settled(), undefined, gateway.output);
  const sockets: net.Socket[] = [];
  t.after(() => {
    for (const socket of sockets) socket.destroy();
  });
  let lost = 0;
  const connect = async (): Promise<net.Socket> => {
    const socket = net.connect(gateway.port, "127.0.0.1");
    sockets.push(socket);
    await new Promise((resolve, reject) => socket.once("connect", resolve).once("error", reject));
    socket.on("error", () => undefined);
    return socket;
  };
  for (let i = 0; i < idle; i += 250) {
    const batch = await Promise.all(Array.from({ length: Math.min(250, idle - i) }, connect));
    for (const socket of batch) socket.on("close", () => lost++);
  }
  const active = await Promise.all(Array.from({ length: ACTIVE }, connect));
  const started = performance.now();
  await Promise.all(
    active.map(async (socket, i) => {
      for (let round = 1; round <= ROUNDS; round++) {
        const answered = new Promise<string>((resolve) => socket.once("data", (chunk) => resolve(chunk.toString())));
        const body = `a ${round}\n`;
        socket.write(`PUT /metrics/job/c${i} HTTP/1.1\r\nHost: x\r\nContent-Length: ${body.length}\r\n\r\n${body}`);
        assert.match(await answered, /^HTTP\/1\.1 200 /);
      }
    }),
  );
  const seconds = (performance.now() - started) / 1000;
  const { text } = await gateway.request("GET", "/metrics");
  const stored = [...text.matchAll(/^a\{instance="",job="c\d+"\} (\d+)$/gm)];
  assert.equal(stored.length, ACTIVE);
  for (const [line, value] of stored) assert.equal(Number(value), ROUNDS, line);
  assert.equal(lost, 0, "idle connections were closed");
  t.diagnostic(`${ACTIVE * ROUNDS} pushes in ${seconds.toFixed(1)} s beside ${idle} idle connections`);
});

test("memory stays flat while the same groups are pushed to, refused and scraped", {
  timeout: 2 * 3_600_000,
}, async (t) => {
  const storage = ["--storage=memory:", "--push.max-body-bytes=20000"];
  await using gateway = await GatewayChild.spawn(storage, ["env", "NODE_OPTIONS=--max-semi-space-size=4"]);
  assert.equal(await gateway.settled(), undefined, gateway.output);
  const seconds = Number(process.env["SOAK_SECONDS"] ?? (SOAK ? 3_600 : 12));
  const resident: number[] = [];
  const heap: number[] = [];
  let requests = 0;
  const work = async (worker: number): Promise<void> => {
    for (const until = Date.now() + (seconds * 1000) / 4; Date.now() < until; requests++) {
      const path = `/metrics/job/w${worker}/n/${requests % 50}`;
      const big = `# ${"x".repeat(requests % 7 === 0 ? 30_000 : 10)}\n`;
      const bodies = [`a ${requests}\nb{x="${requests % 3}"} 1\n`, "not an exposition", "a 1 1\n", big];
      const { status } = await gateway.request(requests % 2 ? "PUT" : "POST", path, bodies[requests % bodies.length]);
      assert.ok([200, 400, 413].includes(status), String(status));
      if (requests % 20 === 0)
        await gateway.request("GET", requests % 40 === 0 ? "/metrics" : "/api/v2/groups?limit=10");
      if (requests % 33 === 0) await gateway.request("DELETE", path);
    }
  };
  for (let quarter = 0; quarter < 4; quarter++) {
    await Promise.all(Array.from({ length: 8 }, (_, worker) => work(worker)));
    // The lowest of several looks is nearest to what is really held.
    const looks: [number, number][] = [];
    for (let look = 0; look < 15; look++) {
      const { text } = await gateway.request("GET", "/metrics?collect[]=self");
      looks.push([sampleOf(text, "nodejs_heap_size_used_bytes"), sampleOf(text, "process_resident_memory_bytes")]);
      await sleep(20);
    }
    heap.push(Math.min(...looks.map(([used]) => used)) / 2 ** 20);
    resident.push(Math.min(...looks.map(([, bytes]) => bytes)) / 2 ** 20);
  }
  const show = (values: readonly number[]): string => values.map((value) => value.toFixed(0)).join(", ");
  t.diagnostic(`${requests} requests in ${seconds} s; MiB by quarter: heap ${show(heap)}, resident ${show(resident)}`);
  assert.ok(heap[3]! - heap[1]! < 30, `the heap grows: ${show(heap)}`);
  assert.ok(resident[3]! - resident[1]! < 80, `the process grows: ${show(resident)}`);
});

function sampleOf(page: string, series: string): number {
  return Number(new RegExp(`^${series} (\\S+)$`, "m").exec(page)?.[1]);
}
