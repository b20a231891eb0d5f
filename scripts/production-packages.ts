/** What a user of the published packages installs with them, as pnpm knows it from the lockfile. */
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

export interface ProductionPackage {
  readonly name: string;
  readonly version: string;
  /** As its package.json says, an SPDX expression where that is well-formed. */
  readonly license: string;
}

/** Ordered by name and version. */
export function productionPackages(): ProductionPackage[] {
  const root = fileURLToPath(new URL("..", import.meta.url));
  const filters = ["--filter", "./packages/*"];
  const { status, stdout, stderr } = spawnSync(
    "npx",
    ["-y", "pnpm@10", ...filters, "licenses", "list", "--json", "--prod"],
    {
      cwd: root,
      encoding: "utf8",
      maxBuffer: 2 ** 26,
    },
  );
  if (status !== 0) throw new Error(`pnpm licenses: exit code ${status}\n${stdout}${stderr}`);
  const byLicense = JSON.parse(stdout) as Record<string, { name: string; versions: string[] }[]>;
  return Object.entries(byLicense)
    .flatMap(([license, packages]) =>
      packages.flatMap(({ name, versions }) => versions.map((version) => ({ name, version, license }))),
    )
    .sort((a, b) => (purl(a) < purl(b) ? -1 : 1));
}

/** The package URL (github.com/package-url/purl-spec). */
export function purl({ name, version }: ProductionPackage): string {
  return `pkg:npm/${name.replace("@", "%40")}@${version}`;
}
