import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import type { Journal } from "@waystation/core";
import { journalContract } from "@waystation/core/testing";
import { RedisJournal } from "../src/index.ts";
import { findRedis, skipRedis, type TestRedis } from "./find-redis.ts";
import { TcpProxy } from "./tcp-proxy.ts";

let redis: TestRedis;

/** Proxies that are ready, since a journal is to be made without waiting. */
const SPARE_PROXIES = 8;

if (skipRedis) {
  test("the journal contract on Redis", { skip: skipRedis });
} else {
  before(async () => {
    redis = await findRedis();
  });
  after(() => redis?.stop());
  journalContract({
    test,
    name: "redis journal",
    capabilities: { shared: true, trimLag: true, crash: true, disturb: true },
    modelRuns: 20,
    async create({ eagerTrim }) {
      const { host, port } = parse(redis.url);
      const prefix = `contract-${randomUUID()}`;
      const proxies = new Map<Journal, TcpProxy>();
      const starting: Promise<unknown>[] = [];
      const spare: TcpProxy[] = [];
      const startOne = async () => spare.push(await TcpProxy.start(port, host));
      for (let i = 0; i < SPARE_PROXIES; i++) await startOne();
      return {
        journal() {
          const proxy = spare.shift();
          assert(proxy, "journals are made faster than proxies");
          starting.push(startOne());
          const url = new URL(redis.url);
          url.host = `127.0.0.1:${proxy.port}`;
          const journal = new RedisJournal({
            url: url.href,
            prefix,
            timeout: 1000,
            ...(eagerTrim && { trimLag: { bytes: 0 } }),
          });
          proxies.set(journal, proxy);
          return journal;
        },
        async crash(journal) {
          proxies.get(journal)!.refuse();
        },
        async disturb(journal) {
          const proxy = proxies.get(journal)!;
          proxy.hold("up");
          return async () => proxy.release("up");
        },
        async destroy() {
          await Promise.all(starting);
          for (const proxy of [...proxies.values(), ...spare]) await proxy.stop();
        },
      };
    },
  });
}

function parse(url: string): { host: string; port: number } {
  const { hostname, port } = new URL(url);
  return { host: hostname, port: Number(port || 6379) };
}
