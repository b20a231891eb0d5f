import { setTimeout as sleep } from "node:timers/promises";
import type { Client } from "../support/client.ts";
import type { ReplicaProcess } from "../support/replica.ts";
import type { GroupLabels, PushedFamily, WriteRequest } from "./operation.ts";
import type { Random } from "./random.ts";
import type { Recorder } from "./recorder.ts";

/** Each replica has its own, so that one which hangs does not keep all clients waiting. */
const CLIENTS_PER_REPLICA = 5;
/** Longest pause of a client between two operations, in milliseconds. */
const PAUSE = 12;
const PAUSE_AFTER_FAILURE = 100;

const job = (name: string): GroupLabels => [["job", name]];
const plain = (name: string): PushedFamily => ({ name, type: "gauge", series: [[]] });

/** Groups that nobody else gets in the way of: which of several pushes is the last one is all that matters. */
const REGISTERS = [0, 1, 2, 3].map((i) => job(`register-${i}`));

/** Pushes that exclude each other, by the type of a family or by a series that both would have. */
const CONTESTED: readonly (readonly WriteRequest[])[] = [0, 1, 2].flatMap((i) => [
  [
    { kind: "replace", group: job(`gauge-${i}`), families: [{ name: `typed_${i}`, type: "gauge", series: [[]] }] },
    { kind: "replace", group: job(`counter-${i}`), families: [{ name: `typed_${i}`, type: "counter", series: [[]] }] },
  ],
  [
    {
      kind: "replace",
      group: job(`shared-${i}`),
      families: [{ name: `shared_${i}`, type: "gauge", series: [[["instance", "x"]], [["instance", "y"]]] }],
    },
    {
      kind: "replace",
      group: [
        ["instance", "x"],
        ["job", `shared-${i}`],
      ],
      families: [{ name: `shared_${i}`, type: "gauge", series: [[]] }],
    },
  ],
]);

/** Clients that push, delete and scrape through all replicas, until the signal. */
export async function work(
  recorder: Recorder,
  replicas: readonly ReplicaProcess[],
  random: Random,
  signal: AbortSignal,
): Promise<void> {
  const clients = replicas.flatMap(({ client }, replica) => Array(CLIENTS_PER_REPLICA).fill({ client, replica }));
  await Promise.all(
    clients.map(async ({ client, replica }: { client: Client; replica: number }) => {
      while (!signal.aborted) {
        const { outcome } =
          random.below(100) < 45
            ? await recorder.scrape(client, replica)
            : await recorder.write(client, replica, randomWrite(random));
        await sleep(outcome === "unknown" || outcome === "refused" ? PAUSE_AFTER_FAILURE : random.below(PAUSE));
      }
    }),
  );
}

function randomWrite(random: Random): WriteRequest {
  if (random.below(100) < 40) {
    const push = random.of(random.of(CONTESTED));
    return random.below(100) < 35 ? { kind: "delete", group: push.group, families: [] } : push;
  }
  const group = random.of(REGISTERS);
  switch (random.below(6)) {
    case 0:
      return { kind: "delete", group, families: [] };
    case 1:
    case 2:
      return { kind: "merge", group, families: [plain(random.of(["first", "second"]))] };
    case 3:
      return { kind: "replace", group, families: [plain("first")] };
    default:
      return { kind: "replace", group, families: [plain("first"), plain("second")] };
  }
}
