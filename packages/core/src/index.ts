/**
 * Waystation's core: a gateway that takes pushes, keeps the last value of each metric, in groups, and exposes them to Prometheus.
 *
 * @module
 */
export * from "./errors.ts";
export { formatFloat, formatFloatSigned } from "./exposition/float.ts";
export { repairText } from "./exposition/lenient-text.ts";
export {
  type ContentEncoding,
  type ExpositionFormat,
  type ExpositionSyntax,
  negotiateEncoding,
  negotiateFormat,
} from "./exposition/negotiation.ts";
export { decodeDelimited, decodeFamily, valueMismatch } from "./exposition/protobuf-decoder.ts";
export { encodeDelimited, encodeFamily } from "./exposition/protobuf-encoder.ts";
export { parseText } from "./exposition/text-parser.ts";
export type { AppliedRecord, ChannelMessages, ChannelName, LostEntry } from "./gateway/channels.ts";
export {
  type ExposeOptions,
  type Exposition,
  Gateway,
  type GatewayHealth,
  type GatewayOptions,
  type PushRequest,
} from "./gateway/gateway.ts";
export type { FamilyHead, FamilyView, GroupView, PushedFamilyView } from "./gateway/group-view.ts";
export * from "./journal/journal.ts";
export { JournalLifecycle } from "./journal/lifecycle.ts";
export { MemoryJournal, MemoryStore, type MemoryStoreOptions } from "./journal/memory-journal.ts";
export * from "./model/byte-string.ts";
export {
  describeGroupingKey,
  type GroupingKey,
  type GroupingKeyOptions,
  groupingKey,
  parseGroupingKey,
} from "./model/grouping-key.ts";
export * from "./model/metric-family.ts";
export { type EscapingScheme, escapeLabelName } from "./model/names.ts";
export type { PushMode } from "./push/encode-push.ts";
export type { RestoreOutcome, StandingGroup } from "./push/encode-restore.ts";
export { type LimitName, type Limits, NO_LIMITS } from "./push/limits.ts";
