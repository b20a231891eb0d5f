import type { MetricFamily } from "@waystation/core";
import { BUILD_INFO } from "../version.ts";
import { family, metric } from "./families.ts";
import type { GatewayMetrics } from "./gateway-metrics.ts";
import type { HttpMetrics } from "./http-metrics.ts";
import { observeProcess, processMetrics } from "./process-metrics.ts";

/** All metrics of the gateway's own, as a scrape shows them. */
export class SelfMetrics {
  readonly #http: HttpMetrics;
  readonly #gateway: GatewayMetrics;

  constructor(http: HttpMetrics, gateway: GatewayMetrics) {
    this.#http = http;
    this.#gateway = gateway;
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
      ...(await processMetrics()),
    ];
  }
}
