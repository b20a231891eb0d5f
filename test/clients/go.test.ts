import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { fileURLToPath } from "node:url";
import { findProgram, runProgram } from "../support/programs.ts";
import { testClient } from "./life-cycle.ts";

/** Where Debian puts the sources of Go libraries. */
const GOPATH = "/usr/share/gocode";
const found = findProgram("go") !== undefined && existsSync(`${GOPATH}/src/github.com/prometheus/client_golang`);
const folder = mkdtempSync(join(tmpdir(), "client-go-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const group = 'instance="host/1",job="nightly"';

// It pushes protobuf, so with native histograms and exemplars.
testClient("Go client_golang", {
  skip: !found && "no Go with client_golang here: golang-go golang-github-prometheus-client-golang-dev",
  prepare: async () => {
    const { code, stderr } = await runProgram("go", ["build", "-o", join(folder, "push"), "./main.go"], {
      cwd: fileURLToPath(new URL("programs/go", import.meta.url)),
      env: { GOPATH, GO111MODULE: "off", GOFLAGS: "", GOCACHE: join(folder, "cache") },
    });
    assert.equal(code, 0, stderr);
  },
  command: ({ port }, action) => [join(folder, "push"), `127.0.0.1:${port}`, action],
  group: `${group},zone=""`,
  samples: [
    `client_bytes{${group},zone="",quantile="0.5"} 100`,
    `client_bytes_sum{${group},zone=""} 100`,
    `client_bytes_count{${group},zone=""} 1`,
    `client_native_seconds_bucket{${group},zone="",le="+Inf"} 1`,
    `client_native_seconds_sum{${group},zone=""} 0.3`,
    `client_native_seconds_count{${group},zone=""} 1`,
    `client_runs_total{${group},zone=""} 3`,
    `client_seconds_bucket{${group},zone="",le="0.1"} 1`,
    `client_seconds_bucket{${group},zone="",le="1"} 1`,
    `client_seconds_bucket{${group},zone="",le="+Inf"} 2`,
    `client_seconds_sum{${group},zone=""} 5.05`,
    `client_seconds_count{${group},zone=""} 2`,
    `client_temperature_celsius{${group},room="größer \\"quoted\\"\\n",zone=""} 21.5`,
  ],
});
