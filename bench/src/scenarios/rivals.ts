import { type Bench, GO_UNCHECKED, MEMORY } from "../bench.ts";
import type { DataSet } from "../data/data-set.ts";
import { fill } from "../http/fill.ts";
import { Gateway, type GatewayProgram } from "../programs/gateway.ts";
import type { SeriesHead } from "../report/measurements.ts";

/** One of the two programs, filled, keeping everything in memory. */
export interface Rival {
  readonly id: "waystation" | "go";
  readonly name: string;
  readonly gateway: Gateway;
}

/** Starts Waystation, and the Go Pushgateway, without its consistency check, if it is here. Ended by the stack. */
export async function startRivals(bench: Bench, stack: AsyncDisposableStack, data: DataSet): Promise<Rival[]> {
  const rivals: Rival[] = [];
  const start = async (id: Rival["id"], program: GatewayProgram, flags: readonly string[]) => {
    const gateway = stack.use(await Gateway.start(program, flags));
    await fill(gateway.port, data);
    rivals.push({ id, name: program.name, gateway });
  };
  await start("waystation", bench.waystation, MEMORY);
  if (bench.go !== undefined) await start("go", bench.go, GO_UNCHECKED);
  return rivals;
}

/** A rival's part in something that is measured of both. */
export function seriesOf({ id, name }: Rival, prefix: string, what: string, unit: string): SeriesHead {
  return { id: `${prefix}.${id}`, what, who: name, unit, against: id === "go" ? [] : [`${prefix}.go`] };
}
