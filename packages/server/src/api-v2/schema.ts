/**
 * The JSON of API v2, as `openapi.yaml` beside it describes it. The web interface is typed against this; the tests hold real answers
 * against the document.
 *
 * Times are seconds since the epoch. Sample values, counts and bounds are strings, spelled as in the text format, since JSON has no
 * infinities and no integers beyond 2^53.
 */

export type Labels = Readonly<Record<string, string>>;

export interface GroupSummary {
  /** Names the group in URLs. */
  readonly id: string;
  /** The grouping labels. */
  readonly labels: Labels;
  /** Where it is pushed to, below `/metrics/`, percent-encoded. */
  readonly path: string;
  readonly families: number;
  /** Sample lines, which is what Prometheus counts. */
  readonly series: number;
  readonly bytes: number;
  /** Null for never. */
  readonly pushTime: number | null;
  readonly failureTime: number | null;
  /** Did the newest push fail? One that could not even be read counts only in the process that it was sent to. */
  readonly failed: boolean;
  /** Why, if this process knows. */
  readonly failure: string | null;
}

export interface GroupList {
  readonly groups: readonly GroupSummary[];
  /** All that are stored. */
  readonly total: number;
  /** Those that the query is about. */
  readonly matched: number;
  /** How many of them come before the first one listed. */
  readonly offset: number;
  /** Where the next page begins; null behind the last group. */
  readonly next: string | null;
  /** Of the journal: grows with every change. */
  readonly position: number;
}

export type MetricType = "counter" | "gauge" | "summary" | "untyped" | "histogram" | "gauge_histogram";

export interface GroupDetail {
  readonly group: GroupSummary;
  readonly families: readonly Family[];
  /** Pushes and deletes that this replica remembers, newest first. */
  readonly pushes: readonly PushEvent[];
  readonly position: number;
}

export interface Family {
  readonly name: string;
  readonly type: MetricType;
  readonly help: string | null;
  readonly unit: string | null;
  /** When it was pushed. */
  readonly time: number;
  readonly series: number;
  readonly metrics: readonly Metric[];
  /** Metrics that are not listed, as there are too many. */
  readonly omitted: number;
}

/** Of `value`, `summary` and `histogram`, the one that belongs to the family's type. */
export interface Metric {
  readonly labels: Labels;
  readonly value?: string;
  readonly summary?: Summary;
  readonly histogram?: Histogram;
  readonly exemplars?: readonly Exemplar[];
}

export interface Summary {
  readonly count: string;
  readonly sum: string;
  readonly quantiles: readonly { readonly quantile: string; readonly value: string }[];
}

export interface Histogram {
  readonly count: string;
  readonly sum: string;
  /** Classic buckets: cumulative counts. */
  readonly buckets: readonly { readonly le: string; readonly count: string }[];
  /** Buckets of a native histogram that are not empty, from the lowest up; each with its own count. */
  readonly native: readonly NativeBucket[] | null;
}

export interface NativeBucket {
  readonly lower: string;
  readonly upper: string;
  readonly lowerInclusive: boolean;
  readonly upperInclusive: boolean;
  readonly count: string;
}

export interface Exemplar {
  readonly labels: Labels;
  readonly value: string;
  readonly time: number | null;
}

/** A push or delete as this replica saw it. */
export interface PushEvent {
  readonly time: number;
  /** `PUSH` if another replica refused it: which method it was is not known here. */
  readonly method: "PUT" | "POST" | "DELETE" | "PUSH";
  /** Address of the client, or "another replica"; null if it was forgotten. */
  readonly source: string | null;
  /** What it called itself (`User-Agent`). */
  readonly client: string | null;
  /** Of the body, as sent. */
  readonly bytes: number;
  /** Until it was answered; null if it went to another replica. */
  readonly milliseconds: number | null;
  readonly status: number;
  readonly outcome: "stored" | "refused" | "not stored";
  /** Why, for the newest one that failed. */
  readonly message: string | null;
}

/** Those groups that pass everything that is given. */
export interface DeleteRequest {
  /** Words that must occur in a label or in the name of a metric family. */
  readonly search?: string;
  readonly job?: string;
  /** The exact name of a metric family that the group holds. */
  readonly metric?: string;
  /** `job="x",instance=~"i.*"` */
  readonly selector?: string;
  /** Only groups whose last push is older: `90s`, `1h30m`, `7d`. */
  readonly olderThan?: string;
  /** Only groups whose newest push failed. */
  readonly failed?: boolean;
  /** Only these. */
  readonly ids?: readonly string[];
  /** Count, and delete nothing. */
  readonly dryRun?: boolean;
  /** Delete only if it would be this many. */
  readonly expect?: number;
}

