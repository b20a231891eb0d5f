import { once } from "node:events";
import { Agent, get, type IncomingMessage } from "node:http";
import { createInterface } from "node:readline";
import type { DataSet } from "../data/data-set.ts";

export interface ScrapeForm {
  readonly encoding: "gzip" | "identity";
  readonly accept: string;
}

const TEXT = "text/plain;version=0.0.4";
export const GZIP: ScrapeForm = { encoding: "gzip", accept: TEXT };
export const IDENTITY: ScrapeForm = { encoding: "identity", accept: TEXT };
export const PROTOBUF: ScrapeForm = {
  encoding: "identity",
  accept: "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited",
};

export interface ScrapeTiming {
  /** Milliseconds until the last byte was there. */
  readonly total: number;
  /** Milliseconds until the first byte of the body was there. */
  readonly firstByte: number;
  readonly bytes: number;
}

const agent = new Agent({ keepAlive: true });

/** Scrapes and lets the body go: nothing is decompressed or parsed while the time runs. */
export async function timeScrape(port: number, form: ScrapeForm): Promise<ScrapeTiming> {
  const started = performance.now();
  const answer = await request(port, form);
  let bytes = 0;
  let firstByte = 0;
  answer.on("data", (chunk: Buffer) => {
    if (bytes === 0) firstByte = performance.now() - started;
    bytes += chunk.length;
  });
  await once(answer, "end");
  return { total: performance.now() - started, firstByte, bytes };
}

/** How many series of a data set are exposed, without the times that the gateway adds to each group. */
export async function countExposed(port: number, data: DataSet): Promise<number> {
  const job = `job="${data.shape.name}"`;
  let count = 0;
  for await (const line of createInterface({ input: await request(port, IDENTITY) })) {
    if (line.includes(job) && !/^#|^push_(failure_)?time_seconds\{/.test(line)) count++;
  }
  return count;
}

/** @throws unless all series are exposed */
export async function expectAll(port: number, data: DataSet): Promise<void> {
  const count = await countExposed(port, data);
  if (count !== data.series) throw new Error(`${count} of ${data.series} series are exposed`);
}

async function request(port: number, { encoding, accept }: ScrapeForm): Promise<IncomingMessage> {
  const headers = { Accept: accept, "Accept-Encoding": encoding };
  const [answer] = (await once(get({ agent, host: "127.0.0.1", port, path: "/metrics", headers }), "response")) as [
    IncomingMessage,
  ];
  const given = answer.headers["content-encoding"] ?? "identity";
  if (answer.statusCode !== 200 || given !== encoding) {
    throw new Error(`a scrape for ${encoding} got ${answer.statusCode}, encoded as ${given}`);
  }
  return answer;
}
