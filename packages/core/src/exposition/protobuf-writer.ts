import type { ByteString } from "../model/byte-string.ts";
import type { Count } from "../model/metric-family.ts";

const TWO_32 = 2 ** 32;

/**
 * Writes fields one after another into a buffer that grows. Each method writes one field, tag included, whatever its value, except
 * that nothing is written for a value that is undefined: the field is absent then.
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

  uint64(tag: number, value: Count | undefined): void {
    if (value === undefined) return;
    this.#varint(tag);
    if (typeof value === "number") this.#varint(value);
    else this.#bigVarint(value);
  }

  int64(tag: number, value: bigint | undefined): void {
    if (value === undefined) return;
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

  uint32(tag: number, value: number | undefined): void {
    if (value === undefined) return;
    this.#varint(tag);
    this.#varint(value);
  }

  int32(tag: number, value: number): void {
    this.#varint(tag);
    if (value < 0) this.#bigVarint(BigInt(value));
    else this.#varint(value);
  }

  /** Zigzag-encoded. */
  sint32(tag: number, value: number | undefined): void {
    if (value === undefined) return;
    this.#varint(tag);
    this.#varint(value < 0 ? -2 * value - 1 : 2 * value);
  }

  double(tag: number, value: number | undefined): void {
    if (value === undefined) return;
    this.#varint(tag);
    this.#reserve(8);
    this.#length = this.#buffer.writeDoubleLE(value, this.#length);
  }

  string(tag: number, value: ByteString | undefined): void {
    if (value === undefined) return;
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
