import assert from "node:assert/strict";
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { isWaystationError, ORIGIN } from "@waystation/core";
import { FileJournal } from "../src/index.ts";
import { temporaryFolder } from "./journal-folder.ts";

const CHILD = fileURLToPath(new URL("./append-child.ts", import.meta.url));

class Child {
  readonly #process: ChildProcess;
  readonly #words: AsyncIterator<string>;

  constructor(command: string, args: readonly string[]) {
    this.#process = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
    this.#words = createInterface({ input: this.#process.stdout! })[Symbol.asyncIterator]();
  }

  async says(): Promise<string> {
    const { value } = await this.#words.next();
    return value;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#process.exitCode !== null || this.#process.signalCode !== null) return;
    this.#process.kill("SIGKILL");
    await once(this.#process, "exit");
  }
}

test("two processes cannot have one folder, until one of them dies", async () => {
  await using folder = await temporaryFolder();
  const directory = folder.path;
  await using first = new Child(process.execPath, [CHILD, directory, "0"]);
  assert.equal(await first.says(), "open");
  await using second = new Child(process.execPath, [CHILD, directory, "0"]);
  assert.equal(await second.says(), "LOCKED");

  const journal = new FileJournal({ directory });
  await assert.rejects(journal.open(), (error) => {
    return (
      isWaystationError(error, "LOCKED") && error.message.includes(directory) && /stop the other/.test(error.message)
    );
  });
  await first[Symbol.asyncDispose]();
  await journal.open();
  await journal.close();
});

test("at a file-size limit an append is refused with FULL, whole entries stay, and later there is room again", {
  skip: process.platform === "win32" && "Windows has no such limit",
}, async () => {
  await using folder = await temporaryFolder();
  const directory = folder.path;
  const size = 30_000;
  // ulimit counts blocks of 512 or 1,024 bytes, so the limit is 51,200 or 102,400 bytes, inside the second or the fourth entry.
  const limited = `ulimit -f 100 && exec "$0" "$@"`;
  const acknowledged = await (async () => {
    await using child = new Child("sh", ["-c", limited, process.execPath, CHILD, directory, String(size)]);
    assert.equal(await child.says(), "open");
    let count = 0;
    for (let word = await child.says(); word !== "FULL"; word = await child.says()) {
      assert.equal(word, "ok");
      count++;
    }
    return count;
  })();
  assert(acknowledged === 1 || acknowledged === 3, `${acknowledged} entries fit`);

  const journal = new FileJournal({ directory });
  await journal.open();
  const { detail } = await journal.health();
  assert.equal(detail, undefined, "the process had taken its unfinished append back");
  const { entries } = await journal.read(ORIGIN);
  assert.equal(entries.length, acknowledged);
  for (const { position, data } of entries) assert(Buffer.alloc(size, position).equals(data));
  const { position, tag } = entries.at(-1)!;
  const own = { tag: "99", deadline: Date.now() + 60_000 };
  const { at } = await journal.append(Buffer.alloc(size), { position, tag }, own);
  assert.equal(at.position, acknowledged + 1);
  await journal.close();
});
