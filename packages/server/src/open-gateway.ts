import { setTimeout as sleep } from "node:timers/promises";
import { Gateway, type GatewayOptions, isWaystationError, type Journal, WaystationError } from "@waystation/core";
import type { Logger } from "./logging.ts";

/** Milliseconds between two attempts. */
const PAUSE = 1_000;

export interface OpenGatewayOptions extends Omit<GatewayOptions, "journal"> {
  /** Makes a journal for each attempt. */
  readonly createJournal: () => Promise<Journal>;
  /** For so many milliseconds it is tried again if the journal cannot be reached: at a start of everything it may come up later. */
  readonly patience: number;
  readonly logger: Logger;
}

/** @throws what {@link Gateway.open} throws; `UNAVAILABLE` only when patience is over */
export async function openGateway({ createJournal, patience, logger, ...options }: OpenGatewayOptions): Promise<{
  readonly gateway: Gateway;
  readonly journal: Journal;
}> {
  const until = performance.now() + patience;
  for (;;) {
    const journal = await createJournal();
    try {
      return { gateway: await Gateway.open({ ...options, journal }), journal };
    } catch (error) {
      if (!isWaystationError(error, "UNAVAILABLE")) throw error;
      const left = until - performance.now() - PAUSE;
      if (left < 0) {
        const remedy = "start it or check --storage; --storage.wait says how long to wait for it";
        throw new WaystationError("UNAVAILABLE", `${error.message}: ${remedy}`, { cause: error });
      }
      logger.warn({ err: error, secondsLeft: Math.round(left / 1000) }, "the storage cannot be reached yet");
      await sleep(PAUSE);
    }
  }
}
