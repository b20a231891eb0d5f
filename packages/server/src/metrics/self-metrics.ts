import type { MetricFamily } from "@waystation/core";
import type { ExpositionLease } from "../replicas/exposition-lease.ts";
import { BUILD_INFO } from "../version.ts";
import { family, metric } from "./families.ts";
import type { GatewayMetrics } from "./gateway-metrics.ts";
import type { HttpMetrics } from "./http-metrics.ts";
import { observeProcess, processMetrics } from "./process-metrics.ts";

/** All metrics of the gateway's own, as a scrape shows them. */
export class SelfMetrics {
  readonly #http: HttpMetrics;
  readonly #gateway: GatewayMetrics;
  readonly #lease: ExpositionLease | undefined;

  constructor(http: HttpMetrics, gateway: GatewayMetrics, lease?: ExpositionLease) {
    this.#http = http;
    this.#gateway = gateway;
    this.#lease = lease;
    observeProcess();
  }

  async collect(): Promise<MetricFamily[]> {
    return [
      family(
        "pushgateway_build_info",
        "gauge",
        "A metric with a constant '1' value labeled by version, revision, branch, goversion from which pushgateway was built, and the goos and goarch for the build.",
        [metric(BUILD_INFO, 1)],
      ),
      ...this.#http.collect(performance.now()),
      ...this.#gateway.collect(),
      ...this.#election(),
      ...(await processMetrics()),
    ];
  }

  #election(): MetricFamily[] {
    if (this.#lease === undefined) return [];
    const help = "Whether this is the replica that exposes what was pushed: 1 or 0.";
    return [family("pushgateway_exposition_elected", "gauge", help, [metric({}, this.#lease.isHeld ? 1 : 0)])];
  }
}
