/**
 * The protobuf wire format: tags, varints, fixed 64-bit values and length-delimited fields, with no knowledge of any message.
 *
 * Source: protobuf.dev, "Encoding". A tag is `field number << 3 | wire type`. Reader and writer deal in whole tags: a field that
 * arrives with another wire type than its own then has an unknown tag and is skipped, as the specification asks.
 */

export const VARINT = 0;
export const FIXED64 = 1;
export const LENGTH_DELIMITED = 2;
export const START_GROUP = 3;
export const END_GROUP = 4;
export const FIXED32 = 5;

export const MAX_FIELD_NUMBER = 2 ** 29 - 1;

/** Tag of a field that is a varint: integers and enumerations. */
export const varintTag = (field: number): number => (field << 3) | VARINT;
/** Tag of a field that is a `double`. */
export const doubleTag = (field: number): number => (field << 3) | FIXED64;
/** Tag of a field that is a string, a message or a packed list. */
export const lengthTag = (field: number): number => (field << 3) | LENGTH_DELIMITED;
