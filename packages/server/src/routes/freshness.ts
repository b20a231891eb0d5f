import { setTimeout as delay } from "node:timers/promises";
import type { Gateway } from "@waystation/core";

/** How long readers wait for a shared journal, milliseconds; then they are shown what is known. As with a scrape. */
const PATIENCE_MS = 1_000;

/** Catches up with what other replicas took, if the journal answers in time. */
export async function catchUp(gateway: Gateway): Promise<void> {
  const timer = new AbortController();
  await Promise.race([
    gateway.refresh().catch(() => undefined),
    delay(PATIENCE_MS, undefined, { signal: timer.signal }).catch(() => undefined),
  ]);
  timer.abort();
}
