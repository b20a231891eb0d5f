/**
 * Reads delimited `io.prometheus.client.MetricFamily` messages into plain JSON, for comparing. Written apart from the gateway's own
 * decoder on purpose. Field numbers: `metrics.proto` of github.com/prometheus/client_model.
 */
type Kind = "string" | "double" | "uint" | "sint" | Schema;
interface Schema {
  readonly [field: number]: readonly [name: string, kind: Kind];
}

const TIMESTAMP: Schema = { 1: ["seconds", "uint"], 2: ["nanos", "uint"] };
const LABEL: Schema = { 1: ["name", "string"], 2: ["value", "string"] };
const EXEMPLAR: Schema = { 1: ["label", LABEL], 2: ["value", "double"], 3: ["timestamp", TIMESTAMP] };
const COUNTER: Schema = { 1: ["value", "double"], 2: ["exemplar", EXEMPLAR], 3: ["created", TIMESTAMP] };
const VALUE: Schema = { 1: ["value", "double"] };
const QUANTILE: Schema = { 1: ["quantile", "double"], 2: ["value", "double"] };
const SUMMARY: Schema = {
  1: ["count", "uint"],
  2: ["sum", "double"],
  3: ["quantile", QUANTILE],
  4: ["created", TIMESTAMP],
};
const BUCKET: Schema = {
  1: ["cumulative_count", "uint"],
  2: ["upper_bound", "double"],
  3: ["exemplar", EXEMPLAR],
  4: ["cumulative_count_float", "double"],
};
const SPAN: Schema = { 1: ["offset", "sint"], 2: ["length", "uint"] };
const HISTOGRAM: Schema = {
  1: ["count", "uint"],
  2: ["sum", "double"],
  3: ["bucket", BUCKET],
  4: ["count_float", "double"],
  5: ["schema", "sint"],
  6: ["zero_threshold", "double"],
  7: ["zero_count", "uint"],
  8: ["zero_count_float", "double"],
  9: ["negative_span", SPAN],
  10: ["negative_delta", "sint"],
  11: ["negative_count", "double"],
  12: ["positive_span", SPAN],
  13: ["positive_delta", "sint"],
  14: ["positive_count", "double"],
  15: ["created", TIMESTAMP],
  16: ["exemplars", EXEMPLAR],
};
const METRIC: Schema = {
  1: ["label", LABEL],
  2: ["gauge", VALUE],
  3: ["counter", COUNTER],
  4: ["summary", SUMMARY],
  5: ["untyped", VALUE],
  6: ["timestamp_ms", "uint"],
  7: ["histogram", HISTOGRAM],
};
const FAMILY: Schema = {
  1: ["name", "string"],
  2: ["help", "string"],
  3: ["type", "uint"],
  4: ["metric", METRIC],
  5: ["unit", "string"],
};

/** Every field is a list, since on the wire each may be repeated. Numbers are strings, so that none loses a digit. */
export interface Message {
  [field: string]: (string | Message)[];
}

export function decodeFamilies(bytes: Buffer): Message[] {
  const reader = new Reader(bytes);
  const families: Message[] = [];
  while (!reader.done) families.push(decode(reader.take(Number(reader.varint())), FAMILY));
  return families;
}

function decode(bytes: Buffer, schema: Schema): Message {
  const reader = new Reader(bytes);
  const message: Message = {};
  while (!reader.done) {
    const key = Number(reader.varint());
    const [name, kind] = schema[key >> 3] ?? [`field ${key >> 3}`, "uint"];
    message[name] ??= [];
    message[name].push(...decodeField(reader, key & 7, kind));
  }
  return message;
}

function decodeField(reader: Reader, wireType: number, kind: Kind): (string | Message)[] {
  if (wireType === 0) return [numeral(reader.varint(), kind)];
  if (wireType === 1) return [double(reader.take(8))];
  if (wireType !== 2) throw new Error(`unexpected wire type ${wireType}`);
  const bytes = reader.take(Number(reader.varint()));
  if (typeof kind === "object") return [decode(bytes, kind)];
  if (kind === "string") return [bytes.toString("latin1")];
  // Packed numbers.
  const packed = new Reader(bytes);
  const values: string[] = [];
  while (!packed.done) values.push(kind === "double" ? double(packed.take(8)) : numeral(packed.varint(), kind));
  return values;
}

function double(bytes: Buffer): string {
  const value = bytes.readDoubleLE();
  return Object.is(value, -0) ? "-0" : String(value);
}

function numeral(value: bigint, kind: Kind): string {
  return String(kind === "sint" ? (value >> 1n) ^ -(value & 1n) : value);
}

class Reader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  get done(): boolean {
    return this.#at >= this.#bytes.length;
  }

  varint(): bigint {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = this.#bytes[this.#at++];
      if (byte === undefined) throw new Error("the exposition ends within a number");
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return value;
    }
  }

  take(length: number): Buffer {
    if (this.#at + length > this.#bytes.length) throw new Error("the exposition ends within a message");
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }
}
