import { setTimeout as sleep } from "node:timers/promises";
import { WaystationError } from "@waystation/core";
import { commandFailure, LostConnection, Unsettled } from "./failures.ts";
import type { ServerFacts } from "./inspect.ts";
import type { RedisTarget, Settings } from "./options.ts";
import type { Session } from "./session.ts";
import { SessionMaker } from "./session-maker.ts";

/** Pauses between attempts to connect double from the first to the longest, in milliseconds. */
const FIRST_PAUSE = 50;
const LONGEST_PAUSE = 1000;
/** So many milliseconds without a session are an outage. */
const OUTAGE_AFTER = 800;
/** After a session that ends sooner there is a pause too, so that a server which closes connections is not asked without end. */
const SHORT_LIVED = 1000;

/** What may be done with commands whose answer was lost: send them again, or not. */
export type Manner = "repeatable" | "once";

/** Keeps a session with Redis for as long as it is open, and runs calls on it. Times are those of `performance.now()`. */
export class Link {
  readonly #settings: Settings;
  readonly #onSession: (session: Session) => void;
  readonly #onOutage: (problem: string) => void;
  readonly #maker: SessionMaker;
  #closing = new AbortController();
  #session: Session | undefined;
  /** Settles at the next change: a new session or a failed attempt. */
  #change = Promise.withResolvers<void>();
  #problem = "no answer yet";
  #downSince = performance.now();
  /** Until when the server is not settled; a session that is cut does not end that. */
  #settledFrom = 0;
  /** The server of the last session. */
  #last: ServerFacts | undefined;
  /** Why no attempt can succeed, if that is so. */
  #misfit: WaystationError | undefined;
  #running: Promise<void> | undefined;

  /** @param onOutage called once in each outage, with the reason, free of credentials */
  constructor(
    target: RedisTarget,
    settings: Settings,
    onSession: (session: Session) => void,
    onOutage: (problem: string) => void,
  ) {
    this.#settings = settings;
    this.#onSession = onSession;
    this.#onOutage = onOutage;
    this.#maker = new SessionMaker(target, settings);
  }

  /** Why there is no session now, or undefined if there is one. */
  get problem(): string | undefined {
    return this.#session ? undefined : this.#problem;
  }

  get session(): Session | undefined {
    return this.#session;
  }

