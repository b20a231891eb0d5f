import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdirSync, readFileSync } from "node:fs";
import { Agent, request } from "node:http";
import { createInterface } from "node:readline";
import { type TestContext, test } from "node:test";
import { setTimeout } from "node:timers/promises";
import { isDeepStrictEqual } from "node:util";
import fc from "fast-check";
import { ByteWriter } from "../src/exposition/byte-writer.ts";
import { decodeDelimited } from "../src/exposition/protobuf-decoder.ts";
import { writeFamily } from "../src/exposition/text-encoder.ts";
import { parseText } from "../src/exposition/text-parser.ts";
import { compareBytes } from "../src/model/byte-string.ts";
import type { Label, MetricFamily } from "../src/model/metric-family.ts";
import { mutation } from "./mutation.ts";

/**
 * Sends the corpus and mutations of it to a Go Pushgateway and compares: accepted or refused, in which line, and what a scrape shows.
 * Needs the program, given as PEER_PUSHGATEWAY=/path/to/pushgateway.
 */
const PEER = process.env["PEER_PUSHGATEWAY"];
const skip = PEER === undefined && "PEER_PUSHGATEWAY is not set";
const RUNS = process.env["WAYSTATION_SOAK"] === "1" ? 20_000 : 1_000;

const ATTEMPTS = 40;

const CORPUS = new URL("corpus/text/", import.meta.url);
const corpus = readdirSync(CORPUS).map((name) => readFileSync(new URL(name, CORPUS)));

