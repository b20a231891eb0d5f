import { join } from "node:path";
import { dataOfGroups, newFolder, type Scenario, sharedStorage } from "../bench.ts";
import { fill } from "../http/fill.ts";
import { expectAll } from "../http/scrape.ts";
import { Gateway } from "../programs/gateway.ts";
import { findProgram } from "../programs/programs.ts";
import { RedisServer } from "../programs/redis.ts";
import { type Contender, measurePushRates } from "./push-rates.ts";

const CONNECTIONS = 64;

/** What several gateways on one storage take together, beside one gateway with a file of its own. */
export const replicas: Scenario = {
  name: "replicas",
  title: "Several gateways on one storage",
  settings: ({ shape }) =>
    `PUT of ${shape} over ${CONNECTIONS} connections, shared out among the gateways; all synced to disk before each answer`,
  async measure(bench, recorder) {
    const { redisReplicas, sqliteProcesses } = bench.size;
    await using stack = new AsyncDisposableStack();
    const data = dataOfGroups(bench.shape, bench.size.someGroups);
    const contenders: Contender[] = [];
    const add = async (id: string, who: string, storage: string, count: number) => {
      const gateways: Gateway[] = [];
      for (let i = 0; i < count; i++) {
        gateways.push(stack.use(await Gateway.start(bench.waystation, sharedStorage(storage))));
      }
      await fill(gateways[0]!.port, data);
      const against = id === "file" ? [] : ["replicas.file.1"];
      contenders.push({ id: `replicas.${id}.${count}`, who, against, gateways, data, connections: CONNECTIONS });
    };

    await add("file", "1 with a file", `file:${join(newFolder(bench), "journal")}`, 1);
    for (const count of sqliteProcesses) {
      await add("sqlite", `${count} on one SQLite file`, `sqlite:${join(newFolder(bench), "waystation.db")}`, count);
    }
    const program = findProgram("redis-server");
    if (program === undefined) recorder.skip("Redis, as redis-server is not on the PATH");
    else {
      for (const count of redisReplicas) {
        const redis = stack.use(await RedisServer.start(program, newFolder(bench)));
        await add("redis", `${count} on Redis`, redis.url, count);
      }
    }
    await measurePushRates(bench, recorder, contenders);
    // Each gateway has what all were pushed.
    for (const { gateways } of contenders) for (const { port } of gateways) await expectAll(port, data);
  },
};