  /**
   * Connects for the first time. Rejects with `UNAVAILABLE` when the time-out has passed, at once with `CONFIG` or `UNSUPPORTED`, or with
   * the reason of `signal`; the link is then to be closed.
   */
  async open(signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted();
    this.#downSince = performance.now();
    this.#closing = new AbortController();
    this.#running = this.#keepConnected(this.#closing.signal);
    const { promise: aborted, reject } = Promise.withResolvers<never>();
    const abort = () => reject(signal?.reason);
    signal?.addEventListener("abort", abort);
    try {
      await Promise.race([aborted, this.#connected(Number.POSITIVE_INFINITY, () => this.#misfit)]);
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  /**
   * Runs commands, waiting for a session if there is none, and settles by `until`. Commands that were certainly not executed since the
   * connection failed or this was the wrong server are tried again on the next session; others only if they are `repeatable`. Rejects
   * with a `WaystationError`: `IN_DOUBT` only for `once`.
   *
   * @param whileUnsettled Given if the commands have to wait until Redis may be believed to have all: for some time after it has
   * restarted, failed over or lost data, gateways put back what it lacks. Called when such a wait begins, to find out at once that it
   * is this gateway's turn.
   */
  async call<T>(
    until: number,
    manner: Manner,
    commands: (session: Session) => Promise<T>,
    whileUnsettled?: () => Promise<unknown>,
  ): Promise<T> {
    for (;;) {
      const session = await this.#connected(until, () => undefined);
      if (whileUnsettled && performance.now() < session.settledFrom) {
        await whileUnsettled();
        await this.#settled(session, until);
        continue;
      }
      try {
        const result = await session.run(until - performance.now(), commands);
        // What it shows may turn out not to be all; but what was done is done.
        if (manner === "once" || !whileUnsettled || performance.now() >= session.settledFrom) return result;
      } catch (error) {
        if (error instanceof Unsettled) continue;
        if (error instanceof TypeError || error instanceof RangeError) throw error; // a defect, not a failure
        const failure = commandFailure(error);
        if (!(failure instanceof LostConnection)) {
          if (failure.code !== "IN_DOUBT" || manner === "once") throw failure;
          throw new WaystationError("UNAVAILABLE", failure.message);
        }
        this.#drop(session, failure.message);
        if (!failure.unsent && manner === "once") {
          throw new WaystationError("IN_DOUBT", `the answer of Redis was lost: ${failure.message}`);
        }
      }
    }
  }

  /** Ends the session for good. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.#changed();
    this.#session?.end("closed");
    await this.#running;
  }

  /**
   * The session, waiting for one until `until`, but not longer than the time-out after the last one was lost: during a long outage calls
   * fail at once.
   */
  async #connected(until: number, misfit: () => WaystationError | undefined): Promise<Session> {
    while (this.#session === undefined) {
      if (this.#closing.signal.aborted) throw new WaystationError("CLOSED", "the journal is being closed");
      const unfit = misfit();
      if (unfit) throw unfit;
      const left = Math.min(until, this.#downSince + this.#settings.timeout) - performance.now();
      if (left <= 0) throw new WaystationError("UNAVAILABLE", `Redis cannot be reached: ${this.#problem}`);
      const timer = new AbortController();
      await Promise.race([this.#change.promise, sleep(left, undefined, { signal: timer.signal }).catch(() => {})]);
      timer.abort();
    }
    return this.#session;
  }

  /** Waits until the session is settled or has ended; rejects with `UNAVAILABLE` if that takes longer than there is time. */
  async #settled(session: Session, until: number): Promise<void> {
    if (session.settledFrom > until) {
      throw new WaystationError(
        "UNAVAILABLE",
        "Redis has just restarted, failed over or lost data, or is empty: gateways have some seconds to put back what it lacks",
      );
    }
    const timer = new AbortController();
    const left = Math.max(0, session.settledFrom - performance.now());
    const wait = sleep(left, undefined, { signal: timer.signal }).catch(() => {});
    await Promise.race([session.ended, wait]);
    timer.abort();
  }

  async #keepConnected(signal: AbortSignal): Promise<void> {
    let failures = 0;
    let outage: NodeJS.Timeout | undefined;
    while (!signal.aborted) {
      const began = performance.now();
      outage ??= setTimeout(() => this.#onOutage(this.#problem), OUTAGE_AFTER);
      try {
        const session = await this.#maker.make(signal);
        clearTimeout(outage);
        outage = undefined;
        this.#problem = await this.#use(session);
        failures = performance.now() - began < SHORT_LIVED ? 1 : 0;
      } catch (error) {
        this.#problem = error instanceof Error ? error.message : String(error);
        this.#misfit = error instanceof WaystationError ? error : undefined;
        failures++;
        this.#changed();
      }
      if (failures === 0) continue;
      // Jitter: the replicas of one gateway must not all come back at once.
      const pause = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (failures - 1)) * (0.5 + Math.random() / 2);
      await sleep(pause, undefined, { signal }).catch(() => {});
    }
    clearTimeout(outage);
  }

  /** Lets calls have the session until it ends; the reason why. */
  async #use(session: Session): Promise<string> {
    if (this.#closing.signal.aborted) session.end("closed");
    const { runId, uptime, wasPromoted } = session.facts;
    // Who has just started does not know whether this has been the primary for long; who may not ask, whether it still is the same.
    const failedOver = this.#last === undefined ? wasPromoted : runId === undefined || runId !== this.#last.runId;
    this.#last = session.facts;
    this.#settledFrom = Math.max(
      this.#settledFrom,
      performance.now() + this.#settings.restartGrace - (failedOver ? 0 : uptime),
    );
    session.settledFrom = this.#settledFrom;
    this.#session = session;
    this.#onSession(session);
    this.#changed();
    const reason = await session.ended;
    this.#drop(session, reason);
    return reason;
  }

  #drop(session: Session, reason: string): void {
    session.end(reason);
    if (this.#session !== session) return;
    this.#session = undefined;
    this.#problem = reason;
    this.#downSince = performance.now();
  }

  #changed(): void {
    this.#change.resolve();
    this.#change = Promise.withResolvers<void>();
  }
}
