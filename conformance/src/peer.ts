import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** Makes a build by a distribution, with its older Go defaults, treat URLs and headers like the official one. */
const LIKE_THE_OFFICIAL_BUILD = "GODEBUG=httpmuxgo121=0,httplaxcontentlength=0,httpservecontentkeepheaders=0";

/**
 * The command of a Go Pushgateway: the one that PEER_PUSHGATEWAY names, that `scripts/peers` has fetched or that is on the PATH;
 * undefined if there is none.
 */
export function findPeer(): string | undefined {
  const found =
    process.env["PEER_PUSHGATEWAY"] ??
    tryToPrint(
      fileURLToPath(new URL("../../scripts/peers", import.meta.url)),
      ["--check"],
      "/prometheus-pushgateway",
    ) ??
    tryToPrint("sh", ["-c", "command -v prometheus-pushgateway || command -v pushgateway"]);
  return found && `env ${LIKE_THE_OFFICIAL_BUILD} ${found}`;
}

function tryToPrint(command: string, args: string[], suffix = ""): string | undefined {
  try {
    return execFileSync(command, args, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim() + suffix;
  } catch {
    return undefined;
  }
}
