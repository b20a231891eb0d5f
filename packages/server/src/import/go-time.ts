import { WaystationError } from "@waystation/core";
import type { GobBytes } from "./gob.ts";

/** From 0001-01-01T00:00:00Z, where Go begins to count, to 1970. */
const SECONDS_BEFORE_1970 = 62_135_596_800n;
const NANOSECONDS = 1_000_000_000n;

/** What Go's zero `time.Time` is in nanoseconds since 1970. */
export const GO_ZERO_TIME = -SECONDS_BEFORE_1970 * NANOSECONDS;

/**
 * The binary form of Go's `time.Time`, as nanoseconds since 1970. The zone, which it also has, does not matter for that.
 *
 * Source: pkg.go.dev/time, `Time.MarshalBinary`: version, seconds since the year 1 (64 bits), nanoseconds (32 bits), zone offset in
 * minutes (16 bits) and, in version 2, in seconds (8 bits); the most significant byte first.
 *
 * @throws `CORRUPT`, with the byte
 */
export function readGoTime({ bytes, offset }: GobBytes): bigint {
  const data = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = data[0];
  const sound = (version === 1 && data.length === 15) || (version === 2 && data.length === 16);
  if (!sound) {
    throw new WaystationError("CORRUPT", `a Go time of version ${version} in ${data.length} bytes (byte ${offset})`);
  }
  const nanoseconds = data.readInt32BE(9);
  if (nanoseconds < 0 || nanoseconds >= NANOSECONDS) {
    throw new WaystationError("CORRUPT", `a Go time with ${nanoseconds} nanoseconds (byte ${offset + 9})`);
  }
  return (data.readBigInt64BE(1) - SECONDS_BEFORE_1970) * NANOSECONDS + BigInt(nanoseconds);
}

const RFC_3339 = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:\.(\d{1,9}))?(Z|[+-]\d\d:\d\d)$/;

/**
 * A time as Go writes it into JSON (RFC 3339 with up to nine decimals), as nanoseconds since 1970; undefined if it is none.
 */
export function parseGoTimestamp(text: string): bigint | undefined {
  const [, seconds, decimals = "", zone] = RFC_3339.exec(text) ?? [];
  const milliseconds = Date.parse(`${seconds}${zone}`);
  if (Number.isNaN(milliseconds)) return undefined;
  return BigInt(milliseconds) * 1_000_000n + BigInt(decimals.padEnd(9, "0"));
}
