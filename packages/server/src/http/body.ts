import type { IncomingMessage } from "node:http";
import { WaystationError } from "@waystation/core";
import { formatByteSize } from "../config/byte-size.ts";
import type { InFlight } from "./in-flight.ts";

const EMPTY = new Uint8Array(0);

/**
 * Collects a request body. Calls back once, in the turn in which the last byte is read: a push should not wait for promises per
 * chunk. A client that goes away is reported as `CLOSED`.
 *
 * @param limit bytes; a larger body is reported as `TOO_LARGE`, before it has been read
 * @param inFlight counts the body, which the caller has to release unless there was an error
 */
export function collectBody(
  req: IncomingMessage,
  limit: number,
  done: (error: WaystationError | undefined, body: Uint8Array) => void,
  inFlight?: InFlight,
): void {
  if (Number(req.headers["content-length"]) > limit) {
    done(tooLarge(limit, "as sent"), EMPTY);
    return;
  }
  let first: Buffer | undefined;
  let chunks: Buffer[] | undefined;
  let size = 0;
  let settled = false;
  const settle = (error: WaystationError | undefined, body: Uint8Array): void => {
    if (settled) return;
    settled = true;
    if (error !== undefined) inFlight?.release(size);
    done(error, body);
  };
  req.on("data", (chunk: Buffer) => {
    if (settled) return;
    size += chunk.length;
    const overload = inFlight?.hold(chunk.length);
    if (overload !== undefined) {
      chunks = undefined;
      first = undefined;
      settle(overload, EMPTY);
    } else if (size > limit) {
      first = undefined;
      chunks = undefined;
      settle(tooLarge(limit, "as sent"), EMPTY);
    } else if (first === undefined) {
      first = chunk;
    } else {
      chunks ??= [first];
      chunks.push(chunk);
    }
  });
  req.on("end", () => {
    settle(undefined, chunks ? Buffer.concat(chunks, size) : (first ?? EMPTY));
  });
  // Also called when all is well: the request closes after its end.
  const gone = (): void => {
    if (!settled) settle(new WaystationError("CLOSED", "the client went away before its request was complete"), EMPTY);
  };
  req.on("error", gone);
  req.on("close", gone);
}

/** The same for callers in no hurry: the body is in flight until `use` is done with it. @throws `TOO_LARGE`, `CLOSED`, `OVERLOADED` */
export async function withBody<Result>(
  req: IncomingMessage,
  limit: number,
  inFlight: InFlight,
  use: (body: Uint8Array) => Result | Promise<Result>,
): Promise<Result> {
  const body = await new Promise<Uint8Array>((resolve, reject) => {
    collectBody(req, limit, (error, body) => (error ? reject(error) : resolve(body)), inFlight);
  });
  try {
    return await use(body);
  } finally {
    inFlight.release(body.length);
  }
}

/** What a body begins with: all of a shorter one, at least `bytes` of a longer one. What follows is not kept. */
export async function readStart(req: IncomingMessage, bytes: number): Promise<Uint8Array> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of req.iterator({ destroyOnReturn: false }) as AsyncIterable<Buffer>) {
    chunks.push(chunk);
    size += chunk.length;
    if (size >= bytes) break;
  }
  return Buffer.concat(chunks);
}

export function tooLarge(limit: number, when: string): WaystationError {
  return new WaystationError(
    "TOO_LARGE",
    `the body is larger than ${formatByteSize(limit)} ${when}: push less at once, or raise the limit`,
    { limit: "bodyBytes" },
  );
}
