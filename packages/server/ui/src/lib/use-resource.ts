import { useCallback, useEffect, useRef, useState } from "preact/hooks";
import { ApiFailure } from "../api/client.ts";

export interface Resource<Value> {
  readonly value: Value | undefined;
  /** Why the newest attempt failed, if it did; `value` is the last known one then. */
  readonly failure: ApiFailure | undefined;
  reload(): Promise<void>;
}

/** Loads a value, again when `key` changes or when asked to. Of answers that overtake each other the last question's counts. */
export function useResource<Value>(key: string, load: (signal: AbortSignal) => Promise<Value>): Resource<Value> {
  const [state, setState] = useState<{ key: string; value?: Value; failure?: ApiFailure }>({ key });
  const running = useRef<AbortController>(undefined);
  const reload = useCallback(async () => {
    running.current?.abort();
    const controller = new AbortController();
    running.current = controller;
    try {
      const value = await load(controller.signal);
      if (!controller.signal.aborted) setState({ key, value });
    } catch (error) {
      if (controller.signal.aborted) return;
      const failure = error instanceof ApiFailure ? error : new ApiFailure(0, "UNKNOWN", String(error));
      setState((old) => ({ ...(old.key === key && old.value !== undefined && { value: old.value }), key, failure }));
    }
    // `load` is made of what `key` says.
  }, [key]);
  useEffect(() => {
    void reload();
    return () => running.current?.abort();
  }, [reload]);
  const current = state.key === key ? state : { key };
  return { value: current.value, failure: current.failure, reload };
}
