import { createHistogram } from "node:perf_hooks";
import { setTimeout as sleep } from "node:timers/promises";
import { DataSet } from "../data/data-set.ts";
import type { ShapeName } from "../data/shapes.ts";
import { RawConnection } from "../http/raw-connection.ts";
import { answerWith } from "../programs/module-run.ts";

/** As many pushes may be under way at once; further ones wait, and their waiting counts. */
const CONNECTIONS = 64;
/** Milliseconds between two looks at what is due: the least that a timer can do. */
const TICK = 1;

export interface OpenLoopInput {
  readonly port: number;
  readonly shape: ShapeName;
  readonly groups: number;
  readonly rate: number;
  readonly seconds: number;
}

export interface OpenLoopResult {
  readonly requests: number;
  /** Milliseconds from the moment at which a push was due. */
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** The 99th percentile of how late this process was itself: a part of the others that is not the gateway's, in milliseconds. */
  readonly ownDelay: number;
}

await answerWith(async ({ port, shape, groups, rate, seconds }: OpenLoopInput): Promise<OpenLoopResult> => {
  const data = new DataSet(shape, groups);
  const idle = await Promise.all(Array.from({ length: CONNECTIONS }, () => RawConnection.open(port)));
  const connections = [...idle];
  const latency = createHistogram({ figures: 3 });
  const ownDelay = createHistogram({ figures: 3 });
  const total = Math.floor(rate * seconds);
  const interval = 1000 / rate;
  const { promise: answered, resolve, reject } = Promise.withResolvers<void>();
  let done = 0;

  /** Microseconds since a moment, at least 1, as histograms take no 0. */
  const since = (moment: number) => Math.max(1, Math.round((performance.now() - moment) * 1000));
  const push = async (connection: RawConnection, number: number, due: number): Promise<void> => {
    // A stride that visits all groups, but not neighbours one after the other.
    const status = await connection.send(data.request((number * 7919) % groups, number));
    if (status !== 200 && status !== 202) throw new Error(`a push got ${status}`);
    latency.record(since(due));
    idle.push(connection);
    done++;
    if (done === total) resolve();
    else sendDue();
  };

  const started = performance.now();
  let sent = 0;
  function sendDue(): void {
    for (let due = started + sent * interval; sent < total && due <= performance.now(); due += interval) {
      const connection = idle.pop();
      if (connection === undefined) return;
      push(connection, sent++, due).catch(reject);
    }
  }
  const pace = async () => {
    while (sent < total) {
      const before = performance.now();
      sendDue();
      await sleep(TICK);
      ownDelay.record(since(before + TICK));
    }
  };
  await Promise.all([pace(), answered]);
  for (const connection of connections) connection.close();
  return {
    requests: done,
    p50: latency.percentile(50) / 1000,
    p99: latency.percentile(99) / 1000,
    max: latency.max / 1000,
    ownDelay: ownDelay.percentile(99) / 1000,
  };
});
