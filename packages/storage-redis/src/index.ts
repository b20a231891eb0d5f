export type {
  HostPort,
  RedisJournalOptions,
  RedisJournalSettings,
  RedisTarget,
  TlsFiles,
  TrimLag,
  WaitAof,
} from "./options.ts";
export { RedisJournal } from "./redis-journal.ts";
export { describeTarget, type ParsedRedisUrl, parseRedisUrl } from "./redis-url.ts";
