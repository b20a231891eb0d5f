import { mkdtemp, readdir, readFile, rm, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Cursor, compareBytes, type Entry, ORIGIN } from "@waystation/core";
import { FileJournal, type FileJournalOptions } from "../src/index.ts";
import { openFolder } from "../src/open-folder.ts";
import { HASTY_DISK } from "./intercepted-disk.ts";

export async function temporaryFolder(): Promise<{ path: string; [Symbol.asyncDispose]: () => Promise<void> }> {
  const path = await mkdtemp(join(tmpdir(), "file-journal-"));
  return { path, [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }) };
}

export interface Content {
  readonly payloads: readonly Uint8Array[];
  /** Position and bytes of each snapshot to publish. */
  readonly snapshots?: readonly (readonly [number, Uint8Array])[];
}

/** Fills a folder through the journal. Returns the entries. */
export async function fill(options: FileJournalOptions, { payloads, snapshots = [] }: Content): Promise<Entry[]> {
  const journal = new FileJournal(options, HASTY_DISK);
  await journal.open();
  const entries: Entry[] = [];
  let since: Cursor = ORIGIN;
  for (const data of payloads) {
    const own = { tag: String(1000 + entries.length), deadline: Number.POSITIVE_INFINITY };
    const { at } = await journal.append(data, since, own);
    since = at;
    entries.push({ ...at, data });
    for (const [position, bytes] of snapshots) {
      if (position === at.position) await journal.compact(at, once(bytes));
    }
  }
  await journal.close();
  return entries;
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}

export interface Found {
  readonly snapshot: { readonly position: number; readonly bytes: Buffer } | undefined;
  readonly entries: readonly Entry[];
  readonly notice: string | undefined;
}

/** Opens a folder as the journal does, only without the lock, and reads all there is. */
export async function findAll(folder: string): Promise<Found> {
  const { snapshot, log, notice } = await openFolder({ disk: HASTY_DISK, folder, segmentBytes: 1 });
  try {
    const chunks: Uint8Array[] = [];
    if (snapshot) for await (const chunk of snapshot.read()) chunks.push(chunk);
    const since = snapshot?.at ?? ORIGIN;
    const entries = await log.read(since);
    return { snapshot: snapshot && { position: since.position, bytes: Buffer.concat(chunks) }, entries, notice };
  } finally {
    await snapshot?.close();
    await log.close();
  }
}

/** The files of a folder, to put them back after each experiment. */
export class Files {
  readonly #folder: string;
  readonly content: ReadonlyMap<string, Buffer>;

  private constructor(folder: string, content: ReadonlyMap<string, Buffer>) {
    this.#folder = folder;
    this.content = content;
  }

  static async of(folder: string): Promise<Files> {
    const content = new Map<string, Buffer>();
    for (const name of await readdir(folder)) {
      if (name !== "lock.db") content.set(name, await readFile(join(folder, name)));
    }
    return new Files(folder, content);
  }

  /** The segment that is written to. */
  get lastSegment(): string {
    return [...this.content.keys()]
      .filter((name) => name.startsWith("segment-"))
      .sort(compareBytes)
      .at(-1)!;
  }

  async put(name: string, bytes: Uint8Array): Promise<void> {
    await writeFile(join(this.#folder, name), bytes);
  }

  /** Returns the names of files that were not there before. */
  async restore(): Promise<string[]> {
    const added: string[] = [];
    for (const name of await readdir(this.#folder)) {
      if (name === "lock.db" || this.content.has(name)) continue;
      added.push(name);
      await unlink(join(this.#folder, name));
    }
    for (const [name, bytes] of this.content) await this.put(name, bytes);
    return added;
  }
}
