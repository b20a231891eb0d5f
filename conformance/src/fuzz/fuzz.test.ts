import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { findPeer } from "../peer.ts";
import { WAYSTATION_COMMAND } from "../waystation.ts";
import { fuzz } from "./fuzz.ts";

const peer = findPeer();
const runs = process.env["WAYSTATION_SOAK"] === "1" ? 10_000 : 100;

test(`Waystation and the Go Pushgateway show the same after every step of ${runs} random sequences`, {
  skip: peer === undefined && "no prometheus-pushgateway here: scripts/peers fetches it",
}, async (context) => {
  context.diagnostic(execFileSync("sh", ["-c", `${peer} --version`], { encoding: "utf8" }).split("\n")[0]!);
  await fuzz({ peer: peer!, candidate: WAYSTATION_COMMAND, runs });
});
