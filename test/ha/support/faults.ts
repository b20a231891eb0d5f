import { setTimeout as sleep } from "node:timers/promises";
import type { TcpProxy } from "../../../packages/storage-redis/test/tcp-proxy.ts";
import type { Random } from "../history/random.ts";
import type { Cluster, RedisCluster } from "./cluster.ts";
import type { ReplicaProcess } from "./replica.ts";

/** Something that goes wrong, and is over when the promise settles. */
export interface Fault {
  readonly name: string;
  readonly weight: number;
  run(random: Random): Promise<void>;
}

/** A random time, in milliseconds. */
const between = (random: Random, least: number, most: number) => sleep(least + random.below(most - least));

export function processFaults({ replicas }: Cluster): Fault[] {
  const once = (
    name: string,
    weight: number,
    run: (replica: ReplicaProcess, random: Random) => Promise<void>,
  ): Fault => {
    return { name, weight, run: (random) => run(random.of(replicas), random) };
  };
  return [
    once("kill a replica", 3, async (replica, random) => {
      await replica.kill();
      await between(random, 0, 300);
      await replica.start();
    }),
    once("hold a replica up", 2, async (replica, random) => {
      replica.pause();
      await between(random, 100, 2500);
      replica.resume();
    }),
  ];
}

export function networkFaults({ proxies }: RedisCluster): Fault[] {
  const once = (name: string, weight: number, run: (proxy: TcpProxy, random: Random) => Promise<void>): Fault => {
    return { name, weight, run: (random) => run(random.of(proxies), random) };
  };
  return [
    once("cut connections", 4, async (proxy) => proxy.cut()),
    once("cut a replica off", 2, async (proxy, random) => {
      proxy.refuse();
      await between(random, 100, 2000);
      proxy.accept();
    }),
    once("delay bytes", 2, async (proxy, random) => {
      proxy.delay(5 + random.below(60));
      await between(random, 200, 1000);
      proxy.delay(0);
    }),
    once("deliver late what was sent", 2, async (proxy, random) => {
      proxy.hold("up");
      await between(random, 50, 1500);
      proxy.release("up");
    }),
    once("deliver it after its sender has gone", 3, async (proxy, random) => {
      proxy.hold("up");
      await between(random, 50, 500);
      proxy.cutClients();
      await between(random, 50, 1000);
      proxy.release("up");
    }),
    once("deliver twice what was sent", 3, async (proxy, random) => {
      proxy.hold("up");
      await between(random, 50, 500);
      const repeat = proxy.copy();
      if (random.below(2) === 0) repeat();
      proxy.release("up");
      await between(random, 0, 1500);
      repeat();
    }),
    once("deliver answers late", 2, async (proxy, random) => {
      proxy.hold("down");
      await between(random, 50, 1500);
      proxy.release("down");
    }),
    once("lose answers", 3, async (proxy, random) => {
      proxy.hold("down");
      await between(random, 50, 500);
      proxy.cut();
      proxy.release("down");
    }),
  ];
}

export function redisFaults({ redis }: RedisCluster): Fault[] {
  return [
    {
      name: "kill Redis",
      weight: 1,
      async run(random) {
        await redis.kill();
        await between(random, 0, 300);
        await redis.restart();
      },
    },
    {
      name: "hold Redis up",
      weight: 1,
      async run(random) {
        redis.pause();
        await between(random, 100, 2000);
        redis.resume();
      },
    },
  ];
}

/** Lets things go wrong, one after the other, for so many milliseconds. Returns how often each did. */
export async function injectFaults(
  faults: readonly Fault[],
  random: Random,
  milliseconds: number,
): Promise<Record<string, number>> {
  const counts: Record<string, number> = Object.fromEntries(faults.map(({ name }) => [name, 0]));
  const drawn = faults.flatMap((fault) => Array<Fault>(fault.weight).fill(fault));
  const end = performance.now() + milliseconds;
  // Each kind comes once before chance decides, so that short runs meet all of them.
  const first = [...faults];
  while (performance.now() < end) {
    const fault = first.splice(random.below(first.length), 1)[0] ?? random.of(drawn);
    counts[fault.name]!++;
    await fault.run(random);
    await between(random, 50, 300);
  }
  return counts;
}
