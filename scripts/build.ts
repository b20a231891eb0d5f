/**
 * Builds what is published: `dist` of each package, with declarations. In the repository itself the sources run as they are.
 */
import { spawnSync } from "node:child_process";
import { cpSync, globSync, rmSync } from "node:fs";
import { extname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { rolldown } from "rolldown";
import { buildUi } from "../packages/server/ui/build.ts";

const root = fileURLToPath(new URL("..", import.meta.url));

for (const folder of globSync("packages/*/dist", { cwd: root })) rmSync(join(root, folder), { recursive: true });

await buildUi();

const { status } = spawnSync("tsc", ["--build", "tsconfig.build.json"], { cwd: root, stdio: "inherit" });
if (status !== 0) process.exit(1);

for (const folder of globSync("packages/*/src", { cwd: root })) {
  const source = join(root, folder);
  const target = join(source, "../dist");
  rmSync(join(target, ".tsbuildinfo"));
  // The compiler leaves behind what is not TypeScript, such as the description of the API.
  for (const file of globSync("**/*.*", { cwd: source })) {
    if (extname(file) !== ".ts") cpSync(join(source, file), join(target, file));
  }
}

await bundleCore();

/**
 * Puts the hundred modules of core into one file for each of its two entries, and what they share: loading so many small ones takes
 * a tenth of the time until a gateway is ready. The declarations stay as they are.
 */
async function bundleCore(): Promise<void> {
  const core = join(root, "packages/core");
  for (const file of globSync("dist/**/*.js", { cwd: core })) rmSync(join(core, file));
  const bundle = await rolldown({
    input: { index: join(core, "src/index.ts"), "testing/index": join(core, "src/testing/index.ts") },
    platform: "node",
    external: [/^node:/, "fast-check"],
  });
  await bundle.write({ dir: join(core, "dist"), format: "esm", chunkFileNames: "shared/[name].js" });
  await bundle.close();
}
