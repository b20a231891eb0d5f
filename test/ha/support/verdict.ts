import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { check } from "../history/check.ts";
import type { Recorder } from "../history/recorder.ts";
import { storedWrites } from "../history/stored-writes.ts";
import type { Cluster } from "./cluster.ts";

const ARTIFACTS = fileURLToPath(new URL("../../../artifacts/ha", import.meta.url));

/** Scrapes all replicas, which must show the same bytes, and checks the history with these scrapes at its end. */
export async function assertLegal(cluster: Cluster, recorder: Recorder, seed: number): Promise<void> {
  const last = await Promise.all(cluster.replicas.map(({ client }, i) => recorder.scrape(client, i)));
  const bytes = await Promise.all(cluster.replicas.map(({ client }) => client.scrapePushed()));
  const order = await storedWrites(cluster.journal());
  const violations = check(recorder.history, order);
  if (last.some(({ outcome }) => outcome !== "done")) violations.push("a last scrape was not answered as it should");
  if (bytes.some((text) => text !== bytes[0])) violations.push("replicas show different bytes in the end");
  if (violations.length === 0) return;
  mkdirSync(ARTIFACTS, { recursive: true });
  const file = `${ARTIFACTS}/history-${seed}.json`;
  const logs = cluster.replicas.map(({ output }) => output);
  writeFileSync(file, JSON.stringify({ seed, violations, history: recorder.history, order, logs }, null, 1));
  const shown = violations.slice(0, 20).join("\n");
  const recent = cluster.replicas.map(({ output }, i) => `replica ${i}:\n${output.slice(-1500)}`).join("\n");
  assert.fail(`SEED=${seed}: ${violations.length} violations; the whole history is in ${file}\n${shown}\n${recent}`);
}
