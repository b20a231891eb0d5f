import { type ByteString, WaystationError } from "@waystation/core";
import { FIRST_DEFINED, type GobField, type GobType, PREDEFINED, toGobType, WIRE_TYPE } from "./gob-types.ts";

/**
 * Reads streams of Go's `encoding/gob`: self-describing, so that nothing needs to be known of the program that wrote them.
 *
 * Source: pkg.go.dev/encoding/gob. A stream is a sequence of messages, each of which defines a type or holds a value. Definitions
 * are themselves values, of types with fixed numbers. Fields that are zero are left out.
 */

/**
 * What a value becomes: integers `bigint`, floats `number`, strings their bytes, slices and arrays (and the two parts of a complex
 * number) arrays. Pointers are what they point to.
 */
export type GobValue = boolean | bigint | number | ByteString | GobBytes | GobStruct | GobMap | readonly GobValue[];

export type GobMap = ReadonlyMap<GobValue, GobValue>;

export interface GobStruct {
  /** The type's name in the program that wrote it, without package. */
  readonly typeName: ByteString;
  /** Without the fields that were zero. */
  readonly fields: ReadonlyMap<ByteString, GobValue>;
}

/** A `[]byte`, or what a type's own `GobEncode`, `MarshalBinary` or `MarshalText` wrote. */
export interface GobBytes {
  /** A view of the input. */
  readonly bytes: Uint8Array;
  /** Where it begins in the input. */
  readonly offset: number;
}

/**
 * All values of a stream, in order.
 *
 * @throws `CORRUPT`, with the byte, if the stream is damaged, incomplete or none at all; `UNSUPPORTED` if it holds interface values
 */
export function readGob(bytes: Uint8Array): GobValue[] {
  return new GobReader(bytes).readAll();
}

/** Deeper than any sensible data, and far from the end of the stack. */
const MAX_DEPTH = 64;

