import { spawnSync } from "node:child_process";
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { fileURLToPath } from "node:url";
import type { GatewayProgram } from "./gateway.ts";

const root = fileURLToPath(new URL("../../..", import.meta.url));

/** Waystation from its sources. */
export const SOURCES = `${root}packages/server/src/cli.ts`;

/** @param cli the command @param nodeOptions for its Node, such as `--cpu-prof` */
export function waystation(cli: string, nodeOptions: readonly string[]): GatewayProgram {
  return { name: "Waystation", command: [process.execPath, ...nodeOptions, cli] };
}

/** The Go Pushgateway: the one given, that PEER_PUSHGATEWAY names, that `scripts/peers` has fetched, or that is on the PATH. */
export function findGoPushgateway(given: string | undefined): GatewayProgram | undefined {
  const path =
    given ??
    process.env["PEER_PUSHGATEWAY"] ??
    fetchedPeer() ??
    findProgram("prometheus-pushgateway") ??
    findProgram("pushgateway");
  return path === undefined ? undefined : { name: "Go Pushgateway", command: [path] };
}

function fetchedPeer(): string | undefined {
  const { status, stdout } = spawnSync(`${root}scripts/peers`, ["--check"], { encoding: "utf8" });
  return status === 0 ? `${stdout.trim()}/prometheus-pushgateway` : undefined;
}

/** The path of a program on the PATH. */
export function findProgram(name: string): string | undefined {
  const folders = (process.env["PATH"] ?? "").split(delimiter);
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** The first line of what a program says about its version. */
export function versionOf(command: readonly string[], flag = "--version"): string {
  const [file, ...args] = command;
  const { stdout, stderr } = spawnSync(file!, [...args, flag], { encoding: "utf8", timeout: 10_000 });
  return (stdout || stderr || "unknown version").split("\n")[0]!.trim();
}
