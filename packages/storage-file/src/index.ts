/**
 * A Waystation journal in a folder of checksummed files: one process, no other service, durable against power loss.
 *
 * @module
 */
export { FileJournal, type FileJournalOptions } from "./file-journal.ts";
