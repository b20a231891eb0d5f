import { join } from "node:path";
import { type Bench, GO_MISSING, GO_UNCHECKED, MEMORY, newFolder, type Scenario } from "../bench.ts";
import { DataSet } from "../data/data-set.ts";
import { fill } from "../http/fill.ts";
import { expectAll } from "../http/scrape.ts";
import { Gateway, type GatewayProgram } from "../programs/gateway.ts";
import { countGroups, formatNumber } from "../report/summary.ts";
import { type Contender, measurePushRates } from "./push-rates.ts";

const CONNECTIONS = 8;
/** Stored in one gateway. Larger data sets take longer to fill than to measure. */
const MAX_SERIES = 1_000_000;

/** How push rates depend on how much is stored, with nothing on disk. */
export const push: Scenario = {
  name: "push",
  title: "Push, nothing on disk",
  settings: ({ shape }) => `PUT of ${shape} over ${CONNECTIONS} connections, to all stored groups in turn`,
  async measure(bench, recorder) {
    const { pushGroups, checkedGroups, ownGroups } = bench.size;
    await using stack = new AsyncDisposableStack();
    const contenders: Contender[] = [];
    const add = (id: string, who: string, data: DataSet, gateway: Gateway, ...others: string[]) => {
      contenders.push({
        id: `push.${id}.${data.groups}`,
        who,
        condition: countGroups(data.groups),
        against: others.map((other) => `push.${other}.${data.groups}`),
        gateways: [stack.use(gateway)],
        data,
        connections: CONNECTIONS,
      });
    };
    const { go } = bench;
    if (go === undefined) recorder.skip(GO_MISSING);

    const all = [...new Set([...pushGroups, ...checkedGroups, ...ownGroups])].toSorted((a, b) => a - b);
    for (const groups of all) {
      const data = new DataSet(bench.shape, groups);
      if (data.series > MAX_SERIES) {
        recorder.skip(`${countGroups(groups)} of ${bench.shape}, which would be ${formatNumber(data.series)} series`);
        continue;
      }
      const filled = await startFilled(bench.waystation, MEMORY, data);
      add("waystation", "Waystation", data, filled, "go-unchecked", "go-checked");
      if (go !== undefined && pushGroups.includes(groups)) {
        add("go-unchecked", "Go unchecked", data, await startFilled(go, GO_UNCHECKED, data));
      }
      if (go !== undefined && checkedGroups.includes(groups)) {
        add("go-checked", "Go checked", data, await startChecked(bench, go, data));
      }
    }
    await measurePushRates(bench, recorder, contenders);
    await Promise.all(contenders.map(({ gateways, data }) => expectAll(gateways[0]!.port, data)));
  },
};

async function startFilled(program: GatewayProgram, flags: readonly string[], data: DataSet): Promise<Gateway> {
  const gateway = await Gateway.start(program, flags);
  try {
    await fill(gateway.port, data);
    return gateway;
  } catch (error) {
    await gateway.stop();
    throw error;
  }
}

/** With its check on, thousands of groups would take minutes to push: they are pushed without it, persisted, and loaded again. */
async function startChecked(bench: Bench, go: GatewayProgram, data: DataSet): Promise<Gateway> {
  const persistence = `--persistence.file=${join(newFolder(bench), "metrics")}`;
  const before = await startFilled(go, [...GO_UNCHECKED, persistence], data);
  await before.stop();
  return Gateway.start(go, [persistence]);
}
