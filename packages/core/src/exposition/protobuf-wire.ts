import { WaystationError } from "../errors.ts";
import type { ByteString } from "../model/byte-string.ts";
import type { Count } from "../model/metric-family.ts";

/**
 * The protobuf wire format: tags, varints, fixed 64-bit values and length-delimited fields, with no knowledge of any message.
 *
 * Source: protobuf.dev, "Encoding". A tag is `field number << 3 | wire type`. Both classes deal in whole tags: a field that arrives
 * with another wire type than its own then has an unknown tag and is skipped, as the specification asks.
 */

const VARINT = 0;
const FIXED64 = 1;
const LENGTH_DELIMITED = 2;
const START_GROUP = 3;
const END_GROUP = 4;
const FIXED32 = 5;

/** Tag of a field that is a varint: integers and enumerations. */
export const varintTag = (field: number): number => (field << 3) | VARINT;
/** Tag of a field that is a `double`. */
export const doubleTag = (field: number): number => (field << 3) | FIXED64;
/** Tag of a field that is a string, a message or a packed list. */
export const lengthTag = (field: number): number => (field << 3) | LENGTH_DELIMITED;

const TWO_32 = 2 ** 32;
const MAX_FIELD_NUMBER = 2 ** 29 - 1;

/** The number that two halves make: `high` signed or not, `low` as an unsigned 32-bit number. */
function fromHalves(high: number, low: number): Count {
  const value = high * TWO_32 + low;
  return Number.isSafeInteger(value) ? value : (BigInt(high) << 32n) | BigInt(low);
}

/**
 * Reads one message, and the messages within it, from a stretch of bytes. Nothing is read beyond that stretch, whatever the bytes
 * say, and nothing is allocated for a length before it is known to fit.
 *
 * All methods throw a `PARSE` error that names the byte, counted from 0 at the start of the array.
 */
