import { dataOfGroups, MEMORY, newFolder, type Scenario, sharedStorage } from "../bench.ts";
import { fill } from "../http/fill.ts";
import { expectAll, GZIP, timeScrape } from "../http/scrape.ts";
import { Gateway } from "../programs/gateway.ts";
import { findProgram } from "../programs/programs.ts";
import { RedisServer } from "../programs/redis.ts";
import { formatNumber, summarize } from "../report/summary.ts";

/** What a scrape takes longer because the gateway first asks Redis for what other replicas took. */
export const freshness: Scenario = {
  name: "freshness",
  title: "What freshness adds to a scrape",
  settings: ({ shape, size }) =>
    `${formatNumber(size.someGroups)} groups of ${shape}, gzip, nothing changed; medians of many scrapes, taken in turn`,
  async measure(bench, recorder) {
    const program = findProgram("redis-server");
    if (program === undefined) {
      recorder.skip("all of it, as redis-server is not on the PATH");
      return;
    }
    await using stack = new AsyncDisposableStack();
    const data = dataOfGroups(bench.shape, bench.size.someGroups);
    const redis = stack.use(await RedisServer.start(program, newFolder(bench)));
    const shared = stack.use(await Gateway.start(bench.waystation, sharedStorage(redis.url)));
    const alone = stack.use(await Gateway.start(bench.waystation, MEMORY));
    for (const { port } of [shared, alone]) {
      await fill(port, data);
      await expectAll(port, data);
    }
    for (let round = 0; round < bench.size.rounds; round++) {
      const times = { shared: [] as number[], alone: [] as number[] };
      for (let i = 0; i < bench.size.freshnessScrapes; i++) {
        times.shared.push((await timeScrape(shared.port, GZIP)).total);
        times.alone.push((await timeScrape(alone.port, GZIP)).total);
      }
      const redisTime = summarize(times.shared)!.median;
      const memoryTime = summarize(times.alone)!.median;
      recorder.add({ id: "freshness.redis", what: "scrape", who: "Redis", unit: "ms" }, redisTime);
      recorder.add({ id: "freshness.memory", what: "scrape", who: "memory", unit: "ms" }, memoryTime);
      recorder.add({ id: "freshness.added", what: "added", who: "Redis", unit: "ms" }, redisTime - memoryTime);
    }
  },
};
