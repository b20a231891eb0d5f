/** Many connections. */
import assert from "node:assert/strict";
import net from "node:net";
import { test } from "node:test";
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
