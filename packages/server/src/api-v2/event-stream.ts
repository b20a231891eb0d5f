import type { ServerResponse } from "node:http";
import type { ByteString, Gateway } from "@waystation/core";
import type { Context } from "koa";
import { scopeOf } from "../access/group-scope.ts";
import { onGatewayEvent } from "../gateway-events.ts";
import { ApiError } from "./api-error.ts";
import { groupId } from "./group-id.ts";
import type { ChangeEvent, ProcessSample } from "./schema.ts";

/** Changes are told together, this often at most, milliseconds. */
const TICK_MS = 500;
/** How many ticks are between two samples of the process. */
const TICKS_PER_SAMPLE = 4;
const MAX_LISTENERS = 64;
const MAX_LISTED_GROUPS = 100;
/** A client that lags this many bytes behind is let go; it will ask again, and see everything anew. */
const MAX_LAG_BYTES = 256 * 1024;

export interface EventStreamOptions {
  readonly gateway: Gateway;
  readonly sample: () => ProcessSample;
  /** A server that is about to stop does not wait for listeners. */
  readonly isStopping: () => boolean;
}

/**
 * Server-sent events: `change` when something was pushed or deleted, and `sample`, what the process does, every two seconds.
 *
 * What is sent is made once for all listeners, and only names what changed: clients ask for what they show. While nobody listens, nothing
 * is followed and no timer runs.
 */
export class EventStream {
  readonly #options: EventStreamOptions;
  readonly #listeners = new Set<ServerResponse>();
  /** Those of the listeners that may see some groups only: they are told that something has changed, not what. */
  readonly #limited = new WeakSet<ServerResponse>();
  readonly #changed = new Set<ByteString>();
  #more = false;
  #position = 0;
  #ticks = 0;
  #stop: (() => void) | undefined;

  constructor(options: EventStreamOptions) {
    this.#options = options;
  }

  /** `GET /api/v2/events`. @throws `TOO_MANY_LISTENERS` */
  readonly handle = (ctx: Context): void => {
    if (this.#listeners.size >= MAX_LISTENERS) {
      throw new ApiError("TOO_MANY_LISTENERS", `${MAX_LISTENERS} clients listen already: ask again later`);
    }
    ctx.respond = false;
    const { res } = ctx;
    res.writeHead(200, {
      "Content-Type": "text/event-stream",
      "Cache-Control": "no-store",
      "X-Accel-Buffering": "no",
    });
    res.once("close", () => this.#leave(res));
    this.#listeners.add(res);
    if (scopeOf(ctx.req) !== undefined) this.#limited.add(res);
    this.#stop ??= this.#start();
    res.write(`retry: 2000\n\n${format("sample", this.#options.sample())}`);
  };

  #start(): () => void {
    const { gateway } = this.#options;
    this.#position = gateway.health().position;
    const stops = [
      onGatewayEvent(gateway, "waystation:applied", ({ records }) => {
        for (const { key } of records) this.#noteChange(key);
      }),
      onGatewayEvent(gateway, "waystation:reload", () => this.#noteChange(undefined)),
    ];
    const timer = setInterval(() => this.#tick(), TICK_MS);
    timer.unref();
    return () => {
      clearInterval(timer);
      for (const stop of stops) stop();
    };
  }

  #leave(res: ServerResponse): void {
    this.#listeners.delete(res);
    if (this.#listeners.size > 0) return;
    this.#stop?.();
    this.#stop = undefined;
    this.#changed.clear();
    this.#more = false;
  }

  /** @param key undefined for all groups */
  #noteChange(key: ByteString | undefined): void {
    if (key !== undefined && (this.#changed.has(key) || this.#changed.size < MAX_LISTED_GROUPS)) this.#changed.add(key);
    else this.#more = true;
  }

  #tick(): void {
    if (this.#options.isStopping()) {
      for (const res of this.#listeners) res.end();
      return;
    }
    let text = "";
    let limitedText = "";
    const { position, groups } = this.#options.gateway.health();
    if (position !== this.#position || this.#changed.size > 0 || this.#more) {
      // A history that was loaded anew has no records to tell of.
      const more = this.#more || this.#changed.size === 0;
      const changed = [...this.#changed].map((id) => groupId({ id }));
      text += format("change", { position, total: groups, groups: changed, more } satisfies ChangeEvent);
      limitedText += format("change", { position, total: groups, groups: [], more: true } satisfies ChangeEvent);
      this.#position = position;
      this.#changed.clear();
      this.#more = false;
    }
    if (++this.#ticks % TICKS_PER_SAMPLE === 0) {
      const sample = format("sample", this.#options.sample());
      text += sample;
      limitedText += sample;
    }
    if (text === "") return;
    for (const res of this.#listeners) {
      if (res.writableLength > MAX_LAG_BYTES) res.destroy();
      else res.write(this.#limited.has(res) ? limitedText : text);
    }
  }
}

function format(event: "change" | "sample", data: unknown): string {
  return `event: ${event}\ndata: ${JSON.stringify(data)}\n\n`;
}
