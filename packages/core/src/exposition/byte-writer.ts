import type { ByteString } from "../model/byte-string.ts";

/** From this length on, one call into the runtime is cheaper than a loop over the characters. */
const LONG = 24;
/** The same for bytes, where the call also takes a view. */
const LONG_PART = 160;

/**
 * A buffer that grows. Everything that writes an exposition appends to one of these; it can be reset and used again, and then
 * keeps its capacity.
 */
export class ByteWriter {
  #buffer: Buffer;
  #length = 0;

  /** @param capacity Bytes to allocate at first. */
  constructor(capacity = 1024) {
    this.#buffer = Buffer.allocUnsafeSlow(Math.max(capacity, 1));
  }

  /** Bytes written since the beginning, or since the last reset. */
  get length(): number {
    return this.#length;
  }

  writeByte(byte: number): void {
    if (this.#length === this.#buffer.length) {
      this.#grow(1);
    }
    this.#buffer[this.#length++] = byte;
  }

  /** Writes 4 bytes, little endian. */
  writeUint32(value: number): void {
    if (this.#length + 4 > this.#buffer.length) {
      this.#grow(4);
    }
    this.#length = this.#buffer.writeUInt32LE(value, this.#length);
  }

  /** Writes one byte per character. */
  writeLatin1(text: ByteString): void {
    const count = text.length;
    if (this.#length + count > this.#buffer.length) {
      this.#grow(count);
    }
    const buffer = this.#buffer;
    let at = this.#length;
    if (count >= LONG) {
      at += buffer.write(text, at, "latin1");
    } else {
      for (let i = 0; i < count; i++) {
        buffer[at++] = text.charCodeAt(i);
      }
    }
    this.#length = at;
  }

  writeBytes(bytes: Uint8Array): void {
    if (this.#length + bytes.length > this.#buffer.length) {
      this.#grow(bytes.length);
    }
    this.#buffer.set(bytes, this.#length);
    this.#length += bytes.length;
  }

  /** Writes `bytes[start, end)`. For parts as short as sample lines a loop is cheaper than a view and a call into the runtime. */
  writePart(bytes: Uint8Array, start: number, end: number): void {
    const count = end - start;
    if (count > LONG_PART) {
      this.writeBytes(bytes.subarray(start, end));
      return;
    }
    if (this.#length + count > this.#buffer.length) {
      this.#grow(count);
    }
    const buffer = this.#buffer;
    let at = this.#length;
    for (let i = start; i < end; i++) {
      buffer[at++] = bytes[i]!;
    }
    this.#length = at;
  }

  /** What was written, as a view: the next write or reset may change it. */
  bytes(): Buffer {
    return this.#buffer.subarray(0, this.#length);
  }

  /** Forgets what was written, or all of it after the first `length` bytes. */
  reset(length = 0): void {
    if (!(length >= 0 && length <= this.#length)) {
      throw new TypeError(`cannot reset a writer of ${this.#length} bytes to ${length}`);
    }
    this.#length = length;
  }

  /** Doubles at least, so that writing n bytes copies less than 2n. */
  #grow(count: number): void {
    const grown = Buffer.allocUnsafeSlow(Math.max(this.#buffer.length * 2, this.#length + count));
    grown.set(this.#buffer.subarray(0, this.#length));
    this.#buffer = grown;
  }
}