export class WireReader {
  readonly #bytes: Buffer;
  #position: number;
  #end: number;
  /** The two halves of the varint read last, as unsigned 32-bit numbers. */
  #low = 0;
  #high = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#position = 0;
    this.#end = bytes.byteLength;
  }

  /** Offset of the next byte. */
  get position(): number {
    return this.#position;
  }

  /** Has the innermost entered message been read to its end? */
  get atEnd(): boolean {
    return this.#position >= this.#end;
  }

  /** The next field's tag, or 0 (which no field has) at the end of the message. */
  tag(): number {
    if (this.#position >= this.#end) return 0;
    const first = this.#bytes[this.#position]!;
    if (first > 7 && first < 0x80) {
      this.#position++;
      return first;
    }
    const at = this.#position;
    this.#varint();
    const tag = this.#high * TWO_32 + this.#low;
    const field = Math.floor(tag / 8);
    if (field < 1 || field > MAX_FIELD_NUMBER) throw this.#invalid(at, `${field} is not a field number`);
    return tag;
  }

  /** Reads a length and narrows the reader to that many bytes. Hand the result to `leave` after the last field. */
  enter(): number {
    const length = this.#length();
    const outer = this.#end;
    this.#end = this.#position + length;
    return outer;
  }

  /** Ends what `enter` began. The message must have been read to its end. */
  leave(outer: number): void {
    this.#end = outer;
  }

  uint64(): Count {
    this.#varint();
    return fromHalves(this.#high, this.#low);
  }

  int64(): bigint {
    this.#varint();
    return BigInt(fromHalves(this.#high | 0, this.#low));
  }

  /** A zigzag-encoded `sint64`. */
  sint64(): Count {
    this.#varint();
    const sign = -(this.#low & 1);
    const low = ((this.#low >>> 1) | (this.#high << 31)) ^ sign;
    const high = (this.#high >>> 1) ^ sign;
    return fromHalves(high, low >>> 0);
  }

  /** The low 32 bits of a varint: what parsers make of an `uint32` that is too large. */
  uint32(): number {
    this.#varint();
    return this.#low;
  }

  int32(): number {
    this.#varint();
    return this.#low | 0;
  }

  sint32(): number {
    this.#varint();
    return (this.#low >>> 1) ^ -(this.#low & 1);
  }

  double(): number {
    const at = this.#advance(8, "a 64-bit value");
    return this.#bytes.readDoubleLE(at);
  }

  /** The bytes of a string field, valid UTF-8 or not. */
  string(): ByteString {
    const length = this.#length();
    const at = this.#advance(length, "a string");
    return this.#bytes.toString("latin1", at, at + length);
  }

  /** Passes over the value of a field that the caller does not know, be it a group with groups inside. */
  skip(tag: number): void {
    const openGroups: number[] = [];
    for (;;) {
      const at = this.#position;
      const field = Math.floor(tag / 8);
      switch (tag % 8) {
        case VARINT:
          this.#varint();
          break;
        case FIXED64:
          this.#advance(8, "a 64-bit value");
          break;
        case LENGTH_DELIMITED:
          this.#advance(this.#length(), "a field");
          break;
        case START_GROUP:
          openGroups.push(field);
          break;
        case END_GROUP:
          if (openGroups.pop() !== field) throw this.#invalid(at, `the end of group ${field}, which is not open`);
          break;
        case FIXED32:
          this.#advance(4, "a 32-bit value");
          break;
        default:
          throw this.#invalid(at, `${tag % 8} is not a wire type`);
      }
      if (openGroups.length === 0) return;
      tag = this.tag();
      if (tag === 0) throw this.#truncated(this.#position, `group ${openGroups.at(-1)} is not closed`);
    }
  }

  #length(): number {
    const at = this.#position;
    this.#varint();
    const length = this.#high * TWO_32 + this.#low;
    const left = this.#end - this.#position;
    if (length > left) {
      throw this.#truncated(at, `${fromHalves(this.#high, this.#low)} bytes are announced, ${left} are left`);
    }
    return length;
  }

  /** Moves past `length` bytes and returns where they begin. */
  #advance(length: number, what: string): number {
    const at = this.#position;
    if (length > this.#end - at) throw this.#truncated(at, `${what} is cut off`);
    this.#position = at + length;
    return at;
  }

  #varint(): void {
    const at = this.#position;
    let low = 0;
    let high = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      if (this.#position >= this.#end) throw this.#truncated(at, "a varint is cut off");
      const byte = this.#bytes[this.#position++]!;
      const bits = byte & 0x7f;
      if (shift < 28) low |= bits << shift;
      else if (shift === 28) {
        low |= bits << 28;
        high = bits >>> 4;
      } else if (shift < 63) high |= bits << (shift - 32);
      else if (byte > 1) break;
      else high |= bits << 31;
      if (byte < 0x80) {
        this.#low = low >>> 0;
        this.#high = high >>> 0;
        return;
      }
    }
    throw this.#invalid(at, "a varint has more than 64 bits");
  }

  #truncated(at: number, reason: string): WaystationError {
    return new WaystationError("PARSE", `unexpected EOF in protobuf at byte ${at}: ${reason}`);
  }

  #invalid(at: number, reason: string): WaystationError {
    return new WaystationError("PARSE", `invalid protobuf at byte ${at}: ${reason}`);
  }
}

/**
 * Writes fields one after another into a buffer that grows. Each method writes one field, tag included, whatever its value: leaving
 * out absent fields is the caller's part.
 */
export class WireWriter {
  #buffer: Buffer;
  #length = 0;

  /** `capacity`: bytes to begin with. */
  constructor(capacity = 1024) {
    this.#buffer = Buffer.allocUnsafeSlow(Math.max(capacity, 16));
  }

  /** Bytes written so far. */
  get length(): number {
    return this.#length;
  }

  /** What was written, without a copy: valid until the next write or `clear`. */
  view(): Uint8Array {
    return this.#buffer.subarray(0, this.#length);
  }

  /** A copy of what was written, of exactly its size. */
  toBytes(): Uint8Array {
    return new Uint8Array(this.view());
  }

  clear(): void {
    this.#length = 0;
  }

  uint64(tag: number, value: Count): void {
    this.#varint(tag);
    if (typeof value === "number") this.#varint(value);
    else this.#bigVarint(value);
  }

  int64(tag: number, value: bigint): void {
    this.#varint(tag);
    this.#bigVarint(value);
  }

  /** Zigzag-encoded. */
  sint64(tag: number, value: Count): void {
    this.#varint(tag);
    if (typeof value === "number" && Math.abs(value) < 2 ** 52) this.#varint(value < 0 ? -2 * value - 1 : 2 * value);
    else {
      const exact = BigInt(value);
      this.#bigVarint(exact < 0n ? -2n * exact - 1n : 2n * exact);
    }
  }

  uint32(tag: number, value: number): void {
    this.#varint(tag);
    this.#varint(value);
  }

  int32(tag: number, value: number): void {
    this.#varint(tag);
    if (value < 0) this.#bigVarint(BigInt(value));
    else this.#varint(value);
  }

  /** Zigzag-encoded. */
  sint32(tag: number, value: number): void {
    this.#varint(tag);
    this.#varint(value < 0 ? -2 * value - 1 : 2 * value);
  }

  double(tag: number, value: number): void {
    this.#varint(tag);
    this.#reserve(8);
    this.#length = this.#buffer.writeDoubleLE(value, this.#length);
  }

  string(tag: number, value: ByteString): void {
    this.#varint(tag);
    this.#varint(value.length);
    this.#reserve(value.length);
    this.#length += this.#buffer.write(value, this.#length, "latin1");
  }

  /** Begins a message. Hand the result to `close` after its last field. */
  open(tag: number): number {
    this.#varint(tag);
    return this.openDelimited();
  }

  /** Begins a message that is preceded by its length only, as in a stream of delimited messages. */
  openDelimited(): number {
    this.#reserve(1);
    return this.#length++;
  }

  /** Ends what `open` began. One byte was left for the length: a longer message moves up to make room for the rest of it. */
  close(mark: number): void {
    const body = mark + 1;
    const end = this.#length;
    let extra = 0;
    for (let rest = end - body; rest >= 0x80; rest = Math.floor(rest / 0x80)) extra++;
    if (extra > 0) {
      this.#reserve(extra);
      this.#buffer.copyWithin(body + extra, body, end);
    }
    this.#length = mark;
    this.#varint(end - body);
    this.#length = end + extra;
  }

  /** `value`: an integer from 0 to 2^53. */
  #varint(value: number): void {
    this.#reserve(10);
    const buffer = this.#buffer;
    let at = this.#length;
    while (value >= TWO_32) {
      buffer[at++] = (value % 0x80) | 0x80;
      value = Math.floor(value / 0x80);
    }
    while (value >= 0x80) {
      buffer[at++] = (value & 0x7f) | 0x80;
      value >>>= 7;
    }
    buffer[at++] = value;
    this.#length = at;
  }

  /** Two's complement if negative: always ten bytes then. */
  #bigVarint(value: bigint): void {
    this.#reserve(10);
    let rest = BigInt.asUintN(64, value);
    while (rest >= 0x80n) {
      this.#buffer[this.#length++] = Number(rest & 0x7fn) | 0x80;
      rest >>= 7n;
    }
    this.#buffer[this.#length++] = Number(rest);
  }

  #reserve(size: number): void {
    const needed = this.#length + size;
    if (needed <= this.#buffer.length) return;
    const larger = Buffer.allocUnsafeSlow(Math.max(needed, this.#buffer.length * 2));
    this.#buffer.copy(larger, 0, 0, this.#length);
    this.#buffer = larger;
  }
}
