import { createRequire } from "node:module";

const manifest = createRequire(import.meta.url)("../package.json") as { version: string };

/** The release of this package, like `0.1.0`. */
export const VERSION = manifest.version;

/** The release of the Go Pushgateway whose behaviour is followed. */
const PUSHGATEWAY_VERSION = "1.11";

/** Facts about this build under the names that the Pushgateway gives them; what is not known is empty. */
export const BUILD_INFO = {
  version: VERSION,
  revision: "",
  branch: "",
  goversion: `node${process.version}`,
  goos: process.platform,
  goarch: process.arch === "x64" ? "amd64" : process.arch,
  tags: "unknown",
} as const;

/** What `--version` prints: laid out as by the Pushgateway, because scripts read that. */
export function versionText(): string {
  return [
    `waystation, version ${VERSION} (like pushgateway, version ${PUSHGATEWAY_VERSION})`,
    `  node version:     ${process.version}`,
    `  platform:         ${BUILD_INFO.goos}/${BUILD_INFO.goarch}`,
  ].join("\n");
}
