import assert from "node:assert/strict";
import { execFile, spawnSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { openJournal, readAll, temporaryPath } from "./kit.ts";

const run = promisify(execFile);
const child = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

/** Runs a command line in a mount namespace of its own, with a file system of 6 MiB at the first argument. */
const ON_SMALL_DISK = ["--map-root-user", "--mount", "sh", "-c", 'mount -t tmpfs -o size=6m tmpfs "$0" && exec "$@"'];
const mayMount = spawnSync("unshare", [...ON_SMALL_DISK, "/mnt", "true"]).status === 0;

test("a full disk refuses appends, loses nothing, and is used again when there is room", {
  skip: !mayMount && "needs Linux and the right to mount a small file system (unshare)",
}, async (t) => {
  const folder = dirname(await temporaryPath(t));
  const { stdout } = await run("unshare", [
    ...ON_SMALL_DISK,
    folder,
    process.execPath,
    child("./full-disk-child.ts"),
    folder,
  ]);
  t.diagnostic(stdout.trim());
});

test("after a disk error nothing is written until a restart, which checks the file", {
  skip: process.platform === "win32" && "has no limit on the size of files",
}, async (t) => {
  const path = await temporaryPath(t);
  const limited = ["-c", 'ulimit -f 2000; exec "$@"', "sh", process.execPath, child("./file-limit-child.ts"), path];
  const { stdout } = await run("sh", limited);
  t.diagnostic(stdout.trim());
  const acknowledged = Number(/failed after (\d+)/.exec(stdout)?.[1]);
  assert(acknowledged > 10);
  const journal = await openJournal(t, path);
  assert((await readAll(journal)).length >= acknowledged);
  assert(!existsSync(`${path}-suspect`), "it was checked, and is no suspect any more");
});
