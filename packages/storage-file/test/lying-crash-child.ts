import { setTimeout as delay } from "node:timers/promises";
import type { AppendOwn, Cursor, Tail } from "@waystation/core";
import { journalCrashChild } from "@waystation/core/testing";
import { FileJournal } from "../src/index.ts";

/** Acknowledges an append a moment before it is stored. */
class LyingJournal extends FileJournal {
  #storing: Promise<unknown> = Promise.resolve();

  override async append(data: Uint8Array, since: Cursor, own: AppendOwn): Promise<{ at: Cursor; tail: Tail }> {
    const copy = new Uint8Array(data);
    this.#storing = this.#storing.then(() => delay(3)).then(() => super.append(copy, since, own));
    const at = { position: since.position + 1, tag: own.tag };
    return { at, tail: { entries: [], head: since.position, time: Date.now() } };
  }
}

await journalCrashChild((directory) => new LyingJournal({ directory }));
