import { WaystationError } from "@waystation/core";
import { uncompressSync } from "snappy";
import { tooLarge } from "./body.ts";
import { crc32c } from "./crc32c.ts";

/**
 * The framing format of snappy (github.com/google/snappy, framing_format.txt), which is what `Content-Encoding: snappy` means to
 * Prometheus clients: a stream identifier, then chunks of at most 64 KiB, each with a masked CRC-32C of its content. The bare block
 * format is refused, as by the Pushgateway.
 */
const COMPRESSED = 0x00;
const UNCOMPRESSED = 0x01;
const FIRST_SKIPPABLE = 0x80;
const STREAM_IDENTIFIER = 0xff;
const MAGIC = Buffer.from("sNaPpY", "latin1");
const MAX_CHUNK_CONTENT = 65_536;

/**
 * @param limit bytes after decompression
 * @throws `ENCODING`, `TOO_LARGE`
 */
export function unframeSnappy(body: Uint8Array, limit: number): Uint8Array {
  const input = Buffer.from(body.buffer, body.byteOffset, body.length);
  const output: Uint8Array[] = [];
  let size = 0;
  for (let at = 0; at < input.length; ) {
    if (at + 4 > input.length) throw corrupt("it ends within a chunk header");
    const type = input[at]!;
    const content = input.subarray(at + 4, at + 4 + input.readUIntLE(at + 1, 3));
    if (content.length < input.readUIntLE(at + 1, 3)) throw corrupt("it ends within a chunk");
    if (at === 0 && type !== STREAM_IDENTIFIER)
      throw corrupt("it does not begin with the stream identifier of the framing format");
    at += 4 + content.length;
    if (type === STREAM_IDENTIFIER) {
      if (!content.equals(MAGIC)) throw corrupt("its stream identifier is not that of the framing format");
    } else if (type === COMPRESSED || type === UNCOMPRESSED) {
      const data = openChunk(type, content);
      size += data.length;
      if (size > limit) throw tooLarge(limit, "after decompression");
      output.push(data);
    } else if (type < FIRST_SKIPPABLE) {
      throw corrupt(`chunks of type ${type} are reserved`);
    }
  }
  return output.length === 1 ? output[0]! : Buffer.concat(output, size);
}

function openChunk(type: number, content: Buffer): Uint8Array {
  if (content.length < 4) throw corrupt("a chunk has no checksum");
  const checksum = content.readUInt32LE(0);
  const packed = content.subarray(4);
  const data = type === COMPRESSED ? uncompressBlock(packed) : packed;
  if (data.length > MAX_CHUNK_CONTENT) throw corrupt("a chunk holds more than 64 KiB");
  if (mask(crc32c(data)) !== checksum) throw corrupt("the checksum of a chunk is wrong");
  return data;
}

function uncompressBlock(packed: Buffer): Uint8Array {
  // The length comes first, so that nothing large is allocated for a chunk that claims too much.
  if (blockLength(packed) > MAX_CHUNK_CONTENT) throw corrupt("a chunk holds more than 64 KiB");
  try {
    return uncompressSync(packed, { asBuffer: true }) as Buffer;
  } catch (error) {
    throw corrupt("a chunk cannot be decompressed", error);
  }
}

/** The length that a block claims, a little-endian base 128 number in front of it. */
function blockLength(packed: Uint8Array): number {
  let length = 0;
  for (let i = 0; i < 5; i++) {
    const byte = packed[i];
    if (byte === undefined) break;
    length += (byte & 0x7f) * 2 ** (7 * i);
    if (byte < 0x80) return length;
  }
  throw corrupt("a chunk has no length");
}

/** A CRC of data that holds CRCs is weak, so the format stores it rotated by 15 bits and moved by a constant. */
function mask(crc: number): number {
  return (((crc >>> 15) | (crc << 17)) + 0xa282ead8) >>> 0;
}

function corrupt(reason: string, cause?: unknown): WaystationError {
  return new WaystationError("ENCODING", `the body is not valid framed snappy: ${reason}`, { cause });
}
