import type { ByteString } from "@waystation/core";
import type { GobValue } from "./gob.ts";

/** Types of gob streams: those that are always there, and how a stream defines others. Source: Go's `encoding/gob/type.go`. */

/** Numbers of types that each stream may use without defining them. */
const BOOL = 1;
const INT = 2;
const UINT = 3;
const FLOAT = 4;
const BYTES = 5;
const STRING = 6;
const COMPLEX = 7;
const INTERFACE = 8;
export const WIRE_TYPE = 16;
const ARRAY_TYPE = 17;
const COMMON_TYPE = 18;
const SLICE_TYPE = 19;
const STRUCT_TYPE = 20;
const FIELD_TYPE = 21;
const FIELD_TYPES = 22;
const MAP_TYPE = 23;
/** Has no number of its own in a stream. */
const GOB_ENCODER_TYPE = 24;
/** Types that a stream defines have this number, or a higher one. */
export const FIRST_DEFINED = 64;

export type GobType =
  | { readonly kind: "bool" | "int" | "uint" | "float" | "string" | "complex" | "interface" }
  /** A length and that many bytes. */
  | { readonly kind: "bytes" }
  /** Slices and arrays, which look alike. */
  | { readonly kind: "list"; readonly element: number }
  | { readonly kind: "map"; readonly key: number; readonly element: number }
  | { readonly kind: "struct"; readonly name: ByteString; readonly fields: readonly GobField[] };

export interface GobField {
  readonly name: ByteString;
  readonly type: number;
}

function struct(name: string, fields: Record<string, number>): GobType {
  return { kind: "struct", name, fields: Object.entries(fields).map(([name, type]) => ({ name, type })) };
}

/** The types that a stream need not define, of which type definitions are made. */
export const PREDEFINED: ReadonlyMap<number, GobType> = new Map<number, GobType>([
  [BOOL, { kind: "bool" }],
  [INT, { kind: "int" }],
  [UINT, { kind: "uint" }],
  [FLOAT, { kind: "float" }],
  [BYTES, { kind: "bytes" }],
  [STRING, { kind: "string" }],
  [COMPLEX, { kind: "complex" }],
  [INTERFACE, { kind: "interface" }],
  [
    WIRE_TYPE,
    struct("wireType", {
      ArrayT: ARRAY_TYPE,
      SliceT: SLICE_TYPE,
      StructT: STRUCT_TYPE,
      MapT: MAP_TYPE,
      GobEncoderT: GOB_ENCODER_TYPE,
      BinaryMarshalerT: GOB_ENCODER_TYPE,
      TextMarshalerT: GOB_ENCODER_TYPE,
    }),
  ],
  [ARRAY_TYPE, struct("arrayType", { CommonType: COMMON_TYPE, Elem: INT, Len: INT })],
  [COMMON_TYPE, struct("CommonType", { Name: STRING, Id: INT })],
  [SLICE_TYPE, struct("sliceType", { CommonType: COMMON_TYPE, Elem: INT })],
  [STRUCT_TYPE, struct("structType", { CommonType: COMMON_TYPE, Field: FIELD_TYPES })],
  [FIELD_TYPE, struct("fieldType", { Name: STRING, Id: INT })],
  [FIELD_TYPES, { kind: "list", element: FIELD_TYPE }],
  [MAP_TYPE, struct("mapType", { CommonType: COMMON_TYPE, Key: INT, Elem: INT })],
  [GOB_ENCODER_TYPE, struct("gobEncoderType", { CommonType: COMMON_TYPE })],
]);

/** What a value of `wireType` defines. Exactly one of its fields is set. */
export function toGobType(value: GobValue): GobType | undefined {
  const wireType = fieldsOf(value);
  if (wireType === undefined) return undefined;
  for (const [form, definition] of wireType) {
    const fields = fieldsOf(definition) ?? new Map<ByteString, GobValue>();
    const element = typeNumberOf(fields.get("Elem"));
    const key = typeNumberOf(fields.get("Key"));
    switch (form) {
      case "ArrayT":
      case "SliceT":
        return element === undefined ? undefined : { kind: "list", element };
      case "MapT":
        return key === undefined || element === undefined ? undefined : { kind: "map", key, element };
      case "StructT":
        return toStruct(fields);
      default:
        return { kind: "bytes" };
    }
  }
  return undefined;
}

function toStruct(definition: ReadonlyMap<ByteString, GobValue>): GobType | undefined {
  const name = fieldsOf(definition.get("CommonType"))?.get("Name");
  const list = definition.get("Field") ?? [];
  if (!Array.isArray(list)) return undefined;
  const fields: GobField[] = [];
  for (const item of list) {
    const field = fieldsOf(item);
    const fieldName = field?.get("Name");
    const type = typeNumberOf(field?.get("Id"));
    if (typeof fieldName !== "string" || type === undefined) return undefined;
    fields.push({ name: fieldName, type });
  }
  return { kind: "struct", name: typeof name === "string" ? name : "", fields };
}

function fieldsOf(value: GobValue | undefined): ReadonlyMap<ByteString, GobValue> | undefined {
  return typeof value === "object" && "fields" in value ? value.fields : undefined;
}

function typeNumberOf(value: GobValue | undefined): number | undefined {
  return typeof value === "bigint" ? Number(value) : undefined;
}
