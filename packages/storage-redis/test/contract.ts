import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";
import { after, before, test } from "node:test";
import type { Journal } from "@waystation/core";
import { journalContract } from "@waystation/core/testing";
import { RedisJournal } from "../src/index.ts";
import type { TestRedis } from "./find-redis.ts";
import { TcpProxy } from "./tcp-proxy.ts";

/** Proxies that are ready, since a journal is to be made without waiting. */
const SPARE_PROXIES = 8;

/** Registers the journal contract against a server, which is started before and stopped after. */
export function contractOn(name: string, start: () => Promise<TestRedis>): void {
  let redis: TestRedis;
  before(async () => {
    redis = await start();
  });
  after(() => redis?.stop());
  journalContract({
    test,
    name,
    capabilities: { shared: true, trimLag: true, crash: true, disturb: true },
    modelRuns: 20,
    async create({ eagerTrim }) {
      const { hostname, port } = new URL(redis.url);
      const prefix = `contract-${randomUUID()}`;
      const proxies = new Map<Journal, TcpProxy>();
      const starting: Promise<unknown>[] = [];
      const spare: TcpProxy[] = [];
      const startOne = async () => spare.push(await TcpProxy.start(Number(port || 6379), hostname));
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
            restartGrace: 0,
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
