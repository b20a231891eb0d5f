import { type ByteString, type Gateway, isWaystationError } from "@waystation/core";
import type { PushExchange } from "../push/push-exchange.ts";
import type { AnsweredPush } from "../push/push-route.ts";
import { type ObservedPush, type PushMethod, type PushSource, RecentPushes } from "./recent-pushes.ts";

/** What this process knows of the pushes that came in: the newest ones of each group, and how many there were. */
export class PushLog {
  readonly recent = new RecentPushes();
  readonly #gateway: Gateway;
  /** Pushes that this process answered; deletes are not among them. */
  pushes = 0;
  refused = 0;
  notStored = 0;
  bytes = 0;
  milliseconds = 0;

  constructor(gateway: Gateway) {
    this.#gateway = gateway;
  }

  readonly noteAnswered = ({ exchange, tail, group, bytes, status, milliseconds, failure }: AnsweredPush): void => {
    const key = group ?? this.#keyOf(tail);
    const message = failure?.replace(PREFACE, "");
    const method = exchange.method as PushMethod;
    const outcome = failure === undefined ? "stored" : status < 500 ? "refused" : "not stored";
    if (key !== undefined) {
      const source = sourceOf(exchange);
      const push = {
        time: Date.now(),
        method,
        source,
        bytes,
        milliseconds,
        status,
        outcome,
        message,
      } as const;
      this.recent.note(key, push);
    }
    if (method === "DELETE") return;
    this.pushes++;
    this.bytes += bytes;
    this.milliseconds += milliseconds;
    if (outcome === "refused") this.refused++;
    else if (outcome === "not stored") this.notStored++;
  };

  /** A push that another replica answered. */
  noteElsewhere(key: ByteString, push: Omit<ObservedPush, "source" | "bytes" | "milliseconds" | "status">): void {
    const status = push.outcome === "stored" ? 200 : 400;
    const message = push.message?.replace(PREFACE, "");
    this.recent.note(key, { ...push, message, source: ELSEWHERE, bytes: 0, milliseconds: undefined, status });
  }

  /** Undefined if the path names no group. */
  #keyOf(tail: string): ByteString | undefined {
    try {
      return this.#gateway.parseKey(tail).id;
    } catch (error) {
      if (isWaystationError(error)) return undefined;
      throw error;
    }
  }
}

/** What is said of all such failures alike. */
export const PREFACE = /^pushed metrics are invalid or inconsistent with existing metrics: /;

const ELSEWHERE: PushSource = { address: "another replica", client: "" };

/** Characters of what clients say about themselves that are kept. */
const MAX_NAME = 80;

/** What a proxy says of the client stands first; it is a hint, and shown as one. */
function sourceOf({ headers, socket }: PushExchange): PushSource {
  const address = socket.remoteAddress ?? "unknown";
  const forwarded = headers["x-forwarded-for"];
  return {
    address:
      forwarded === undefined
        ? address
        : `${String(forwarded).split(",", 1)[0]!.trim().slice(0, MAX_NAME)} via ${address}`,
    client: headers["user-agent"]?.slice(0, MAX_NAME) ?? "",
  };
}
