/**
 * Starts the gateway from the sources: `pnpm start`, with the gateway's own flags. The web interface is built first if that has not been
 * done since its sources changed, which takes about a second. Without it the gateway is the same, but for a plain page.
 */
import { buildUiIfStale } from "../packages/server/ui/build.ts";

try {
  await buildUiIfStale();
} catch (error) {
  console.error("The web interface could not be built:", error);
}
await import("../packages/server/src/cli.ts");
