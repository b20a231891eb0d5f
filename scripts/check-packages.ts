/**
 * Packs what `pnpm build` built and looks at the tarballs as their users will: publint, are-the-types-wrong, and an installation
 * into an empty folder in which the library is used and the command serves from each storage.
 */
import { spawnSync } from "node:child_process";
import { globSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { GatewayProcess } from "../conformance/src/gateway-process.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "waystation-packages-"));

function run(command: string, args: string[], cwd = root): string {
  const { status, stdout, stderr, error } = spawnSync(command, args, { cwd, encoding: "utf8", timeout: 180_000 });
  if (status !== 0) {
    throw new Error(`${command} ${args.join(" ")}: ${error ?? `exit code ${status}`}\n${stdout}${stderr}`);
  }
  return stdout;
}

const LIBRARY_USE = `
import { Gateway, MemoryJournal, groupingKey } from "@waystation/core";
const gateway = await Gateway.open({ journal: new MemoryJournal() });
await gateway.push({ key: groupingKey({ job: "packed" }), mode: "replace", body: "answer 42\\n" });
const text = (await gateway.expose()).text();
await gateway.close();
if (!text.includes('answer{instance="",job="packed"} 42')) throw new Error("not exposed:\\n" + text);
`;

try {
  run("npx", ["-y", "pnpm@10", "--recursive", "--filter", "./packages/*", "pack", "--pack-destination", folder]);
  const tarballs = globSync("*.tgz", { cwd: folder }).map((file) => join(folder, file));

  for (const tarball of tarballs) {
    run("publint", ["run", "--strict", tarball]);
    run("attw", ["--profile", "esm-only", tarball]);
    console.log(`${tarball.slice(folder.length + 1)}: publint and attw found nothing`);
  }

  const user = join(folder, "user");
  run("mkdir", [user]);
  writeFileSync(join(user, "package.json"), JSON.stringify({ type: "module", private: true }));
  writeFileSync(join(user, "use.js"), LIBRARY_USE);
  run("npm", ["install", "--no-audit", "--no-fund", ...tarballs], user);
  run(process.execPath, ["use.js"], user);
  const command = `'${process.execPath}' '${user}/node_modules/.bin/waystation'`;
  for (const storage of ["memory:", "file:{dir}/journal", "sqlite:{dir}/waystation.db"]) {
    await using gateway = await GatewayProcess.start(command, [`--storage=${storage}`]);
    const { status } = await fetch(`${gateway.url}/metrics/job/packed`, { method: "PUT", body: "answer 42\n" });
    const text = await (await fetch(`${gateway.url}/metrics`)).text();
    if (status !== 200 || !text.includes("answer{")) throw new Error(`${storage} does not work\n${gateway.output}`);
    const page = await (await fetch(gateway.url)).text();
    const script = /static\/[^"]+\.js/.exec(page)?.[0];
    if (script === undefined || !(await fetch(`${gateway.url}/${script}`)).ok)
      throw new Error("no web interface is packed");
    console.log(`installed, it serves from ${storage}`);
  }
} finally {
  rmSync(folder, { recursive: true });
}
