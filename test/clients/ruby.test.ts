import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { testClient } from "./life-cycle.ts";

const found = spawnSync("ruby", ["-e", 'require "prometheus/client/push"'], { stdio: "ignore" }).status === 0;
const group = 'instance="host 1",job="nightly"';

testClient("Ruby prometheus-client", {
  skip: !found && "no Ruby with prometheus/client here: ruby-prometheus-client-mmap",
  command: ({ port }, action) => [
    "ruby",
    fileURLToPath(new URL("programs/push.rb", import.meta.url)),
    `127.0.0.1:${port}`,
    action,
  ],
  // Its files of shared values go where the test may write.
  env: { prometheus_multiproc_dir: process.env["TMPDIR"] ?? "/tmp" },
  group,
  samples: [`client_runs_total{${group}} 3`, `client_temperature_celsius{${group},room="größer"} 21.5`],
});
