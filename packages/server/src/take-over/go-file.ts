import { closeSync, existsSync, fsyncSync, openSync, readFileSync, rmSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { type Gateway, WaystationError } from "@waystation/core";
import type { GoGroup } from "../import/go-group.ts";
import { readGoPersistenceFile } from "../import/go-persistence-file.ts";
import type { Logger } from "../logging.ts";
import { restoreGroups } from "./restore-groups.ts";

/**
 * Reads the file that a Go Pushgateway left behind into the gateway, if nothing was ever stored in the gateway's journal. The file
 * stays as it is, and is not looked at again: from then on the journal is what counts.
 *
 * A mark beside the journal says that this is not done yet, so that after a crash it begins anew, which does no harm.
 *
 * @param directory of the gateway's journal
 * @throws `CONFIG` if the file cannot be read, is damaged, or is not the Go Pushgateway's: to start without what it holds would lose
 *   it; else what {@link Gateway.restore} throws
 */
export async function takeOverGoFile(gateway: Gateway, file: string, directory: string, logger: Logger): Promise<void> {
  const mark = `${directory}.importing`;
  if (!existsSync(file) || (gateway.health().position > 0 && !existsSync(mark))) return;
  const groups = readGroups(file);
  logger.info({ file, groups: groups.length }, "importing the Go Pushgateway's persistence file");
  syncedly(mark, () => closeSync(openSync(mark, "a")));
  const counts = await restoreGroups(gateway, groups, logger);
  syncedly(mark, () => rmSync(mark));
  logger.info({ file, ...counts, directory }, "imported; the file is left as it was and not read again");
}

function readGroups(file: string): GoGroup[] {
  try {
    return readGoPersistenceFile(readFileSync(file));
  } catch (error) {
    throw new WaystationError(
      "CONFIG",
      `--persistence.file=${file} cannot be imported: ${(error as Error).message}. ` +
        "Put an undamaged copy in its place, or move it away to start without what it holds",
      { cause: error },
    );
  }
}

/** Makes what is done to the names in a file's folder outlive a power failure. */
function syncedly(file: string, change: () => void): void {
  change();
  // Windows has no handles of folders.
  if (process.platform === "win32") return;
  const folder = openSync(dirname(resolve(file)), "r");
  try {
    fsyncSync(folder);
  } finally {
    closeSync(folder);
  }
}
