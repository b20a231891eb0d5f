import { Gateway } from "@waystation/core";
import type { Settings } from "../config/settings.ts";
import { redactUrl } from "../config/settings.ts";
import { fetchGateway } from "../import/fetch-gateway.ts";
import type { Logger } from "../logging.ts";
import { createJournal } from "../storage.ts";
import { restoreGroups } from "./standing-group.ts";

/**
 * `waystation import --from URL`: takes all groups of a running Pushgateway into the storage that the settings name. Groups that are
 * there already under the same keys are replaced, so it can be repeated.
 *
 * @throws what `fetchGateway` and the gateway's `open` throw
 */
export async function importFrom(url: string, settings: Settings, logger: Logger): Promise<void> {
  const from = redactUrl(url);
  const groups = await fetchGateway(url, {
    onProgress: ({ round, groups: read, total }) =>
      logger.info({ from, round, groups: read, of: total }, "reading groups"),
  });
  const gateway = await Gateway.open({ journal: await createJournal(settings.storageUrl) });
  try {
    const taken = await restoreGroups(gateway, groups, logger);
    logger.info({ from, groups: taken, storage: redactUrl(settings.storageUrl) }, "imported");
  } finally {
    await gateway.close();
  }
}
