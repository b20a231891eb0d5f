import { GatewayProcess } from "../../conformance/src/gateway-process.ts";
import { WAYSTATION_COMMAND } from "../../conformance/src/waystation.ts";

/** Waystation as users start it, with SQLite in an empty folder; `--web.enable-admin-api` and the like in `flags`. */
export function startGateway(...flags: string[]): Promise<GatewayProcess> {
  return GatewayProcess.start(WAYSTATION_COMMAND, ["--storage=sqlite:{dir}/waystation.db", ...flags]);
}

/** The samples of a scrape that belong to a metric family, in order. */
export async function samplesOf(gateway: GatewayProcess, family: string): Promise<string[]> {
  const response = await fetch(`${gateway.url}/metrics`);
  const lines = (await response.text()).split("\n");
  return lines.filter((line) => line.startsWith(`${family}{`) || line.startsWith(`${family} `));
}
