import { WaystationError } from "@waystation/core";
import type { Middleware } from "koa";

export interface InFlightLimits {
  readonly requests: number;
  readonly bodyBytes: number;
}

/**
 * Requests that are being answered, and the bytes of their bodies that are held: slow clients, each with most of a body sent, must not
 * add up to more memory than there is. Plain numbers, as each push passes here.
 */
export class InFlight {
  readonly #limits: InFlightLimits;
  #requests = 0;
  #bodyBytes = 0;

  constructor(limits: InFlightLimits) {
    this.#limits = limits;
  }

  get requests(): number {
    return this.#requests;
  }

  get bodyBytes(): number {
    return this.#bodyBytes;
  }

  /** A request begins; `leave` has to follow. Undefined, or why it must not, and then nothing has begun. */
  enter(): WaystationError | undefined {
    if (this.#requests >= this.#limits.requests) {
      return overloaded(`${this.#requests} requests are being answered already`, "requestsInFlight");
    }
    this.#requests++;
    return undefined;
  }

  leave(): void {
    this.#requests--;
  }

  /** More of a body has come; `release` has to follow. Undefined, or why it must not be kept. */
  hold(bytes: number): WaystationError | undefined {
    this.#bodyBytes += bytes;
    if (this.#bodyBytes <= this.#limits.bodyBytes) return undefined;
    return overloaded(`the requests being answered hold ${this.#bodyBytes} bytes`, "bodyBytesInFlight");
  }

  release(bytes: number): void {
    this.#bodyBytes -= bytes;
  }

  /** For all routes but pushes, which look after themselves. */
  readonly middleware: Middleware = async (_ctx, next) => {
    const refusal = this.enter();
    if (refusal !== undefined) throw refusal;
    try {
      await next();
    } finally {
      this.leave();
    }
  };
}

function overloaded(reason: string, limit: string): WaystationError {
  return new WaystationError("OVERLOADED", `${reason}: try again`, { limit });
}
