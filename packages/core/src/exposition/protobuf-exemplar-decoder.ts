import type { Exemplar, Label, Timestamp } from "../model/metric-family.ts";
import type { WireReader } from "./protobuf-reader.ts";
import { EXEMPLAR, LABEL, TIMESTAMP } from "./protobuf-schema.ts";

/**
 * Reading of the small messages that several others contain. Each function reads the length and the message of a field whose tag was
 * read last; `earlier` is what an earlier occurrence of the same singular field gave, to be merged with.
 */

export function readLabel(reader: WireReader): Label {
  const outer = reader.enter();
  const label: Label = { name: "", value: "" };
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === LABEL.name) label.name = reader.string();
    else if (tag === LABEL.value) label.value = reader.string();
    else reader.skip(tag);
  }
  reader.leave(outer);
  return label;
}

export function readExemplar(reader: WireReader, earlier: Exemplar | undefined): Exemplar {
  const outer = reader.enter();
  const exemplar = earlier ?? { labels: [] };
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === EXEMPLAR.label) exemplar.labels.push(readLabel(reader));
    else if (tag === EXEMPLAR.value) exemplar.value = reader.double();
    else if (tag === EXEMPLAR.timestamp) exemplar.timestamp = readTimestamp(reader, exemplar.timestamp);
    else reader.skip(tag);
  }
  reader.leave(outer);
  return exemplar;
}

export function readTimestamp(reader: WireReader, earlier: Timestamp | undefined): Timestamp {
  const outer = reader.enter();
  const timestamp = earlier ?? { seconds: 0n, nanos: 0 };
  for (let tag = reader.tag(); tag !== 0; tag = reader.tag()) {
    if (tag === TIMESTAMP.seconds) timestamp.seconds = reader.int64();
    else if (tag === TIMESTAMP.nanos) timestamp.nanos = reader.int32();
    else reader.skip(tag);
  }
  reader.leave(outer);
  return timestamp;
}