/** Families of the Go program itself, and the times it adds to every group. */
const OWN_FAMILY = /^(# (HELP|TYPE) )?(go_|process_|pushgateway_|push_)/;

interface Answer {
  readonly status: number;
  readonly body: string;
}

/** A Go Pushgateway that takes everything it can parse, ended with the test. */
class Peer {
  readonly #port: number;
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 1 });

  constructor(port: number) {
    this.#port = port;
  }

  static async start(t: TestContext, flags: readonly string[]): Promise<Peer> {
    const fixed = ["--web.listen-address=127.0.0.1:0", "--persistence.file="];
    const child: ChildProcess = spawn(PEER!, [...fixed, "--push.disable-consistency-check", ...flags], {
      stdio: ["ignore", "ignore", "pipe"],
    });
    const exited = once(child, "exit");
    t.after(async () => {
      child.kill("SIGKILL");
      await exited;
    });
    for await (const line of createInterface({ input: child.stderr! })) {
      const port = /"Listening on" address=127\.0\.0\.1:(\d+)/.exec(line)?.[1];
      if (port !== undefined) {
        child.stderr!.resume();
        const peer = new Peer(Number(port));
        t.after(() => peer.#agent.destroy());
        return peer;
      }
    }
    throw new Error(`${PEER} ended without listening`);
  }

  /** Status 0 stands for a connection closed without an answer, as when a handler panics. */
  send(method: string, path: string, body?: Buffer, headers: Record<string, string> = {}): Promise<Answer> {
    return new Promise((resolve) => {
      const options = { host: "127.0.0.1", port: this.#port, method, path, headers, agent: this.#agent };
      const outgoing = request(options, async (incoming) => {
        const chunks: Buffer[] = [];
        for await (const chunk of incoming) {
          chunks.push(chunk);
        }
        resolve({ status: incoming.statusCode!, body: Buffer.concat(chunks).toString("latin1") });
      });
      outgoing.on("error", () => resolve({ status: 0, body: "" }));
      outgoing.end(body);
    });
  }
}

/** Sample and comment lines, sorted, since their order is not the parser's. */
function lines(exposition: string): string[] {
  return exposition
    .split("\n")
    .filter((line) => !OWN_FAMILY.test(line))
    .toSorted(compareBytes);
}

/** What a scrape shows of families pushed to the job `peer`. */
function exposed(families: readonly MetricFamily[]): string {
  const out = new ByteWriter();
  for (const family of families) {
    if (!OWN_FAMILY.test(family.name)) {
      const metrics = family.metrics.map((metric) => ({ ...metric, labels: grouped(metric.labels) }));
      writeFamily(out, { ...family, metrics });
    }
  }
  return out.bytes().toString("latin1");
}

function grouped(labels: readonly Label[]): Label[] {
  const all = new Map([["instance", ""], ...labels.map(({ name, value }) => [name, value] as const), ["job", "peer"]]);
  return [...all].map(([name, value]) => ({ name, value })).toSorted((a, b) => compareBytes(a.name, b.name));
}

async function compare(peer: Peer, body: Buffer, utf8Names: boolean): Promise<void> {
  const answer = await peer.send("PUT", "/metrics/job/peer", body);
  let families: MetricFamily[];
  try {
    families = parseText(body, { utf8Names });
  } catch (error) {
    const { message } = error as Error;
    // Where the Go parser crashes or glues samples of different families together, an error is what it should have been.
    if (answer.status !== 0 && !/expected one before or inside the braces/.test(message)) {
      assert.equal(answer.status, 400, message);
      assert.equal(
        /in line \d+/.exec(message)?.[0],
        /in line \d+/.exec(answer.body)?.[0],
        `${message} / ${answer.body}`,
      );
    }
    return;
  }
  if (answer.status === 0) {
    // A name behind a bound label makes it crash, too.
    return;
  }
  assert.equal(answer.status, 202, answer.body);
  const hasTimestamp = families.some(({ metrics }) => metrics.some(({ timestamp }) => timestamp !== undefined));
  if (hasTimestamp) {
    return;
  }
  await sees(peer, lines(exposed(families)));
}

async function sees(peer: Peer, expected: readonly string[]): Promise<void> {
  await until(expected, async () => {
    const scrape = await peer.send("GET", "/metrics", undefined, { accept: "text/plain;escaping=allow-utf-8" });
    // Unchecked pushes may contradict themselves, which only the scrape shows.
    return scrape.status === 200 ? lines(scrape.body) : expected;
  });
}

/** An unchecked push is applied some time after the answer, so a scrape that differs is repeated. */
async function until(expected: unknown, scrape: () => Promise<unknown>): Promise<void> {
  for (let attempt = 1; ; attempt++) {
    const found = await scrape();
    if (attempt === ATTEMPTS || isDeepStrictEqual(found, expected)) {
      assert.deepEqual(expected, found);
      return;
    }
    await setTimeout(5);
  }
}

for (const [title, flags] of [
  ["legacy names", []],
  ["UTF-8 names", ["--push.enable-utf8-names"]],
] as const) {
  const utf8Names = flags.length > 0;

  test(`the corpus is judged and understood like by the Go Pushgateway (${title})`, { skip }, async (t) => {
    const peer = await Peer.start(t, flags);
    for (const body of corpus) {
      await compare(peer, body, utf8Names);
    }
  });

  test(`mutations are judged and understood like by the Go Pushgateway (${title})`, { skip }, async (t) => {
    const peer = await Peer.start(t, flags);
    await fc.assert(
      fc.asyncProperty(mutation(corpus), (body) => compare(peer, body, utf8Names)),
      { numRuns: RUNS },
    );
  });
}

const PROTOBUF =
  "application/vnd.google.protobuf;proto=io.prometheus.client.MetricFamily;encoding=delimited;escaping=allow-utf-8";

/** Lines of which any may be missing. */
const PARTS = {
  summary: ['s{quantile="0.5"} 1', "s 1", "s_sum 2", "s_count 3", 's{quantile="NaN"} 4'],
  histogram: [
    's_bucket{le="1"} 1',
    's_bucket{le="2"} 1.5',
    's_bucket{le="+Inf"} 2',
    "s_sum 0",
    "s_count 3",
    "s_count 2.5",
  ],
};

test("parts of summaries and histograms that were not pushed are absent from protobuf scrapes", { skip }, async (t) => {
  const peer = await Peer.start(t, []);
  for (const [type, parts] of Object.entries(PARTS)) {
    for (let chosen = 1; chosen < 2 ** parts.length; chosen++) {
      const samples = parts.filter((_, i) => chosen & (1 << i));
      const body = Buffer.from([`# TYPE s ${type}`, ...samples, ""].join("\n"));
      const families = parseText(body, { utf8Names: false });
      for (const { metrics } of families) for (const metric of metrics) metric.labels = grouped(metric.labels);
      assert.equal((await peer.send("PUT", "/metrics/job/peer", body)).status, 202);
      await until(families, async () => {
        const scrape = await peer.send("GET", "/metrics", undefined, { accept: PROTOBUF });
        return decodeDelimited(Buffer.from(scrape.body, "latin1")).filter(({ name }) => !OWN_FAMILY.test(name));
      });
    }
  }
});