class GobReader {
  readonly #bytes: Buffer;
  readonly #types = new Map(PREDEFINED);
  #position = 0;
  /** Where the message being read ends. */
  #end = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  readAll(): GobValue[] {
    const values: GobValue[] = [];
    while (this.#position < this.#bytes.length) {
      this.#end = this.#bytes.length;
      const length = this.#length("message");
      const start = this.#position;
      this.#end = start + length;
      const id = this.#typeNumber();
      if (id < 0) this.#define(-id, start);
      else values.push(this.#topLevelValue(id));
      if (this.#position !== this.#end) {
        throw this.#corrupt(
          this.#position,
          `the message goes on for ${this.#end - this.#position} bytes after its value`,
        );
      }
    }
    return values;
  }

  /** A value that is no struct has a 0 before it, where a struct would have the distance to its first field. */
  #topLevelValue(id: number): GobValue {
    if (this.#type(id).kind !== "struct") {
      const at = this.#position;
      if (this.#uint() !== 0n) throw this.#corrupt(at, "a value does not begin with 0");
    }
    return this.#value(id, 0);
  }

  #define(id: number, at: number): void {
    if (id < FIRST_DEFINED || this.#types.has(id)) throw this.#corrupt(at, `type ${id} is defined a second time`);
    const type = toGobType(this.#value(WIRE_TYPE, 0));
    if (type === undefined) throw this.#corrupt(at, `the definition of type ${id} is incomplete`);
    this.#types.set(id, type);
  }

  #type(id: number): GobType {
    const type = this.#types.get(id);
    if (type === undefined) throw this.#corrupt(this.#position, `type ${id} is not defined`);
    return type;
  }

  #value(id: number, depth: number): GobValue {
    const type = this.#type(id);
    if (depth > MAX_DEPTH) throw this.#corrupt(this.#position, `values are nested more than ${MAX_DEPTH} deep`);
    switch (type.kind) {
      case "bool":
        return this.#uint() !== 0n;
      case "int":
        return this.#int();
      case "uint":
        return this.#uint();
      case "float":
        return this.#float();
      case "complex":
        return [this.#float(), this.#float()];
      case "string": {
        const { bytes } = this.#byteSequence();
        return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString("latin1");
      }
      case "bytes":
        return this.#byteSequence();
      case "list":
        return this.#list(type.element, depth);
      case "map":
        return this.#map(type.key, type.element, depth);
      case "struct":
        return this.#struct(type.name, type.fields, depth);
      case "interface":
        throw new WaystationError(
          "UNSUPPORTED",
          `gob stream, byte ${this.#position}: interface values are not read here`,
        );
    }
  }

  #list(element: number, depth: number): GobValue[] {
    const length = this.#length("list");
    const values: GobValue[] = [];
    while (values.length < length) values.push(this.#value(element, depth + 1));
    return values;
  }

  #map(key: number, element: number, depth: number): GobMap {
    const size = this.#length("map");
    const map = new Map<GobValue, GobValue>();
    for (let i = 0; i < size; i++) {
      const name = this.#value(key, depth + 1);
      map.set(name, this.#value(element, depth + 1));
    }
    return map;
  }

  #struct(typeName: ByteString, fields: readonly GobField[], depth: number): GobStruct {
    const values = new Map<ByteString, GobValue>();
    let index = -1;
    for (;;) {
      const at = this.#position;
      const distance = this.#uint();
      if (distance === 0n) return { typeName, fields: values };
      index += Number(distance);
      const field = fields[index];
      if (field === undefined) throw this.#corrupt(at, `${typeName || "a struct"} has no field ${index}`);
      values.set(field.name, this.#value(field.type, depth + 1));
    }
  }

  #byteSequence(): GobBytes {
    const length = this.#length("byte sequence");
    const offset = this.#position;
    this.#position += length;
    return { bytes: this.#bytes.subarray(offset, this.#position), offset };
  }

  /** How many bytes or elements follow. An element takes a byte at least, so a length that cannot be true is found here. */
  #length(what: string): number {
    const at = this.#position;
    const length = this.#uint();
    const left = this.#end - this.#position;
    if (length > left) {
      throw this.#corrupt(at, `a ${what} of length ${length} is announced, but only ${left} bytes are left`);
    }
    return Number(length);
  }

  #typeNumber(): number {
    const at = this.#position;
    const id = this.#int();
    if (id === 0n || id !== BigInt.asIntN(32, id)) throw this.#corrupt(at, `${id} is not the number of a type`);
    return Number(id);
  }

  /** Below 128 one byte; else the negated number of bytes and those, the most significant first. */
  #uint(): bigint {
    const first = this.#take(1);
    const byte = this.#bytes[first]!;
    if (byte < 0x80) return BigInt(byte);
    const size = 0x100 - byte;
    if (size > 8) throw this.#corrupt(first, `a number of ${size} bytes`);
    let value = 0n;
    const start = this.#take(size);
    for (let at = start; at < start + size; at++) value = (value << 8n) | BigInt(this.#bytes[at]!);
    return value;
  }

  /** The sign is the lowest bit; negative numbers are complemented. */
  #int(): bigint {
    const value = this.#uint();
    return value & 1n ? ~(value >> 1n) : value >> 1n;
  }

  /** The bytes of a double as an unsigned integer, in reverse, so that the many zeros of round numbers take no room. */
  #float(): number {
    const reversed = Buffer.allocUnsafe(8);
    reversed.writeBigUInt64LE(this.#uint());
    return reversed.readDoubleBE();
  }

  #take(size: number): number {
    const at = this.#position;
    if (size > this.#end - at) throw this.#corrupt(at, "the data ends in the middle of a value");
    this.#position = at + size;
    return at;
  }

  #corrupt(at: number, reason: string): WaystationError {
    return new WaystationError("CORRUPT", `not a sound gob stream: ${reason} (byte ${at})`);
  }
}
