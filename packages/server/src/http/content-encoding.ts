import { gunzip as gunzipCallback, type ZlibOptions } from "node:zlib";
import { WaystationError } from "@waystation/core";
import { tooLarge } from "./body.ts";
import { Gate } from "./gate.ts";

/**
 * What a `Content-Encoding` header means to the Pushgateway: one of two names in any case. Everything else, lists included, is read
 * as it is.
 */
export type ContentEncoding = "gzip" | "snappy" | "identity";

export function contentEncoding(header: string | undefined): ContentEncoding {
  if (header === undefined) return "identity";
  const name = header.toLowerCase();
  return name === "gzip" || name === "snappy" ? name : "identity";
}

const HAS_HEADER_CRC = 2;
const HAS_EXTRA = 4;
const HAS_NAME = 8;
const HAS_COMMENT = 16;

/**
 * Checks that a body begins with a gzip header (RFC 1952). The Pushgateway does this for every request that declares gzip, before
 * it looks at path and method; the rest of the body only matters to a push.
 *
 * @throws `ENCODING`
 */
export function checkGzipHeader(body: Uint8Array): void {
  if (body.length === 0) throw new WaystationError("ENCODING", "the body is declared as gzip, but is empty");
  if (body.length < 10) throw new WaystationError("ENCODING", "the gzip header is incomplete");
  if (body[0] !== 0x1f || body[1] !== 0x8b || body[2] !== 8) {
    throw new WaystationError("ENCODING", "the body is declared as gzip, but has no gzip header");
  }
  const flags = body[3]!;
  let at = 10;
  if (flags & HAS_EXTRA) at += 2 + (body[at] ?? 0) + 256 * (body[at + 1] ?? 0);
  for (const flag of [HAS_NAME, HAS_COMMENT]) {
    if (flags & flag) at = 1 + indexOfZero(body, at);
  }
  if (flags & HAS_HEADER_CRC) at += 2;
  if (at > body.length) throw new WaystationError("ENCODING", "the gzip header is incomplete");
}

function indexOfZero(bytes: Uint8Array, from: number): number {
  const at = bytes.indexOf(0, from);
  return at < 0 ? bytes.length : at;
}

/**
 * Opens a pushed body.
 *
 * @param limit bytes after decompression
 * @throws `ENCODING` if it is damaged, incomplete or followed by something else; `TOO_LARGE`
 */
export async function decodeBody(body: Uint8Array, encoding: ContentEncoding, limit: number): Promise<Uint8Array> {
  switch (encoding) {
    case "gzip":
      return GUNZIPS.run(() => gunzip(body, limit));
    case "snappy": {
      // Loaded with the first such body: few clients compress in this way.
      const { unframeSnappy } = await import("./snappy-framing.ts");
      return unframeSnappy(body, limit);
    }
    case "identity":
      return body;
  }
}

/** As many as libuv has threads: more at a time would be no faster, and each may take all that the limit allows. */
const GUNZIPS = new Gate(4);

/** One member or several. In zlib's thread pool, so that a bomb costs others no time. */
function gunzip(body: Uint8Array, limit: number): Promise<Uint8Array> {
  return new Promise((resolve, reject) => {
    const options: ZlibOptions = { maxOutputLength: limit, info: true };
    gunzipCallback(body, options, (error: NodeJS.ErrnoException | null, result: unknown) => {
      if (error) {
        reject(
          error.code === "ERR_BUFFER_TOO_LARGE"
            ? tooLarge(limit, "after decompression")
            : new WaystationError("ENCODING", `the body is not valid gzip: ${error.message}`, { cause: error }),
        );
        return;
      }
      const { buffer, engine } = result as { buffer: Buffer; engine: { bytesWritten: number } };
      // zlib overlooks zeros at the end; Go's reader does not.
      if (engine.bytesWritten === body.length) resolve(buffer);
      else reject(new WaystationError("ENCODING", "the body is not valid gzip: there is more after its end"));
    });
  });
}
