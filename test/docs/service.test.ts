/** The command that docs/operations.md gives to supervisors: signals reach the gateway, and its data is where it was started. */
import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url)).replace(/\/$/, "");

test("the service's command ends well by SIGTERM and keeps its data where it was started", async (t) => {
  const operations = readFileSync(join(root, "docs/operations.md"), "utf8");
  const [program = "", ...args] = /^ExecStart=(.*)$/m
    .exec(operations)![1]!
    .replaceAll("/opt/waystation", root)
    .split(" ");
  const folder = mkdtempSync(join(tmpdir(), "service-"));
  t.after(() => rmSync(folder, { recursive: true }));
  const child = spawn(program, [...args, "--web.listen-address=127.0.0.1:0"], { cwd: folder });
  t.after(() => child.kill("SIGKILL"));
  const exited = once(child, "exit");
  const lines: string[] = [];
  for await (const line of createInterface({ input: child.stderr })) {
    lines.push(line);
    if (line.includes("msg=listening")) child.kill("SIGTERM");
  }
  assert.deepEqual(await exited, [0, null], lines.join("\n"));
  assert.ok(existsSync(join(folder, "waystation.db")));
});
