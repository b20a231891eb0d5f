import type { IncomingMessage } from "node:http";
import { WaystationError } from "@waystation/core";
import { formatByteSize } from "../config/byte-size.ts";

const EMPTY = new Uint8Array(0);

/**
 * Collects a request body. Calls back once, in the turn in which the last byte is read: a push should not wait for promises per
 * chunk. A client that goes away is reported as `CLOSED`.
 *
 * @param limit bytes; a larger body is reported as `TOO_LARGE`, before it has been read
 */
export function collectBody(
  req: IncomingMessage,
  limit: number,
  done: (error: WaystationError | undefined, body: Uint8Array) => void,
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
    done(error, body);
  };
  req.on("data", (chunk: Buffer) => {
    size += chunk.length;
    if (settled) return;
    if (size > limit) {
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

/** The same for callers in no hurry. @throws `TOO_LARGE`, `CLOSED` */
export function readBody(req: IncomingMessage, limit: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    collectBody(req, limit, (error, body) => (error ? reject(error) : resolve(body)));
  });
}

export function tooLarge(limit: number, when: string): WaystationError {
  return new WaystationError(
    "TOO_LARGE",
    `the body is larger than ${formatByteSize(limit)} ${when}: push less at once, or raise --push.max-body-bytes`,
  );
}
