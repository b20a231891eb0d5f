import { WaystationError } from "../errors.ts";
import { ByteWriter } from "../exposition/byte-writer.ts";
import type { ByteString } from "../model/byte-string.ts";
import { METRIC_TYPES, type MetricType } from "../model/metric-family.ts";

/**
 * What a family is, apart from its samples.
 *
 *     u8 type (index in METRIC_TYPES), u8 flags, u32 length, name, [u32 length, help], [u32 length, unit]
 *
 * Flags: 1 there is a help text, 2 there is a unit, 4 `impliedInf`, 8 `quoted`.
 */
export interface Descriptor {
  readonly name: ByteString;
  readonly type: MetricType;
  readonly help?: ByteString | undefined;
  readonly unit?: ByteString | undefined;
  /** The +Inf buckets in the sample lines were not pushed, but added as the text format demands. */
  readonly impliedInf: boolean;
  /** Are there names in the sample lines that are outside the legacy character set, and so quoted? */
  readonly quoted: boolean;
}

const HAS_HELP = 1;
const HAS_UNIT = 2;
const IMPLIED_INF = 4;
const QUOTED = 8;

export function encodeDescriptor(out: ByteWriter, descriptor: Descriptor): void {
  const { name, type, help, unit } = descriptor;
  out.writeByte(METRIC_TYPES.indexOf(type));
  out.writeByte(
    (help === undefined ? 0 : HAS_HELP) |
      (unit === undefined ? 0 : HAS_UNIT) |
      (descriptor.impliedInf ? IMPLIED_INF : 0) |
      (descriptor.quoted ? QUOTED : 0),
  );
  writeString(out, name);
  if (help !== undefined) writeString(out, help);
  if (unit !== undefined) writeString(out, unit);
}

function writeString(out: ByteWriter, text: ByteString): void {
  out.writeUint32(text.length);
  out.writeLatin1(text);
}

/** A layout of these descriptors, which must be ordered by name. */
export function encodeLayout(descriptors: readonly Descriptor[]): Buffer {
  const out = new ByteWriter();
  out.writeUint32(descriptors.length);
  for (const descriptor of descriptors) encodeDescriptor(out, descriptor);
  return out.bytes();
}

/** The descriptors of a layout. Throws `CORRUPT` unless it is one, to the last byte. */
export function decodeLayout(bytes: Buffer): Descriptor[] {
  let offset = 4;
  const readString = () => {
    const start = offset + 4;
    offset = start + bytes.readUInt32LE(offset);
    if (offset > bytes.length) throw corrupt();
    return bytes.toString("latin1", start, offset);
  };
  try {
    const descriptors: Descriptor[] = [];
    for (let count = bytes.readUInt32LE(0); count > 0; count--) {
      const type = METRIC_TYPES[bytes.readUInt8(offset)];
      const flags = bytes.readUInt8(offset + 1);
      if (type === undefined) throw corrupt();
      offset += 2;
      const name = readString();
      const help = flags & HAS_HELP ? readString() : undefined;
      const unit = flags & HAS_UNIT ? readString() : undefined;
      descriptors.push({
        name,
        type,
        help,
        unit,
        impliedInf: (flags & IMPLIED_INF) !== 0,
        quoted: (flags & QUOTED) !== 0,
      });
    }
    if (offset !== bytes.length) throw corrupt();
    return descriptors;
  } catch (error) {
    // Reading beyond the end is a RangeError of Buffer.
    throw error instanceof RangeError ? corrupt() : error;
  }
}

function corrupt(): WaystationError {
  return new WaystationError("CORRUPT", "a record's list of metric families cannot be read");
}
