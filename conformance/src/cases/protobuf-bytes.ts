/**
 * Writes delimited `io.prometheus.client.MetricFamily` messages for pushes, valid or not. A field is its number and its values; what
 * kind of number a value is, it says itself. Field numbers: `metrics.proto` of github.com/prometheus/client_model.
 */
type Value = string | Double | number | bigint | Buffer;

interface Double {
  readonly double: number;
}

export const double = (value: number): Double => ({ double: value });

export function message(fields: Readonly<Record<number, Value | readonly Value[]>>): Buffer {
  const parts: Buffer[] = [];
  for (const [number, value] of Object.entries(fields)) {
    for (const one of [value].flat()) parts.push(field(Number(number), one));
  }
  return Buffer.concat(parts);
}

/** A body of delimited messages. */
export function delimited(...messages: Buffer[]): Buffer {
  return Buffer.concat(messages.flatMap((bytes) => [varint(BigInt(bytes.length)), bytes]));
}

/** Types of metric families, as the protobuf enumeration numbers them. */
export const TYPE = { counter: 0, gauge: 1, summary: 2, untyped: 3, histogram: 4, gaugeHistogram: 5 };

export function family(name: string, type: number, ...metrics: Buffer[]): Buffer {
  return message({ 1: name, 3: type, 4: metrics });
}

export const label = (name: string, value: string): Buffer => message({ 1: name, 2: value });

/** A metric with the value in the member of the given number: 2 gauge, 3 counter, 4 summary, 5 untyped, 7 histogram. */
export const metric = (member: number, content: Buffer, ...labels: Buffer[]): Buffer =>
  message({ 1: labels, [member]: content });

export const value = (number: number): Buffer => message({ 1: double(number) });

/** For `sint` fields. */
export const zigzag = (value: number): number => (value < 0 ? -2 * value - 1 : 2 * value);

function field(number: number, value: Value): Buffer {
  if (typeof value === "number" || typeof value === "bigint") {
    return Buffer.concat([varint(BigInt(number << 3)), varint(BigInt.asUintN(64, BigInt(value)))]);
  }
  if (typeof value === "object" && "double" in value) {
    const bytes = Buffer.alloc(8);
    bytes.writeDoubleLE(value.double);
    return Buffer.concat([varint(BigInt((number << 3) | 1)), bytes]);
  }
  const bytes = Buffer.from(value as string);
  return Buffer.concat([varint(BigInt((number << 3) | 2)), varint(BigInt(bytes.length)), bytes]);
}

function varint(value: bigint): Buffer {
  const bytes: number[] = [];
  let rest = value;
  for (; rest > 0x7fn; rest >>= 7n) bytes.push(Number(rest & 0x7fn) | 0x80);
  return Buffer.from([...bytes, Number(rest)]);
}
