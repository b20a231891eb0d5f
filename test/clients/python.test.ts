import { fileURLToPath } from "node:url";
import { findPython } from "../support/programs.ts";
import { testClient } from "./life-cycle.ts";

const python = findPython("prometheus_client");
const group = 'instance="host/1",job="nightly"';

testClient("Python prometheus_client", {
  skip: python === undefined && "no Python with prometheus_client here: python3-prometheus-client",
  command: ({ port }, action) => [
    python!,
    fileURLToPath(new URL("programs/push.py", import.meta.url)),
    `127.0.0.1:${port}`,
    action,
  ],
  group: `${group},zone=""`,
  samples: [
    `client_bytes_sum{${group},zone=""} 100`,
    `client_bytes_count{${group},zone=""} 1`,
    `client_runs_total{${group},zone=""} 3`,
    `client_seconds_bucket{${group},zone="",le="0.1"} 1`,
    `client_seconds_bucket{${group},zone="",le="1"} 1`,
    `client_seconds_bucket{${group},zone="",le="+Inf"} 2`,
    `client_seconds_sum{${group},zone=""} 5.05`,
    `client_seconds_count{${group},zone=""} 2`,
    `client_temperature_celsius{${group},room="größer \\"quoted\\"\\n",zone=""} 21.5`,
  ],
});
