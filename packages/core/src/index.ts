export * from "./errors.ts";
export { decodeDelimited, decodeFamily, valueMismatch } from "./exposition/protobuf-decoder.ts";
export {
  encodeDelimited,
  encodeFamily,
  writeFamily,
  writeFamilyHead,
  writeMetric,
} from "./exposition/protobuf-encoder.ts";
export { type ProtobufTextForm, writeFamilyAsText } from "./exposition/protobuf-text.ts";
export { WireWriter } from "./exposition/protobuf-wire.ts";
export * from "./journal/journal.ts";
export { JournalLifecycle } from "./journal/lifecycle.ts";
export { MemoryJournal, MemoryStore, type MemoryStoreOptions } from "./journal/memory-journal.ts";
export * from "./model/byte-string.ts";
export * from "./model/metric-family.ts";