export interface DeleteResult {
  /** Groups that the request is about. */
  readonly matched: number;
  /** Those that are gone. Fewer than matched if some were pushed to meanwhile. */
  readonly deleted: number;
  readonly dryRun: boolean;
  /** Some of those matched. */
  readonly sample: readonly GroupSummary[];
}

export interface CheckResult {
  /** Would a push of it be taken, as far as its text alone decides that? */
  readonly valid: boolean;
  readonly errors: readonly CheckError[];
  readonly warnings: readonly CheckWarning[];
  readonly families: readonly CheckedFamily[];
  readonly series: number;
}

export interface CheckError {
  readonly message: string;
  /** Counts from 1; null if the error is not of one line. */
  readonly line: number | null;
  readonly column: number | null;
}

export interface CheckWarning {
  readonly metric: string;
  /** Stable: what kind of warning it is. */
  readonly rule: string;
  readonly message: string;
  readonly line: number | null;
}

export interface CheckedFamily {
  readonly name: string;
  readonly type: MetricType;
  readonly help: string | null;
  readonly metrics: number;
}

export interface Status {
  readonly version: string;
  readonly build: Readonly<Record<string, string>>;
  readonly startTime: number;
  readonly now: number;
  /** `--web.external-url`, if it is a whole URL. */
  readonly externalUrl: string | null;
  /** What Prometheus scrapes, below the route prefix, without a leading slash. */
  readonly telemetryPath: string;
  readonly flags: Readonly<Record<string, string>>;
  readonly ready: boolean;
  readonly reason: string | null;
  readonly storage: StorageStatus;
  readonly groups: number;
  readonly limits: readonly Limit[];
  /** What the newest scrape left out, as it contradicts something else; at most 100 of them. */
  readonly hidden: readonly HiddenFamily[];
  readonly process: ProcessSample;
}

/** A metric family that is stored, but not exposed. */
export interface HiddenFamily {
  readonly family: string;
  /** `{job="backup"}` */
  readonly group: string;
}

export interface StorageStatus {
  readonly kind: string;
  /** May other replicas use it too? */
  readonly shared: boolean;
  /** What an acknowledged push outlives. */
  readonly survives: "nothing" | "gateway-crash" | "storage-crash" | "host-crash" | "host-loss";
  readonly position: number;
  /** Entries of others that were not read yet. */
  readonly behind: number;
  /** When a shared journal last answered. */
  readonly lastContact: number | null;
  /** Of entries since the newest snapshot. */
  readonly journalBytes: number;
  readonly snapshotBytes: number;
  /** The newest one that this process made. */
  readonly lastSnapshot: { readonly time: number; readonly bytes: number; readonly milliseconds: number } | null;
  /** Has another replica been seen appending since this process started, and when last? */
  readonly othersSeen: number | null;
}

/** Something that is bounded, and how much of it is used. */
export interface Limit {
  readonly name: string;
  /** The flag that sets it. */
  readonly flag: string | null;
  readonly unit: "bytes" | "count";
  readonly limit: number;
  /** Null where there is no present value. */
  readonly used: number | null;
}

/** What the process has done and uses. Counters count from its start. */
export interface ProcessSample {
  readonly time: number;
  readonly groups: number;
  readonly pushes: number;
  /** Pushes that were wrong, and those that could not be stored. */
  readonly refused: number;
  readonly notStored: number;
  readonly pushedBytes: number;
  /** Sum over all pushes of the time until they were answered. */
  readonly pushMilliseconds: number;
  readonly residentBytes: number;
  readonly heapBytes: number;
  readonly cpuSeconds: number;
  /** Seconds in which the event loop was busy. */
  readonly busySeconds: number;
}

/** Data of the server-sent event `change`: something was pushed or deleted. */
export interface ChangeEvent {
  readonly position: number;
  readonly total: number;
  /** Groups that were touched, at most 100 of them. */
  readonly groups: readonly string[];
  /** Were others touched besides? */
  readonly more: boolean;
}

export interface ErrorAnswer {
  readonly error: {
    /** Stable within a major version. */
    readonly code: string;
    /** For people; may change. */
    readonly message: string;
  };
}
