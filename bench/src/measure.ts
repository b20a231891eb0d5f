import { readFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { performance } from "node:perf_hooks";
import type { GatewayProcess } from "../../conformance/src/gateway-process.ts";

const SERIES_PER_GROUP = 100;

/** Latencies in milliseconds. */
export interface PushFigures {
  readonly p50: number;
  readonly p99: number;
  readonly perSecond: number;
}

export interface ScrapeFigures {
  /** Milliseconds until the whole answer is there. */
  readonly p50: number;
  readonly bytes: number;
}

/** Pushes so many series, in groups of a hundred; some jobs, as after a night of batch jobs. */
export async function fill(gateway: GatewayProcess, series: number): Promise<void> {
  const agent = new Agent({ keepAlive: true, maxSockets: 4 });
  const groups = Math.max(1, Math.round(series / SERIES_PER_GROUP));
  for (let group = 0; group < groups; group++) {
    await send(agent, gateway, "PUT", pathOf(group), bodyOf(group, group));
  }
  agent.destroy();
}

/** Pushes single samples for so many seconds over so many connections, each to a group of its own, and waits for every answer. */
export async function measurePushes(
  gateway: GatewayProcess,
  connections: number,
  seconds: number,
): Promise<PushFigures> {
  const agent = new Agent({ keepAlive: true, maxSockets: connections });
  const latencies: number[] = [];
  const start = performance.now();
  const end = start + seconds * 1000;
  await Promise.all(
    Array.from({ length: connections }, async (_, connection) => {
      for (let number = 0; performance.now() < end; number++) {
        const before = performance.now();
        await send(agent, gateway, "PUT", `/metrics/job/bench/pusher/${connection}`, `bench_value ${number}\n`);
        latencies.push(performance.now() - before);
      }
    }),
  );
  const took = performance.now() - start;
  agent.destroy();
  latencies.sort((a, b) => a - b);
  return {
    p50: latencies[Math.floor(latencies.length * 0.5)]!,
    p99: latencies[Math.floor(latencies.length * 0.99)]!,
    perSecond: latencies.length / (took / 1000),
  };
}

/** Scrapes for so many seconds, as Prometheus does (compressed), with a push of one whole group before each. */
export async function measureScrapes(gateway: GatewayProcess, seconds: number): Promise<ScrapeFigures> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const latencies: number[] = [];
  let bytes = 0;
  const end = performance.now() + seconds * 1000;
  for (let number = 0; performance.now() < end || number === 0; number++) {
    await send(agent, gateway, "PUT", pathOf(0), bodyOf(0, number));
    const before = performance.now();
    bytes = (await send(agent, gateway, "GET", "/metrics")).length;
    latencies.push(performance.now() - before);
  }
  agent.destroy();
  latencies.sort((a, b) => a - b);
  return { p50: latencies[Math.floor(latencies.length / 2)]!, bytes };
}

/** Memory of the process that is resident now; 0 where there is no /proc. */
export function residentBytes(gateway: GatewayProcess): number {
  try {
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${gateway.pid}/status`, "utf8"))?.[1] ?? 0) * 1024;
  } catch {
    return 0;
  }
}

function pathOf(group: number): string {
  return `/metrics/job/job-${group % 10}/instance/host-${group}`;
}

function bodyOf(group: number, seed: number): string {
  const lines = Array.from({ length: SERIES_PER_GROUP }, (_, at) => {
    return `bench_series_${at % 10}{shard="${Math.floor(at / 10)}",kind="${(group + at) % 7}"} ${seed * 1.5 + at}\n`;
  });
  return lines.join("");
}

function send(agent: Agent, gateway: GatewayProcess, method: string, path: string, body?: string): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? { "Accept-Encoding": "gzip" } : { "Content-Length": Buffer.byteLength(body) };
    const outgoing = request({ agent, port: gateway.port, host: "127.0.0.1", method, path, headers }, (incoming) => {
      const chunks: Buffer[] = [];
      incoming.on("data", (chunk: Buffer) => chunks.push(chunk));
      incoming.on("end", () => {
        if (incoming.statusCode === 200) resolve(Buffer.concat(chunks));
        else reject(new Error(`${method} ${path}: ${incoming.statusCode} ${Buffer.concat(chunks)}`));
      });
    });
    outgoing.on("error", reject).end(body);
  });
}
