import { dirname, join } from "node:path";
import { type Cursor, isWaystationError, ORIGIN, WaystationError } from "@waystation/core";
import { corrupt, type Disk, hasCode, syncFolder, unlinkIfThere } from "./disk.ts";
import { Log, type LogOptions } from "./log.ts";
import { recoverSegments } from "./recovery.ts";
import { createSegment } from "./segment-files.ts";
import { SnapshotFile, snapshotName, snapshotPosition } from "./snapshot-file.ts";

/** What a folder holds: the newest sound snapshot, and every entry after it. */
export interface OpenedFolder {
  readonly snapshot: SnapshotFile | undefined;
  readonly log: Log;
  /** What was repaired; one line. */
  readonly notice: string | undefined;
}

/** Makes the folder, and the folders above it, unless they are there. */
export async function ensureFolder(disk: Disk, folder: string): Promise<void> {
  try {
    const topmost = await disk.mkdir(folder, { recursive: true });
    if (topmost === undefined) return;
    for (let made = folder; ; made = dirname(made)) {
      await syncFolder(disk, dirname(made));
      if (made === topmost) return;
    }
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    const code = hasCode(error, "EEXIST", "ENOTDIR", "EACCES", "EPERM", "EROFS") ? "CONFIG" : "UNAVAILABLE";
    throw new WaystationError(code, `cannot make the journal folder ${folder}: ${reason}; choose another one`, {
      cause: error,
    });
  }
}

/** Recovers a folder that is locked already. */
export async function openFolder(options: LogOptions): Promise<OpenedFolder> {
  const { disk, folder } = options;
  const names = await disk.readdir(folder);
  for (const name of names) if (name.endsWith(".tmp")) await unlinkIfThere(disk, join(folder, name));

  const { snapshot, bad } = await newestSnapshot(disk, folder, names);
  try {
    const { segments, notice } = await recoverSegments(disk, folder, names, snapshot?.at ?? ORIGIN);
    if (segments.length === 0) {
      if (snapshot || bad) throw segmentsMissing(folder);
      segments.push(await createSegment(disk, folder, 1, ORIGIN.tag));
    }
    const log = new Log(options, segments);
    if (snapshot && !(await log.has(snapshot.at))) throw anotherHistory(snapshot.path, snapshot.at);
    if (bad && log.head.position < bad.position) throw bad.error;
    return { snapshot, log, notice: bad ? await setAside(disk, bad, snapshot) : notice };
  } catch (error) {
    await snapshot?.close();
    throw bad && isWaystationError(error, "CORRUPT") ? bad.error : error;
  }
}

interface BadSnapshot {
  readonly path: string;
  readonly position: number;
  readonly error: WaystationError;
}

/** The newest snapshot that verifies, and the newest of those that should have been taken instead. */
async function newestSnapshot(
  disk: Disk,
  folder: string,
  names: readonly string[],
): Promise<{ snapshot: SnapshotFile | undefined; bad: BadSnapshot | undefined }> {
  const positions = names.map(snapshotPosition).filter((position) => position !== undefined);
  positions.sort((a, b) => b - a);
  let bad: BadSnapshot | undefined;
  for (const position of positions) {
    const name = snapshotName(position);
    try {
      return { snapshot: await SnapshotFile.open(disk, folder, name), bad };
    } catch (error) {
      if (!isWaystationError(error, "CORRUPT")) throw error;
      bad ??= { path: join(folder, name), position, error };
    }
  }
  return { snapshot: undefined, bad };
}

/** Keeps a bad snapshot under another name, since all that it held is known otherwise. */
async function setAside(disk: Disk, bad: BadSnapshot, used: SnapshotFile | undefined): Promise<string> {
  const kept = `${bad.path}.bad-${Date.now()}`;
  await disk.rename(bad.path, kept);
  const instead = used ? `the snapshot of position ${used.at.position} and the entries since` : "all entries";
  return `${bad.error.message} (It was not needed: ${instead} are complete. It is kept as ${kept}.)`;
}

function segmentsMissing(folder: string): WaystationError {
  return new WaystationError(
    "CORRUPT",
    `${folder} has a snapshot, but no segments: entries may be missing. To go on: restore the folder from a backup`,
  );
}

function anotherHistory(path: string, { position, tag }: Cursor): WaystationError {
  return corrupt(
    path,
    0,
    `the snapshot is of position ${position} with tag ${tag}, which the segments do not have`,
    "restore the folder from a backup",
  );
}
