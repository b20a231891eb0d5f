import { WaystationError } from "../errors.ts";
import type { ByteString } from "../model/byte-string.ts";
import type { Count } from "../model/metric-family.ts";
import {
  END_GROUP,
  FIXED32,
  FIXED64,
  LENGTH_DELIMITED,
  MAX_FIELD_NUMBER,
  START_GROUP,
  VARINT,
} from "./protobuf-wire.ts";

const TWO_32 = 2 ** 32;

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
  #left: number;

  /** @param maxMessages how often `enter` and `spend` may be called */
  constructor(bytes: Uint8Array, maxMessages = Number.POSITIVE_INFINITY) {
    this.#left = maxMessages;
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
    this.spend();
    const length = this.#length();
    const outer = this.#end;
    this.#end = this.#position + length;
    return outer;
  }

  /** Something is about to be allocated. @throws `LIMIT` if that is too much */
  spend(): void {
    if (--this.#left < 0) {
      throw new WaystationError("LIMIT", "the push has too many protobuf messages for the series that it may have", {
        limit: "seriesPerPush",
      });
    }
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
