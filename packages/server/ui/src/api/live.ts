import { useEffect, useRef, useState } from "preact/hooks";
import type { ChangeEvent, ProcessSample } from "../../../src/api-v2/schema.ts";
import { API } from "./client.ts";

export type LiveState = "connecting" | "live" | "lost";

/** Ten minutes of samples. */
const KEPT_SAMPLES = 300;

/** The gateway's events. One connection for the whole page, and none while nobody looks at it. */
class Live {
  state: LiveState = "connecting";
  readonly samples: ProcessSample[] = [];
  readonly #changes = new Set<(change: ChangeEvent | undefined) => void>();
  readonly #watchers = new Set<() => void>();
  #source: EventSource | undefined;

  constructor() {
    document.addEventListener("visibilitychange", () => this.#follow());
    this.#follow();
  }

  /** Calls back on each change; without one when some may have been missed. */
  onChange(callback: (change: ChangeEvent | undefined) => void): () => void {
    this.#changes.add(callback);
    return () => this.#changes.delete(callback);
  }

  /** Calls back when `state` or `samples` are new. */
  watch(callback: () => void): () => void {
    this.#watchers.add(callback);
    return () => this.#watchers.delete(callback);
  }

  #follow(): void {
    if (document.hidden) {
      this.#source?.close();
      this.#source = undefined;
      return;
    }
    if (this.#source !== undefined) return;
    const missed = this.samples.length > 0;
    const source = new EventSource(`${API}events`);
    this.#source = source;
    let opened = missed;
    source.onopen = () => {
      this.#setState("live");
      if (opened) for (const callback of this.#changes) callback(undefined);
      opened = true;
    };
    source.onerror = () => {
      this.#setState("lost");
      // The browser gives up after some answers, such as 503.
      if (source.readyState !== EventSource.CLOSED) return;
      this.#source = undefined;
      setTimeout(() => this.#follow(), 5_000);
    };
    source.addEventListener("change", (event) => {
      const change = JSON.parse(event.data as string) as ChangeEvent;
      for (const callback of this.#changes) callback(change);
    });
    source.addEventListener("sample", (event) => {
      const sample = JSON.parse(event.data as string) as ProcessSample;
      // Another replica, or the same one started anew: its counters begin again.
      if (sample.pushes < (this.samples.at(-1)?.pushes ?? 0)) this.samples.length = 0;
      this.samples.push(sample);
      if (this.samples.length > KEPT_SAMPLES) this.samples.shift();
      for (const callback of this.#watchers) callback();
    });
  }

  #setState(state: LiveState): void {
    if (this.state === state) return;
    this.state = state;
    for (const callback of this.#watchers) callback();
  }
}

export const live = new Live();

export function useLiveState(): LiveState {
  const [state, setState] = useState(live.state);
  useEffect(() => live.watch(() => setState(live.state)), []);
  return state;
}

/** The samples so far; drawn anew with each one. */
export function useSamples(): readonly ProcessSample[] {
  const [, setCount] = useState(0);
  useEffect(() => live.watch(() => setCount((count) => count + 1)), []);
  return live.samples;
}

/**
 * Calls back after changes: at once, then at most once a second, and the longer the callback takes the more seldom. The changes in between
 * are handed over together.
 */
export function useChanges(callback: (changes: readonly (ChangeEvent | undefined)[]) => Promise<void>): void {
  const latest = useRef(callback);
  latest.current = callback;
  useEffect(() => {
    let pending: (ChangeEvent | undefined)[] = [];
    let busy = false;
    let stopped = false;
    const run = async (): Promise<void> => {
      busy = true;
      while (pending.length > 0 && !stopped) {
        const changes = pending;
        pending = [];
        const started = performance.now();
        await latest.current(changes).catch(() => undefined);
        await new Promise((resolve) => setTimeout(resolve, Math.max(1_000, 5 * (performance.now() - started))));
      }
      busy = false;
    };
    const stop = live.onChange((change) => {
      pending.push(change);
      if (!busy) void run();
    });
    return () => {
      stopped = true;
      stop();
    };
  }, []);
}

/** Is the group among those that changed, or may it be? */
export function concerns(changes: readonly (ChangeEvent | undefined)[], id: string): boolean {
  return changes.some((change) => change === undefined || change.more || change.groups.includes(id));
}
