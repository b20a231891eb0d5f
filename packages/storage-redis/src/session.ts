import type { Redis } from "ioredis";
import { destroy } from "./connect.ts";
import { connectFailure, LostConnection } from "./failures.ts";
import type { ServerFacts } from "./inspect.ts";

/**
 * Two connections to one run of one server, which live and die together: appends have one of their own, since WAIT blocks it, and since
 * a long read must not. Nothing is ever sent twice or over another connection, so a session that ends leaves no doubt but about what was
 * under way.
 */
export class Session {
  readonly appends: Redis;
  readonly reads: Redis;
  readonly facts: ServerFacts;
  /** Until then, by `performance.now()`, gateways may be putting back what this server has lost: what it has may not be all. */
  settledFrom = 0;
  /** Settles when the session has ended, with the reason; never rejects. */
  readonly ended: Promise<string>;
  readonly #end: (reason: string) => void;
  readonly #underWay = new Set<(error: LostConnection) => void>();
  #reason: string | undefined;

  constructor(appends: Redis, reads: Redis, facts: ServerFacts) {
    this.appends = appends;
    this.reads = reads;
    this.facts = facts;
    const { promise, resolve } = Promise.withResolvers<string>();
    this.ended = promise;
    this.#end = resolve;
    for (const redis of [appends, reads]) {
      redis.on("error", (error) => this.end(connectFailure(error)));
      redis.once("end", () => this.end("Redis closed the connection"));
      if (redis.status === "end") this.end("Redis closed the connection");
    }
  }

  /** Gateways may be putting back what was lost for so many milliseconds from now. */
  unsettle(ms: number): void {
    this.settledFrom = Math.max(this.settledFrom, performance.now() + ms);
  }

  /** Ends both connections at once; harmless if they have ended already. */
  end(reason: string): void {
    if (this.#reason !== undefined) return;
    this.#reason = reason;
    destroy(this.appends);
    destroy(this.reads);
    for (const reject of this.#underWay) reject(new LostConnection(reason, false));
    this.#end(reason);
  }

  /**
   * Runs commands for at most `ms`. If they are not answered by then the session is ended, so that nothing more of them is sent. Rejects
   * with {@link LostConnection} in that case, as whenever the session ends; else as the commands do.
   */
  async run<T>(ms: number, commands: (session: Session) => Promise<T>): Promise<T> {
    if (this.#reason !== undefined) throw new LostConnection(this.#reason, true);
    const { promise: lost, reject } = Promise.withResolvers<never>();
    this.#underWay.add(reject);
    const timer = setTimeout(() => this.end(`no answer within ${Math.round(ms)} ms`), Math.max(0, ms));
    try {
      return await Promise.race([lost, commands(this)]);
    } finally {
      clearTimeout(timer);
      this.#underWay.delete(reject);
    }
  }
}
