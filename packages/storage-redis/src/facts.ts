import { type Cursor, WaystationError } from "@waystation/core";
import { FACTS, FORMAT, type JournalKeys } from "./scripts.ts";
import type { Session } from "./session.ts";
import { BROKEN } from "./tail.ts";

/** What the journal says of itself at one moment. */
export interface Facts {
  readonly whole: boolean;
  readonly head: Cursor;
  readonly journalBytes: number;
  readonly snapshotBytes: number;
  readonly format: number;
  readonly snapshot: { readonly at: Cursor; readonly generation: string; readonly chunks: number } | undefined;
}

export async function readFacts(session: Session, keys: JournalKeys): Promise<Facts> {
  const [status, head, tag, journalBytes, snapshotBytes, format, snap, snaptag, generation, chunks] =
    (await session.reads.eval(FACTS, 2, keys.stream, keys.facts)) as [
      string,
      number,
      string,
      number,
      number,
      number,
      number,
      string,
      string,
      number,
    ];
  return {
    whole: status === "ok",
    head: { position: head, tag },
    journalBytes,
    snapshotBytes,
    format,
    snapshot: generation === "" ? undefined : { at: { position: snap, tag: snaptag }, generation, chunks },
  };
}

/** Throws `UNSUPPORTED` or `CORRUPT` if this release cannot go on from what is stored. */
export function requireReadable(facts: Facts): void {
  if (facts.format > FORMAT) {
    throw new WaystationError(
      "UNSUPPORTED",
      `the journal in Redis has format ${facts.format} and this release knows ${FORMAT}: use the release that wrote it, or a newer one`,
    );
  }
  if (!facts.whole) throw new WaystationError("CORRUPT", `the journal in Redis is damaged: ${BROKEN}`);
}
