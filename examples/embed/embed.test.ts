import assert from "node:assert/strict";
import { spawnSync } from "node:child_process";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

test("the embedded gateway exposes what was pushed and not deleted", () => {
  const program = fileURLToPath(new URL("embed.ts", import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [program], { encoding: "utf8", timeout: 30_000 });
  assert.equal(status, 0, stderr);
  const pushed = stdout.split("\n").filter((line) => line.startsWith("backup_"));
  assert.deepEqual(pushed, [
    'backup_files{instance="db1",job="backup",kind="changed"} 7',
    'backup_files{instance="db1",job="backup",kind="new"} 12',
    'backup_size_bytes{instance="db1",job="backup"} 4.2e+09',
  ]);
  assert.match(stderr, /refused, as it should be: line 1, column 19/);
});
