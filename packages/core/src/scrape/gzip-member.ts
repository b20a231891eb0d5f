import { promisify } from "node:util";
import { constants, crc32, deflateRaw, deflateRawSync, type ZlibOptions } from "node:zlib";

/**
 * A gzip member made of parts that were compressed apart from each other, so that unchanged parts of an exposition need not be
 * compressed again.
 *
 * Each part is a run of deflate blocks that ends on a byte boundary (`Z_SYNC_FLUSH`); the member's checksum is combined from those
 * of the parts. Several concatenated members would be simpler, and RFC 1952 allows them, but curl reads only the first.
 *
 * Source of the combination: zlib's `crc32_combine`, that is arithmetic in GF(2)[x] modulo the CRC polynomial.
 */
export interface GzipPart {
  readonly data: Uint8Array;
  readonly crc: number;
  /** Of the uncompressed bytes. */
  readonly length: number;
}

/** Level 1: on exposition text, higher levels cost twice the time for a few percent of the size. */
const DEFLATE_OPTIONS = { level: 1, finishFlush: constants.Z_SYNC_FLUSH } as const;

const deflateAside = promisify<Uint8Array, ZlibOptions, Buffer>(deflateRaw);

export function compressPart(raw: Uint8Array): GzipPart {
  return makePart(raw, deflateRawSync(raw, DEFLATE_OPTIONS), crc32(raw));
}

/** The same on another thread, as far as it takes time. @param raw must not be changed until the promise is settled */
export async function compressPartAside(raw: Uint8Array): Promise<GzipPart> {
  const deflated = deflateAside(raw, DEFLATE_OPTIONS);
  const crc = crc32(raw);
  return makePart(raw, await deflated, crc);
}

function makePart({ length }: Uint8Array, deflated: Buffer, crc: number): GzipPart {
  // zlib returns a view of a larger chunk, which must not be kept for as long as the part is.
  const data = Buffer.allocUnsafeSlow(deflated.length);
  deflated.copy(data);
  return { data, crc, length };
}

/** Magic, deflate, no flags, no time, no extra flags, unknown system. */
const HEADER = Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 0xff);
/** An empty final block. */
const END = Uint8Array.of(0x03, 0x00);

export function joinGzipMember(parts: readonly GzipPart[]): Uint8Array[] {
  let crc = 0;
  let length = 0;
  const chunks: Uint8Array[] = [HEADER];
  for (const part of parts) {
    crc = (multiply(shiftFor(part.length), crc) ^ part.crc) >>> 0;
    length += part.length;
    chunks.push(part.data);
  }
  const trailer = Buffer.alloc(8);
  trailer.writeUInt32LE(crc, 0);
  trailer.writeUInt32LE(length % 0x100000000, 4);
  chunks.push(END, trailer);
  return chunks;
}

const POLYNOMIAL = 0xedb88320;
/** Polynomials are reflected: the top bit is x^0. */
const ONE = 0x80000000;
const X8 = 0x00800000;

function multiply(a: number, b: number): number {
  let product = 0;
  let factor = b;
  for (let bit = ONE; bit !== 0; bit >>>= 1) {
    if (a & bit) product ^= factor;
    factor = factor & 1 ? (factor >>> 1) ^ POLYNOMIAL : factor >>> 1;
  }
  return product >>> 0;
}

/** x^(8 n): what appending n bytes multiplies a checksum by. Lengths repeat, so results are kept, up to a bound. */
const shifts = new Map<number, number>();
const MAX_SHIFTS = 16384;

function shiftFor(bytes: number): number {
  const known = shifts.get(bytes);
  if (known !== undefined) return known;
  let shift = ONE;
  let square = X8;
  for (let rest = bytes; rest > 0; rest = Math.floor(rest / 2)) {
    if (rest % 2 === 1) shift = multiply(square, shift);
    square = multiply(square, square);
  }
  if (shifts.size >= MAX_SHIFTS) shifts.clear();
  shifts.set(bytes, shift);
  return shift;
}
