import { type Cursor, type Entry, MAX_TAIL_BYTES, type Tail, WaystationError } from "@waystation/core";
import { LostConnection, unlessForbidden } from "./failures.ts";
import { type JournalKeys, READ } from "./scripts.ts";
import type { Session } from "./session.ts";

/** What a script may put into its reply: Lua copies it, during which Redis does nothing else. More comes by plain XRANGE. */
export const SCRIPT_TAIL_BYTES = 512 * 1024;

/** Reply of the scripts APPEND and READ, without interpretation of the status. */
export interface TailReply {
  readonly status: string;
  readonly position: number;
  readonly time: number;
  readonly entries: readonly Entry[];
  /** Milliseconds in which gateways may still put back what Redis had lost. */
  readonly unsettled: number;
}

export function parseTailReply(reply: unknown): TailReply {
  const [status, position, time, flat = [], unsettled = 0] = reply as [Buffer, number, number, Buffer[]?, number?];
  const entries: Entry[] = [];
  for (let i = 0; i + 1 < flat.length; i += 2) entries.push({ ...parseId(flat[i]!), data: bytes(flat[i + 1]!) });
  return { status: String(status), position, time, entries, unsettled };
}

/** The error for a status that means that nothing was written by this. */
export function refusal(status: string, since: Cursor, head: number): WaystationError {
  switch (status) {
    case "truncated":
      return new WaystationError(
        "TRUNCATED",
        `entries after ${since.position} were compacted away: start again from the snapshot`,
      );
    case "rewound":
      return new WaystationError(
        "REWOUND",
        `position ${since.position} with tag ${since.tag} is not in the history that Redis has, which ends at ${head}`,
      );
    case "late":
      return new WaystationError("LATE", "the deadline had passed when Redis got the append: nothing was written");
    case "full":
      return new WaystationError(
        "FULL",
        "too much was appended since the last snapshot: compaction does not keep up, or nobody does it; nothing was written",
      );
    case "repeated":
      return new WaystationError("IN_DOUBT", "Redis has got the append more than once");
    default:
      return new WaystationError("UNAVAILABLE", `the journal in Redis is damaged: ${BROKEN}`);
  }
}

export const BROKEN =
  "its stream does not hold what its facts say, so keys were evicted, trimmed or deleted; set maxmemory-policy to noeviction, " +
  "then delete all keys of this prefix, and a live replica puts its state back";

/**
 * Reads what follows `since`, from a primary: one round trip if that is little, else two. A server that was made a replica without a
 * word would otherwise answer with an old state for ever, since only writes fail there.
 *
 * @param grace milliseconds that gateways have to put back what was lost; the session is unsettled for what is left of it
 */
export async function readTail(session: Session, keys: JournalKeys, since: Cursor, grace = 0): Promise<Tail> {
  const { stream, facts } = keys;
  const [reply, role] = await Promise.all([
    session.reads.callBuffer("EVAL", READ, 2, stream, facts, since.position, since.tag, SCRIPT_TAIL_BYTES, grace),
    session.reads.role().catch(unlessForbidden),
  ]);
  if (role && role[0] !== "master") throw new LostConnection("this server is a replica now", true);
  const first = parseTailReply(reply);
  if (first.status !== "ok") throw refusal(first.status, since, first.position);
  session.unsettle(first.unsettled);
  const entries = [...first.entries];
  const last = entries.at(-1);
  if (last && last.position < first.position) entries.push(...(await readMore(session, keys, entries, last)));
  // Between the two calls others may have appended: the head is then at least what was read.
  return { entries, head: Math.max(first.position, entries.at(-1)?.position ?? 0), time: first.time };
}

/** More entries after `last`, so that all together stay within a tail's size. */
async function readMore(session: Session, keys: JournalKeys, have: readonly Entry[], last: Entry): Promise<Entry[]> {
  let size = have.reduce((sum, entry) => sum + entry.data.length, 0);
  const average = Math.max(1, size / have.length);
  const count = Math.min(10_000, Math.floor((MAX_TAIL_BYTES - size) / average));
  if (count < 1) return [];
  // The range begins with `last` itself: one command then shows, atomically, that its answer belongs to the same history.
  const range = await session.reads.xrangeBuffer(keys.stream, `${last.position}-${last.tag}`, "+", "COUNT", count + 1);
  const more: Entry[] = [];
  for (const [i, [id, fields]] of range.entries()) {
    const entry: Entry = { ...parseId(id), data: bytes(fields[1]!) };
    if (i === 0) {
      if (entry.position !== last.position || entry.tag !== last.tag) return [];
      continue;
    }
    size += entry.data.length;
    if (size > MAX_TAIL_BYTES) break;
    more.push(entry);
  }
  return more;
}

/** A stream id, `<position>-<tag>`. */
function parseId(id: Buffer): Cursor {
  const text = id.toString("latin1");
  const dash = text.indexOf("-");
  return { position: Number(text.slice(0, dash)), tag: text.slice(dash + 1) };
}

/** A copy: the buffer is a piece of what the socket read at once, which a small entry that is kept would keep as a whole. */
function bytes(buffer: Buffer): Uint8Array {
  return new Uint8Array(buffer);
}
