/**
 * Builds the web interface: `dist` beside this file, with compressed forms of each asset.
 *
 *   node build.ts              always
 *   node build.ts --if-stale   only if the sources have changed since
 */
import { createHash } from "node:crypto";
import { existsSync, globSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const root = fileURLToPath(new URL(".", import.meta.url));
const dist = join(root, "dist");
/** Says what the present build was made from. */
const stamp = join(dist, ".sources");

/** The old build stays until the new one is complete, also when several processes build at once. */
export async function buildUi(): Promise<void> {
  const { build } = await import("vite");
  const target = join(root, "../node_modules/.cache", `ui-${process.pid}`);
  await build({ configFile: join(root, "vite.config.ts"), build: { outDir: target, emptyOutDir: true } });
  for (const file of globSync("static/*.{js,css,svg}", { cwd: target })) compress(join(target, file));
  compress(join(target, "index.html"));
  writeFileSync(join(target, ".sources"), hashOfSources());
  rmSync(dist, { recursive: true, force: true });
  renameSync(target, dist);
}

export async function buildUiIfStale(): Promise<void> {
  if (!existsSync(stamp) || readFileSync(stamp, "utf8") !== hashOfSources()) await buildUi();
}

function compress(file: string): void {
  const bytes = readFileSync(file);
  writeFileSync(`${file}.gz`, gzipSync(bytes, { level: 9 }));
  writeFileSync(
    `${file}.br`,
    brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_SIZE_HINT]: bytes.length } }),
  );
}

/** Of everything that goes into the build, the versions of what is bundled included. */
function hashOfSources(): string {
  const files = [
    "index.html",
    "build.ts",
    "vite.config.ts",
    "../package.json",
    ...globSync("src/**/*.*", { cwd: root }),
  ];
  const hash = createHash("sha256");
  for (const file of files.toSorted((a, b) => (a < b ? -1 : 1))) {
    hash
      .update(`${file.replaceAll("\\", "/")}\0`)
      .update(readFileSync(join(root, file)))
      .update("\0");
  }
  return hash.digest("hex");
}

if (import.meta.main) await (process.argv.includes("--if-stale") ? buildUiIfStale() : buildUi());
