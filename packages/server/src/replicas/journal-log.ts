import type { ChannelMessages, Gateway } from "@waystation/core";
import { onGatewayEvent } from "../gateway-events.ts";
import type { Logger } from "../logging.ts";
import { keepLostEntries } from "./lost-entries-file.ts";

/** How often a difference between replicas is logged at most, in milliseconds: it may come with every entry. */
const DIVERGENCE_EVERY = 60_000;

/** Logs what an operator should know of a gateway and its journal, and keeps what was lost in files. Returns a function that ends it. */
export function logJournal(gateway: Gateway, logger: Logger, lostEntriesFolder: string): () => void {
  let lastDivergence = Number.NEGATIVE_INFINITY;
  const stops = [
    onGatewayEvent(gateway, "waystation:rewound", ({ outcome, position, error }) => {
      const details = { position, ...(error && { err: error }) };
      if (outcome === "restored") logger.warn(details, "the journal had lost entries, and has got them back");
      else if (outcome === "diverged") logger.error(details, "the journal holds another history");
      else logger.error(details, "the journal has lost entries, and cannot be put right yet");
    }),
    onGatewayEvent(gateway, "waystation:lost", (lost) => logLost(lost, logger, lostEntriesFolder)),
    onGatewayEvent(gateway, "waystation:divergence", ({ position }) => {
      const now = performance.now();
      if (now - lastDivergence < DIVERGENCE_EVERY) return;
      lastDivergence = now;
      logger.error({ position }, "this replica's state was not that of another one: one of them is wrong");
    }),
    onGatewayEvent(gateway, "waystation:reload", ({ reason }) => {
      logger.warn({ err: reason }, "loading the state anew from the journal");
    }),
    onGatewayEvent(gateway, "waystation:halt", ({ error }) => {
      logger.error({ err: error }, "the journal cannot be followed any further: no push is acknowledged from now on");
    }),
    onGatewayEvent(gateway, "waystation:compaction", ({ outcome, error }) => {
      if (outcome === "failed") logger.warn({ err: error }, "no snapshot could be made; it will be tried again");
    }),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}

function logLost(lost: ChannelMessages["waystation:lost"], logger: Logger, folder: string): void {
  const { from, to, entries, bytes } = lost;
  const details = {
    from,
    to,
    entries: to - from + 1,
    held: entries.length,
    bytes,
    tags: entries.slice(0, 10).map(({ tag }) => tag),
  };
  let kept: { readonly file?: string; readonly err?: unknown } = {};
  if (folder !== "" && entries.length > 0) {
    try {
      kept = { file: keepLostEntries(folder, lost) };
    } catch (error) {
      kept = { err: error };
    }
  }
  logger.error({ ...details, ...kept }, "the journal has lost acknowledged pushes");
}
