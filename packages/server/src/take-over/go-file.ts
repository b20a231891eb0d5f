import { closeSync, existsSync, fsyncSync, openSync, readFileSync, renameSync, rmSync } from "node:fs";
import path from "node:path";
import { Gateway, WaystationError } from "@waystation/core";
import { readGoPersistenceFile } from "../import/go-persistence-file.ts";
import type { Logger } from "../logging.ts";
import { createJournal } from "../storage.ts";
import { restoreGroups } from "./standing-group.ts";

/**
 * Reads the file that a Go Pushgateway left behind into a new file journal, once: if the journal's directory exists, it is what
 * counts. The journal is made beside its place and moved there when it is complete, so that an import that was cut off begins
 * anew. The file itself stays as it is.
 *
 * @throws `CONFIG` if the file cannot be read, is damaged, or is not the Go Pushgateway's: starting without what it holds, and
 *   with an empty journal in its place, would lose it
 */
export async function takeOverGoFile(file: string, directory: string, logger: Logger): Promise<void> {
  if (existsSync(directory) || !existsSync(file)) return;
  const groups = readGroups(file);
  const unfinished = `${directory}.importing`;
  rmSync(unfinished, { recursive: true, force: true });
  const gateway = await Gateway.open({ journal: await createJournal(`file:${unfinished}`) });
  let taken: number;
  try {
    taken = await restoreGroups(gateway, groups, logger);
    await gateway.compact();
  } finally {
    await gateway.close();
  }
  renameSync(unfinished, directory);
  syncDirectory(path.dirname(path.resolve(directory)));
  logger.info(
    { file, groups: taken, directory },
    "imported the Go Pushgateway's persistence file, which is left as it was",
  );
}

function readGroups(file: string): ReturnType<typeof readGoPersistenceFile> {
  try {
    return readGoPersistenceFile(readFileSync(file));
  } catch (error) {
    throw new WaystationError(
      "CONFIG",
      `--persistence.file=${file} cannot be imported: ${(error as Error).message}. Move the file away to start without it`,
      { cause: error },
    );
  }
}

/** Makes a rename in it outlive a power failure. */
function syncDirectory(directory: string): void {
  const descriptor = openSync(directory, "r");
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}
