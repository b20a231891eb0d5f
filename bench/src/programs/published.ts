import { spawnSync } from "node:child_process";
import { cpSync, existsSync, globSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../../..", import.meta.url));

/** As far as it matters for running a package. */
interface Manifest {
  readonly files: readonly string[];
  readonly publishConfig?: object;
}

/**
 * Builds the packages and lays them out in a folder as their users get them, but with the dependencies of this workspace. In the workspace
 * itself packages find each other as sources, and Node has to strip the types of each module before it can start.
 *
 * @param folder empty
 * @returns the path of the command
 */
export function layOutPackages(folder: string): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, [`${root}scripts/build.ts`], { encoding: "utf8" });
  if (status !== 0) throw new Error(`the packages cannot be built\n${stdout}${stderr}`);
  for (const path of globSync("packages/*", { cwd: root })) {
    const source = join(root, path);
    const target = join(folder, path);
    mkdirSync(target, { recursive: true });
    const manifest = JSON.parse(readFileSync(join(source, "package.json"), "utf8")) as Manifest;
    writeFileSync(join(target, "package.json"), JSON.stringify({ ...manifest, ...manifest.publishConfig }));
    for (const file of manifest.files) {
      if (!file.startsWith("!")) cpSync(join(source, file), join(target, file), { recursive: true });
    }
    // Links among the packages are relative, and so lead to those that were laid out.
    const modules = join(source, "node_modules");
    if (existsSync(modules)) cpSync(modules, join(target, "node_modules"), { recursive: true, verbatimSymlinks: true });
  }
  symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
  return join(folder, "packages/server/dist/cli.js");
}
