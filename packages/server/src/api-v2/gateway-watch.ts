import type { AppliedRecord, ChannelMessages, Gateway } from "@waystation/core";
import { onGatewayEvent } from "../gateway-events.ts";
import type { PushLog } from "./push-log.ts";
import type { PushMethod } from "./recent-pushes.ts";
import type { HiddenFamily } from "./schema.ts";

export interface MadeSnapshot {
  /** Milliseconds since the epoch. */
  readonly time: number;
  readonly bytes: number;
  readonly milliseconds: number;
}

/** Follows what a gateway publishes, from its creation on: snapshots, and what other replicas were pushed. */
export class GatewayWatch {
  readonly #log: PushLog;
  #lastSnapshot: MadeSnapshot | undefined;
  #othersSeen = 0;
  #hidden: readonly HiddenFamily[] = [];

  constructor(gateway: Gateway, log: PushLog) {
    this.#log = log;
    onGatewayEvent(gateway, "waystation:compaction", ({ outcome, bytes, duration }) => {
      if (outcome === "published") this.#lastSnapshot = { time: Date.now(), bytes, milliseconds: duration };
    });
    onGatewayEvent(gateway, "waystation:conflicts", ({ hidden }) => {
      this.#hidden = hidden;
    });
    onGatewayEvent(gateway, "waystation:applied", (message) => {
      if (!message.own) this.#noteOthers(message);
    });
  }

  get lastSnapshot(): MadeSnapshot | undefined {
    return this.#lastSnapshot;
  }

  /** What the newest scrape left out. */
  get hidden(): readonly HiddenFamily[] {
    return this.#hidden;
  }

  /** When something was last applied that another replica had appended: milliseconds since the epoch, 0 for never. */
  get othersSeen(): number {
    return this.#othersSeen;
  }

  #noteOthers({ records, verdicts }: ChannelMessages["waystation:applied"]): void {
    this.#othersSeen = Date.now();
    for (const [i, { kind, key, time }] of records.entries()) {
      const method = METHODS[kind];
      if (key === undefined || method === undefined) continue;
      const refusal = verdicts[i];
      this.#log.noteElsewhere(key, {
        time: Number(time / 1_000_000n),
        method,
        outcome: refusal === undefined ? "stored" : "refused",
        message: refusal?.message,
      });
    }
  }
}

const METHODS: Readonly<Partial<Record<AppliedRecord["kind"], PushMethod>>> = {
  replace: "PUT",
  merge: "POST",
  failed: "PUSH",
  delete: "DELETE",
};
