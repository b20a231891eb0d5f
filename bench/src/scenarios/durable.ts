import { join } from "node:path";
import { dataOfGroups, GO_MISSING, GO_UNCHECKED, newFolder, type Scenario } from "../bench.ts";
import { fill } from "../http/fill.ts";
import { expectAll } from "../http/scrape.ts";
import { Gateway } from "../programs/gateway.ts";
import { type Contender, measurePushRates } from "./push-rates.ts";

const CONNECTIONS = 64;

/** Waystation with every push synced to disk before its answer, beside the Go Pushgateway that writes nothing. */
export const durable: Scenario = {
  name: "durable",
  title: "Push, synced to disk before each answer",
  settings: ({ shape }) => `PUT of ${shape} over ${CONNECTIONS} connections; the Go Pushgateway writes nothing`,
  async measure(bench, recorder) {
    const { shape, waystation, go } = bench;
    await using stack = new AsyncDisposableStack();
    const data = dataOfGroups(shape, bench.size.someGroups);
    const folder = newFolder(bench);
    const start = async (
      ...[program, flags]: Parameters<typeof Gateway.start>
    ): Promise<Pick<Contender, "gateways" | "data" | "connections">> => {
      const gateway = stack.use(await Gateway.start(program, flags));
      await fill(gateway.port, data);
      return { gateways: [gateway], data, connections: CONNECTIONS };
    };
    const against = ["durable.go-unchecked"];
    const contenders: Contender[] = [
      {
        id: "durable.file",
        who: "Waystation, file",
        against,
        ...(await start(waystation, [`--storage=file:${join(folder, "journal")}`])),
      },
      {
        id: "durable.sqlite",
        who: "Waystation, SQLite",
        against,
        ...(await start(waystation, [`--storage=sqlite:${join(folder, "waystation.db")}`])),
      },
      {
        id: "durable.memory",
        who: "Waystation, memory",
        against,
        ...(await start(waystation, ["--storage=memory:"])),
      },
    ];
    if (go === undefined) recorder.skip(GO_MISSING);
    else
      contenders.push({ id: "durable.go-unchecked", who: "Go unchecked, memory", ...(await start(go, GO_UNCHECKED)) });
    await measurePushRates(bench, recorder, contenders);
    for (const { gateways } of contenders) await expectAll(gateways[0]!.port, data);
  },
};
