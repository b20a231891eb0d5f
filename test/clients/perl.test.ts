import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { testClient } from "./life-cycle.ts";

const found = spawnSync("perl", ["-MNet::Prometheus", "-e", "1"], { stdio: "ignore" }).status === 0;
const group = 'instance="host1",job="nightly"';

testClient("Perl Net::Prometheus", {
  skip: !found && "no Perl with Net::Prometheus here: libnet-prometheus-perl",
  command: ({ port }, action) => [
    "perl",
    fileURLToPath(new URL("programs/push.pl", import.meta.url)),
    `127.0.0.1:${port}`,
    action,
  ],
  group,
  samples: [
    `client_runs_total{${group}} 3`,
    `client_seconds_bucket{${group},le="0.1"} 1`,
    `client_seconds_bucket{${group},le="1"} 1`,
    `client_seconds_bucket{${group},le="+Inf"} 1`,
    `client_seconds_sum{${group}} 0.05`,
    `client_seconds_count{${group}} 1`,
    `client_temperature_celsius{${group},room="cellar"} 21.5`,
  ],
});
