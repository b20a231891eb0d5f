import assert from "node:assert/strict";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after } from "node:test";
import { fileURLToPath } from "node:url";
import { findProgram, runProgram } from "../support/programs.ts";
import { testClient } from "./life-cycle.ts";

const found = findProgram("g++") !== undefined && existsSync("/usr/include/prometheus/gateway.h");
const folder = mkdtempSync(join(tmpdir(), "client-cpp-"));
after(() => rmSync(folder, { recursive: true, force: true }));
const group = 'instance="host1",job="nightly"';

testClient("C++ prometheus-cpp", {
  skip: !found && "no C++ compiler with prometheus-cpp here: g++ prometheus-cpp-dev",
  prepare: async () => {
    const source = fileURLToPath(new URL("programs/push.cc", import.meta.url));
    const libraries = ["-lprometheus-cpp-push", "-lprometheus-cpp-core", "-lcurl", "-lpthread"];
    const { code, stderr } = await runProgram("g++", ["-std=c++17", "-o", join(folder, "push"), source, ...libraries]);
    assert.equal(code, 0, stderr);
  },
  command: ({ port }, action) => [join(folder, "push"), "127.0.0.1", String(port), action],
  group,
  samples: [
    `client_runs_total{${group}} 3`,
    `client_seconds_bucket{${group},le="0.1"} 1`,
    `client_seconds_bucket{${group},le="1"} 1`,
    `client_seconds_bucket{${group},le="+Inf"} 1`,
    `client_seconds_sum{${group}} 0.05`,
    `client_seconds_count{${group}} 1`,
    `client_temperature_celsius{${group},room="größer \\"quoted\\"\\n"} 21.5`,
  ],
});
