import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

/** Starts Waystation from its sources, keeping nothing on disk. */
export const WAYSTATION_COMMAND = `'${process.execPath}' '${root}packages/server/src/cli.ts'`;

/** The answers of the Go Pushgateway that the suite compares with unless it is given a peer. */
export const RECORDING_FILE = fileURLToPath(new URL("../recordings/pushgateway.json", import.meta.url));

/** Where the deliberate differences are explained. */
export const DIFFERENCES_FILE = `${root}docs/differences.md`;
