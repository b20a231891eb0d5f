import type { Redis } from "ioredis";
import { SlotFinder } from "./cluster.ts";
import { type Attempt, connect, destroy } from "./connect.ts";
import { connectFailure } from "./failures.ts";
import { inspectServer } from "./inspect.ts";
import type { RedisTarget, Settings } from "./options.ts";
import { Session } from "./session.ts";

/** Makes sessions with the primary of a target, wherever it is at the time. */
export class SessionMaker {
  readonly #target: RedisTarget;
  readonly #settings: Settings;
  readonly #slots: SlotFinder | undefined;
  #attempts = 0;

  constructor(target: RedisTarget, settings: Settings) {
    this.#target = target;
    this.#settings = settings;
    if (target.mode === "cluster") this.#slots = new SlotFinder(target.hosts);
  }

  /** Rejects with `CONFIG`, `UNSUPPORTED` or a plain error; messages hold no credentials. */
  async make(closing: AbortSignal): Promise<Session> {
    // Another Sentinel is asked first each time: one that was cut off would name the old primary again and again.
    const { hosts } = this.#target;
    const first = this.#attempts++ % hosts.length;
    const attempt: Attempt = {
      target: { ...this.#target, hosts: [...hosts.slice(first), ...hosts.slice(0, first)] },
      settings: this.#settings,
      signal: AbortSignal.any([closing, AbortSignal.timeout(this.#settings.connectTimeout)]),
    };
    const at = await this.#slots?.find(attempt);
    const opened = await Promise.allSettled([
      connect(attempt, "waystation-append", at),
      connect(attempt, "waystation-read", at),
    ]);
    const connections = opened.flatMap((result) => (result.status === "fulfilled" ? [result.value] : []));
    const release = () => connections.forEach(destroy);
    attempt.signal.addEventListener("abort", release);
    try {
      for (const result of opened) if (result.status === "rejected") throw result.reason;
      return await this.#meet(connections[0]!, connections[1]!);
    } catch (error) {
      release();
      throw error instanceof Error && error.name === "ReplyError" ? new Error(connectFailure(error)) : error;
    } finally {
      attempt.signal.removeEventListener("abort", release);
    }
  }

  async #meet(appends: Redis, reads: Redis): Promise<Session> {
    const [facts, other] = await Promise.all([reads, appends].map((redis) => inspectServer(redis, this.#settings)));
    if (facts!.runId !== other!.runId) throw new Error("two connections ended at two servers: Redis is failing over");
    return new Session(appends, reads, facts!);
  }
}
