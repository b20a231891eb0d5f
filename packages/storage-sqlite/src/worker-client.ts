import { type Transferable, Worker } from "node:worker_threads";
import { type ErrorCode, MAX_TAIL_BYTES, WaystationError } from "@waystation/core";
import type { Argument, OperationName, Reply, Request, Result, WorkerSetup } from "./protocol.ts";

/** The worker lies beside this file, as a source or built. */
const WORKER = new URL(import.meta.url.endsWith(".ts") ? "./worker.ts" : "./worker.js", import.meta.url);

interface Pending {
  resolve(result: unknown): void;
  reject(error: unknown): void;
}

/**
 * Calls the worker and settles each call with its answer. Calls may overlap; the worker takes them in order. The worker keeps the
 * process alive only while a call is under way.
 */
export class WorkerClient {
  readonly #worker: Worker;
  readonly #doorbell = new Int32Array(new SharedArrayBuffer(4));
  readonly #pending = new Map<number, Pending>();
  readonly #exited: Promise<void>;
  #nextId = 1;
  /** Since when the worker has been at work without an answer, on the clock of `performance.now()`. Says nothing if it is idle. */
  #silentSince = 0;
  /** Why the worker is gone. */
  #gone: string | undefined;

  constructor(setup: Omit<WorkerSetup, "doorbell" | "maxTailBytes">) {
    const workerData: WorkerSetup = { ...setup, maxTailBytes: MAX_TAIL_BYTES, doorbell: this.#doorbell.buffer };
    this.#worker = new Worker(WORKER, { workerData, name: "waystation-sqlite" });
    this.#worker.unref();
    this.#worker.on("message", (reply: Reply) => this.#settle(reply));
    this.#worker.on("error", (error) =>
      this.#fail(`it failed: ${error instanceof Error ? error.message : String(error)}`),
    );
    this.#exited = new Promise((resolve) => {
      this.#worker.on("exit", (code) => {
        this.#fail(`it exited with code ${code}`);
        resolve();
      });
    });
  }

  /**
   * Rejects with what the operation threw; with `IN_DOUBT` if the worker dies over it, and with `UNAVAILABLE` if it is dead already.
   *
   * @param transfer Memory inside of `argument` that moves to the worker.
   */
  call<Name extends OperationName>(
    operation: Name,
    argument: Argument<Name>,
    transfer: readonly Transferable[] = [],
  ): Promise<Result<Name>> {
    if (this.#gone !== undefined) {
      return Promise.reject(this.#goneError("UNAVAILABLE", "nothing was written"));
    }
    return new Promise((resolve, reject) => {
      const id = this.#nextId++;
      if (this.#pending.size === 0) {
        this.#worker.ref();
        this.#silentSince = performance.now();
      }
      this.#pending.set(id, { resolve: resolve as Pending["resolve"], reject });
      this.#worker.postMessage({ id, operation, argument } satisfies Request<Name>, transfer);
      Atomics.add(this.#doorbell, 0, 1);
      Atomics.notify(this.#doorbell, 0);
    });
  }

  /** Throws `UNAVAILABLE` if the worker is gone, or has been at work for `patience` milliseconds without an answer. */
  check(patience: number): void {
    if (this.#gone !== undefined) throw this.#goneError("UNAVAILABLE", "nothing can be written");
    const silence = performance.now() - this.#silentSince;
    if (this.#pending.size > 0 && silence > patience) {
      throw new WaystationError(
        "UNAVAILABLE",
        `the SQLite worker has been at work for ${Math.round(silence)} ms: the disk is slow or hangs, or another process holds the lock`,
      );
    }
  }

  /** Ends the worker, whatever it is doing; afterwards it is gone. */
  async terminate(): Promise<void> {
    await this.#worker.terminate();
    await this.#exited;
  }

  /** Resolves when the worker is gone. */
  async exited(): Promise<void> {
    this.#worker.ref();
    await this.#exited;
  }

  #settle(reply: Reply): void {
    this.#silentSince = performance.now();
    const pending = this.#pending.get(reply.id);
    this.#pending.delete(reply.id);
    if (this.#pending.size === 0) this.#worker.unref();
    if ("result" in reply) {
      pending?.resolve(reply.result);
      return;
    }
    const { code, message } = reply.error;
    pending?.reject(code ? new WaystationError(code, message) : new Error(`defect in the SQLite worker: ${message}`));
  }

  #fail(reason: string): void {
    this.#gone ??= reason;
    const error = this.#goneError("IN_DOUBT", "may or may not have been written");
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }

  #goneError(code: ErrorCode, verdict: string): WaystationError {
    return new WaystationError(code, `the SQLite worker is gone, ${this.#gone}: ${verdict}; restart the gateway`);
  }
}
