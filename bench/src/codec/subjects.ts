import { Gateway, groupingKey, MemoryJournal, type MetricFamily, parseText } from "@waystation/core";
import parsePrometheusTextFormat from "parse-prometheus-text-format";
import { getMetricsFromIterator } from "prom2javascript";
import { ByteWriter } from "../../../packages/core/src/exposition/byte-writer.ts";
import { writeFamily } from "../../../packages/core/src/exposition/text-encoder.ts";
import { promClientRegistry } from "./prom-client-registry.ts";

/** What is measured: takes the bodies of a corpus and returns what to repeat. That does all of them once, and returns the bytes of text. */
type Subject = (bodies: readonly Buffer[]) => Promise<() => number | Promise<number>>;

/** Groups that are pushed to in turn, and exposed together. */
const GROUPS = 20;
const KEYS = Array.from({ length: GROUPS }, (_, i) => groupingKey({ job: "bench", instance: `${i}` }));

export const SUBJECTS = {
  /** All that a push takes but HTTP: parsing, merging labels, encoding, checking, storing in memory. */
  "push-waystation": async (bodies) => {
    const gateway = await openGateway();
    return async () => {
      await Promise.all(bodies.map((body, i) => gateway.push({ key: KEYS[i % GROUPS]!, body })));
      return sizeOf(bodies);
    };
  },
  "parse-waystation": async (bodies) => () => {
    for (const body of bodies) parse(body);
    return sizeOf(bodies);
  },
  "parse-parse-prometheus-text-format": async (bodies) => {
    const texts = bodies.map(String);
    return () => {
      for (const text of texts) parsePrometheusTextFormat(text);
      return sizeOf(bodies);
    };
  },
  "parse-prom2javascript": async (bodies) => {
    const texts = bodies.map(String);
    return async () => {
      for (const text of texts) await getMetricsFromIterator(text.split("\n")[Symbol.iterator]());
      return sizeOf(bodies);
    };
  },
  "encode-waystation": async (bodies) => {
    const trees = bodies.map(parse);
    const out = new ByteWriter();
    return () => {
      let size = 0;
      for (const families of trees) {
        out.reset();
        for (const family of families) writeFamily(out, family);
        size += out.length;
      }
      return size;
    };
  },
  "encode-prom-client": async (bodies) => {
    const registries = bodies.map((body) => promClientRegistry(parse(body)));
    return async () => {
      let size = 0;
      for (const registry of registries) size += (await registry.metrics()).length;
      return size;
    };
  },
  /** From the gateway's state, as for a scrape that takes it uncompressed. */
  "expose-waystation": async (bodies) => {
    const gateway = await openGateway();
    for (const key of KEYS) await gateway.push({ key, body: bodies[0]! });
    return async () => (await gateway.expose()).length;
  },
} satisfies Record<string, Subject>;

export type SubjectName = keyof typeof SUBJECTS;

function openGateway(): Promise<Gateway> {
  return Gateway.open({ journal: new MemoryJournal() });
}

function parse(body: Buffer): MetricFamily[] {
  return parseText(body, { utf8Names: false });
}

function sizeOf(bodies: readonly Buffer[]): number {
  return bodies.reduce((sum, { length }) => sum + length, 0);
}
