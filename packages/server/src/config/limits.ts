import type { Limits } from "@waystation/core";
import type { FlagName, FlagValues } from "./flags.ts";

/** A limit that pushes and requests run into. */
export interface LimitFacts {
  /** Raises it. */
  readonly flag: FlagName;
  /** With which a request is refused. */
  readonly status: 400 | 408 | 413 | 429 | 431 | 503;
}

/** By the `limit` of errors. 503 is for what passes by itself, 429 for what somebody has to tidy up, or raise. */
const LIMITS = {
  bodyBytes: { flag: "push.max-body-bytes", status: 413 },
  familiesPerPush: { flag: "push.max-families", status: 413 },
  seriesPerPush: { flag: "push.max-series", status: 413 },
  labelsPerSeries: { flag: "push.max-labels", status: 400 },
  labelNameBytes: { flag: "push.max-label-name-bytes", status: 400 },
  labelValueBytes: { flag: "push.max-label-value-bytes", status: 400 },
  groups: { flag: "storage.max-groups", status: 429 },
  series: { flag: "storage.max-series", status: 429 },
  groupsPerJob: { flag: "storage.max-groups-per-job", status: 429 },
  seriesPerJob: { flag: "storage.max-series-per-job", status: 429 },
  waiting: { flag: "push.max-waiting", status: 503 },
  waitingBytes: { flag: "push.max-waiting-bytes", status: 503 },
  requestsInFlight: { flag: "web.max-requests-in-flight", status: 503 },
  bodyBytesInFlight: { flag: "web.max-body-bytes-in-flight", status: 503 },
  requestTime: { flag: "web.request-timeout", status: 408 },
} as const satisfies Record<string, LimitFacts>;

export type LimitName = keyof typeof LIMITS;

export function limitFacts(limit: string | undefined): LimitFacts | undefined {
  return limit !== undefined && Object.hasOwn(LIMITS, limit) ? LIMITS[limit as LimitName] : undefined;
}

/** `seriesPerPush` → `series_per_push`, as it is called in metrics. */
export function limitLabel(limit: string): string {
  return limit.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** The limits that the gateway itself sees to. */
export function gatewayLimits(flags: FlagValues): Limits {
  const most = (flag: "push.max-families" | "push.max-series" | "push.max-labels" | StoreFlag): number =>
    flags[flag] === 0 ? Infinity : flags[flag];
  return {
    familiesPerPush: most("push.max-families"),
    seriesPerPush: most("push.max-series"),
    labelsPerSeries: most("push.max-labels"),
    labelNameBytes: flags["push.max-label-name-bytes"],
    labelValueBytes: flags["push.max-label-value-bytes"],
    groups: most("storage.max-groups"),
    series: most("storage.max-series"),
    groupsPerJob: most("storage.max-groups-per-job"),
    seriesPerJob: most("storage.max-series-per-job"),
  };
}

type StoreFlag =
  | "storage.max-groups"
  | "storage.max-series"
  | "storage.max-groups-per-job"
  | "storage.max-series-per-job";
