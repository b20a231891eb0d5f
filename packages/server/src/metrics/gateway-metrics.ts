import type { ChannelMessages, ChannelName, Gateway, GatewayHealth, MetricFamily } from "@waystation/core";
import { isWaystationError } from "@waystation/core";
import { onGatewayEvent } from "../gateway-events.ts";
import { family, metric } from "./families.ts";

/** What a gateway reports about itself, counted: its journal, its queue, what it refused. */
export class GatewayMetrics {
  readonly #gateway: Gateway;
  readonly #unsubscribe: (() => void)[] = [];
  #appends = 0;
  #appendedRecords = 0;
  #appendedBytes = 0;
  #appendSeconds = 0;
  #rejected = 0;
  #reloads = 0;
  #divergences = 0;
  #lostEntries = 0;
  #hidden = 0;
  #repaired = 0;
  readonly #failures = new Map<string, number>();
  readonly #compactions = new Map<string, number>();
  readonly #rewinds = new Map<string, number>();

  constructor(gateway: Gateway) {
    this.#gateway = gateway;
    this.#listen("waystation:append", ({ records, bytes, duration }) => {
      this.#appends++;
      this.#appendedRecords += records;
      this.#appendedBytes += bytes;
      this.#appendSeconds += duration / 1000;
    });
    this.#listen("waystation:append-failed", ({ error }) => {
      increment(this.#failures, isWaystationError(error) ? error.code : "UNKNOWN");
    });
    this.#listen("waystation:rejected", () => this.#rejected++);
    this.#listen("waystation:repaired", () => this.#repaired++);
    this.#listen("waystation:compaction", ({ outcome }) => increment(this.#compactions, outcome));
    this.#listen("waystation:reload", () => this.#reloads++);
    this.#listen("waystation:rewound", ({ outcome }) => increment(this.#rewinds, outcome));
    this.#listen("waystation:divergence", () => this.#divergences++);
    this.#listen("waystation:lost", ({ from, to }) => {
      this.#lostEntries += to - from + 1;
    });
    this.#listen("waystation:conflicts", ({ hidden }) => {
      this.#hidden += hidden.length;
    });
  }

  collect(): MetricFamily[] {
    const health = this.#gateway.health();
    const info = { journal: health.journal, survives: health.survives };
    return [
      family(
        "pushgateway_journal_info",
        "gauge",
        "The journal that keeps pushes, and what an acknowledged push outlives.",
        [metric(info, 1)],
      ),
      gauge("pushgateway_ready", "Whether pushes can be expected to succeed: 1 or 0.", health.ready ? 1 : 0),
      gauge("pushgateway_groups", "Metric groups stored.", health.groups),
      gauge("pushgateway_pushes_waiting", "Pushes that wait for the journal.", health.waiting),
      gauge("pushgateway_pushes_waiting_bytes", "Bytes of the pushes that wait for the journal.", health.waitingBytes),
      ...(health.shared ? this.#collectShared(health) : []),
      gauge(
        "pushgateway_journal_size_bytes",
        "Bytes of journal entries since the newest snapshot.",
        health.journalBytes,
      ),
      gauge("pushgateway_journal_snapshot_size_bytes", "Bytes of the newest snapshot.", health.snapshotBytes),
      counter("pushgateway_journal_appends_total", "Batches appended to the journal.", this.#appends),
      counter(
        "pushgateway_journal_appended_records_total",
        "Pushes, deletes and wipes appended to the journal.",
        this.#appendedRecords,
      ),
      counter("pushgateway_journal_appended_bytes_total", "Bytes appended to the journal.", this.#appendedBytes),
      counter("pushgateway_journal_append_seconds_total", "Time spent waiting for appends.", this.#appendSeconds),
      labelled(
        "pushgateway_journal_append_failures_total",
        "Appends that failed, by reason.",
        "reason",
        this.#failures,
      ),
      labelled(
        "pushgateway_journal_compactions_total",
        "Attempts to replace entries by a snapshot, by outcome.",
        "outcome",
        this.#compactions,
      ),
      counter(
        "pushgateway_journal_reloads_total",
        "Times that the state was loaded anew from the journal.",
        this.#reloads,
      ),
      counter(
        "pushgateway_rejected_pushes_total",
        "Pushes refused because they contradict themselves or what is stored.",
        this.#rejected,
      ),
      counter(
        "pushgateway_repaired_pushes_total",
        "Pushes whose text was mended before it was read, as --push.lenient-text allows.",
        this.#repaired,
      ),
      counter(
        "pushgateway_hidden_families_total",
        "Families left out of scrapes because they contradict others.",
        this.#hidden,
      ),
    ].filter(({ metrics }) => metrics.length > 0);
  }

  /** What there is to know of a journal that other processes use too. */
  #collectShared({ behind, lastContact }: GatewayHealth): MetricFamily[] {
    const age = lastContact === 0 ? 0 : Math.max(0, Date.now() - lastContact) / 1000;
    return [
      gauge("pushgateway_journal_last_contact_age_seconds", "Time since the shared journal last answered.", age),
      gauge("pushgateway_journal_entries_behind", "Entries of the shared journal that are not exposed yet.", behind),
      labelled(
        "pushgateway_journal_rewinds_total",
        "Times that the journal's history was found to be another one: restored from this replica, diverged for good, or failed so far.",
        "outcome",
        this.#rewinds,
      ),
      counter(
        "pushgateway_journal_lost_entries_total",
        "Entries that this replica had applied and that the journal has lost for good.",
        this.#lostEntries,
      ),
      counter(
        "pushgateway_journal_divergences_total",
        "Entries whose writer had another state than this replica.",
        this.#divergences,
      ),
    ];
  }

  /** Stops counting. */
  close(): void {
    for (const stop of this.#unsubscribe.splice(0)) stop();
  }

  #listen<Name extends ChannelName>(name: Name, count: (message: ChannelMessages[Name]) => void): void {
    this.#unsubscribe.push(onGatewayEvent(this.#gateway, name, count));
  }
}

function gauge(name: string, help: string, value: number): MetricFamily {
  return family(name, "gauge", help, [metric({}, value)]);
}

function counter(name: string, help: string, value: number): MetricFamily {
  return family(name, "counter", help, [metric({}, value)]);
}

function labelled(name: string, help: string, label: string, counts: ReadonlyMap<string, number>): MetricFamily {
  return family(
    name,
    "counter",
    help,
    [...counts].map(([value, count]) => metric({ [label]: value }, count)),
  );
}

function increment(counts: Map<string, number>, key: string): void {
  counts.set(key, (counts.get(key) ?? 0) + 1);
}
