import { WaystationError } from "@waystation/core";
import type { Redis } from "ioredis";
import type { Settings } from "./options.ts";

/**
 * Waits until the copies that the settings ask for have what this connection wrote last. Resolves at once if they ask for none; rejects
 * with `IN_DOUBT`, whatever the reason, since the write itself has been done.
 *
 * @param until When it must settle, by `performance.now()`.
 */
export async function confirmCopies(
  redis: Redis,
  { wait, waitaof, waitTimeout }: Settings,
  until: number,
): Promise<void> {
  if (wait === 0 && !waitaof) return;
  // Redis answers a little before the call's own time is over, which would end the connection. A time-out of 0 would be none.
  const time = Math.max(1, Math.floor(Math.min(waitTimeout, 0.9 * (until - performance.now()))));
  const [local, replicas] = await (waitaof
    ? (redis.call("WAITAOF", waitaof.local, waitaof.replicas, time) as Promise<[number, number]>)
    : redis.wait(wait, time).then((count): [number, number] => [0, count])
  ).catch((error: Error) => {
    throw inDoubt(`Redis could not tell how many copies have it: ${error.message}`);
  });
  const wanted = waitaof ?? { local: 0, replicas: wait };
  if (local < wanted.local) throw inDoubt(`the append-only file of the primary was not synced within ${time} ms`);
  if (replicas < wanted.replicas) {
    throw inDoubt(`${replicas} of ${wanted.replicas} replicas confirmed it within ${time} ms`);
  }
}

function inDoubt(why: string): WaystationError {
  return new WaystationError("IN_DOUBT", `written on the primary, but not as durable as asked for: ${why}`);
}
