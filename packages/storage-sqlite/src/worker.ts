import { parentPort, receiveMessageOnPort, workerData } from "node:worker_threads";
import type { AppendReply, RemoteError, Reply, Request, WorkerSetup } from "./protocol.ts";
import { Refusal } from "./refusal.ts";
import { isBusy, sqliteCode, translateError } from "./sqlite-errors.ts";
import { Store } from "./store.ts";

/** How long opening waits for a process that holds the database exclusively: one that recovers it after a crash, say. */
const OPEN_PATIENCE_MS = 10_000;
const OPEN_RETRY_MS = 5;
/** So often housekeeping gets its turn at least, however many requests wait. */
const REQUESTS_PER_TURN = 64;

const setup = workerData as WorkerSetup;
const port = parentPort!;
const doorbell = new Int32Array(setup.doorbell);

function openStore(): Store {
  const started = performance.now();
  for (;;) {
    try {
      return new Store(setup);
    } catch (error) {
      if (isBusy(error) && performance.now() - started < OPEN_PATIENCE_MS) {
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, OPEN_RETRY_MS);
        continue;
      }
      throw openError(error);
    }
  }
}

function openError(error: unknown): unknown {
  if (isBusy(error)) {
    return new Refusal(
      "LOCKED",
      `another process holds the database ${setup.path} exclusively: stop it, or wait for it`,
    );
  }
  if (sqliteCode(error) === "SQLITE_ERROR") {
    return new Refusal(
      "CORRUPT",
      `${setup.path} lacks what a journal has: ${(error as Error).message}; restore it from a backup`,
    );
  }
  return translateError(error, setup.path);
}

function describe(error: unknown): RemoteError {
  if (error instanceof Refusal) return { code: error.code, message: error.message };
  return { message: error instanceof Error ? (error.stack ?? error.message) : String(error) };
}

/** Entries were read into buffers of their own, which can move to the other thread instead of being copied. */
function transfers({ operation }: Request, result: unknown): ArrayBuffer[] {
  if (operation !== "append") return [];
  return (result as AppendReply).entries.map((entry) => entry.data.buffer as ArrayBuffer);
}

/**
 * Serves requests in order, one at a time, and does housekeeping in between. Sleeping on the doorbell instead of in the event loop
 * saves about a third of the round trip between the threads; nothing here is asynchronous anyway.
 */
function serve(): void {
  let store: Store | undefined;
  let served = 0;
  for (;;) {
    // Read before looking for a request: a ring in between then ends the sleep at once.
    const rung = Atomics.load(doorbell, 0);
    const request: Request | undefined = receiveMessageOnPort(port)?.message;
    if (request) {
      let reply: Reply;
      let moved: ArrayBuffer[] = [];
      try {
        store ??= openStore();
        const operation = store[request.operation] as (argument: Request["argument"]) => unknown;
        const result = operation.call(store, request.argument);
        moved = transfers(request, result);
        reply = { id: request.id, result };
      } catch (error) {
        reply = { id: request.id, error: describe(error) };
      }
      port.postMessage(reply, moved);
      if (request.operation === "close") return;
      if (++served % REQUESTS_PER_TURN !== 0) continue;
    }
    const pause = store?.idle() ?? Number.POSITIVE_INFINITY;
    if (!request && pause > 0) Atomics.wait(doorbell, 0, rung, pause);
  }
}

serve();
port.close();
