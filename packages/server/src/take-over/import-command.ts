import { Gateway, WaystationError } from "@waystation/core";
import { redactUrl, type Settings } from "../config/settings.ts";
import { fetchGateway } from "../import/fetch-gateway.ts";
import type { Logger } from "../logging.ts";
import { createJournal } from "../storage.ts";
import { restoreGroups } from "./restore-groups.ts";

export interface ImportOptions {
  /** Address of the gateway to read. */
  readonly from: string;
  /** Path of its metrics below that address. Default: `/metrics`. */
  readonly telemetryPath?: string | undefined;
  /** Import even if the storage holds groups already. Default: false. */
  readonly intoNonEmpty?: boolean | undefined;
}

/**
 * `waystation import`: takes all groups of a running Pushgateway into the storage that the settings name. It may be repeated, and a
 * gateway may be running on that storage if it is one that can be shared: groups that were pushed to later than in the old gateway
 * stay as they are.
 *
 * @throws `CONFIG` if the storage is none to import into; what `fetchGateway`, the gateway's `open` and its `restore` throw
 */
export async function importGroups(options: ImportOptions, settings: Settings, logger: Logger): Promise<void> {
  const storage = redactUrl(settings.storageUrl);
  if (storage === "memory:") {
    throw new WaystationError("CONFIG", "memory: keeps nothing when the import ends: name another --storage");
  }
  const gateway = await Gateway.open({ journal: await createJournal(settings.storageUrl) });
  try {
    const { groups: present } = gateway.health();
    if (present > 0 && !options.intoNonEmpty) {
      throw new WaystationError(
        "CONFIG",
        `${storage} holds ${present} groups already: add --into-non-empty to import all the same. Groups of the same key are then ` +
          "replaced, except those that were pushed to later than in the old gateway",
      );
    }
    const from = redactUrl(options.from);
    const groups = await fetchGateway(options.from, {
      ...(options.telemetryPath !== undefined && { telemetryPath: options.telemetryPath }),
      onProgress: ({ round, groups, total }) => logger.info({ from, round, groups, of: total }, "reading groups"),
    });
    const counts = await restoreGroups(gateway, groups, logger);
    logger.info({ from, ...counts, storage }, "imported");
  } finally {
    await gateway.close();
  }
}
