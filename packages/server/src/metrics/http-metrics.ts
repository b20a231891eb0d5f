import type { Metric, MetricFamily } from "@waystation/core";
import { limitLabel } from "../config/limits.ts";
import { family, metric, sortedLabels } from "./families.ts";
import { QuantileWindow } from "./quantile-window.ts";

const QUANTILES = [0.1, 0.5, 0.9] as const;

/**
 * What the gateway counts about requests, under the Go Pushgateway's names. Plain numbers, updated in place: this is on the path of
 * every push, where prom-client's summaries alone would cost more than parsing the body.
 */
export class HttpMetrics {
  /** handler → code → method → count. */
  readonly #requests = new Map<string, Map<number, Map<string, number>>>();
  readonly #pushes = new Map<string, PushSummary>();
  readonly #limitRefusals = new Map<string, number>();

  /** @param method one that a route serves, so that clients cannot create series */
  countRequest(handler: string, code: number, method: string): void {
    const byCode = getOrCreate(this.#requests, handler, () => new Map());
    const byMethod = getOrCreate(byCode, code, () => new Map());
    byMethod.set(method, (byMethod.get(method) ?? 0) + 1);
  }

  /** @param limit one of those in `config/limits.ts` */
  countLimitRefusal(limit: string): void {
    this.#limitRefusals.set(limit, (this.#limitRefusals.get(limit) ?? 0) + 1);
  }

  /** @param now milliseconds, on the clock that `collect` uses */
  observePush(method: string, seconds: number, requestBytes: number, now: number): void {
    const summary = getOrCreate(this.#pushes, method, () => newPushSummary(now));
    summary.count++;
    summary.secondsSum += seconds;
    summary.bytesSum += requestBytes;
    summary.seconds.observe(seconds, now);
    summary.bytes.observe(requestBytes, now);
  }

  /** Families without a metric yet are left out, as by Go's client. */
  collect(now: number): MetricFamily[] {
    const families = [
      family(
        "pushgateway_http_requests_total",
        "counter",
        "Total HTTP requests processed by the Pushgateway, excluding scrapes.",
        this.#requestMetrics(),
      ),
      family(
        "pushgateway_http_push_duration_seconds",
        "summary",
        "HTTP request duration for pushes to the Pushgateway.",
        this.#summaryMetrics((push) => ({ sum: push.secondsSum, window: push.seconds }), now),
      ),
      family(
        "pushgateway_http_push_size_bytes",
        "summary",
        "HTTP request size for pushes to the Pushgateway.",
        this.#summaryMetrics((push) => ({ sum: push.bytesSum, window: push.bytes }), now),
      ),
      family(
        "pushgateway_limit_refusals_total",
        "counter",
        "Requests refused because of a limit, by limit.",
        [...this.#limitRefusals].map(([limit, count]) => metric({ limit: limitLabel(limit) }, count)),
      ),
    ];
    return families.filter(({ metrics }) => metrics.length > 0);
  }

  #requestMetrics(): Metric[] {
    const metrics: Metric[] = [];
    for (const [handler, byCode] of this.#requests) {
      for (const [code, byMethod] of byCode) {
        for (const [method, count] of byMethod) {
          metrics.push(metric({ code: String(code), handler, method: method.toLowerCase() }, count));
        }
      }
    }
    return metrics;
  }

  #summaryMetrics(part: (push: PushSummary) => { sum: number; window: QuantileWindow }, now: number): Metric[] {
    return [...this.#pushes].map(([method, push]) => {
      const { sum, window } = part(push);
      const values = window.quantiles(QUANTILES, now);
      const quantiles = QUANTILES.map((quantile, i) => ({ quantile, value: values[i]! }));
      return { labels: sortedLabels({ method: method.toLowerCase() }), summary: { count: push.count, sum, quantiles } };
    });
  }
}

interface PushSummary {
  count: number;
  secondsSum: number;
  bytesSum: number;
  readonly seconds: QuantileWindow;
  readonly bytes: QuantileWindow;
}

function newPushSummary(now: number): PushSummary {
  return { count: 0, secondsSum: 0, bytesSum: 0, seconds: new QuantileWindow(now), bytes: new QuantileWindow(now) };
}

function getOrCreate<Key, Value>(map: Map<Key, Value>, key: Key, create: () => Value): Value {
  let value = map.get(key);
  if (value === undefined) {
    value = create();
    map.set(key, value);
  }
  return value;
}
