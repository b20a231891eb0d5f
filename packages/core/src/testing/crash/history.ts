import type { Cursor } from "../../journal/journal.ts";

/**
 * What a crash test keeps in a journal: entries whose bytes follow from their tags, and snapshots that list all cursors up to their
 * own. So whoever opens the journal can tell whether all is there, and unharmed.
 */

const LARGEST = 3000;

/** 0 to 3,000 bytes; now and then 200,000. */
export function payloadOf(tag: string): Buffer {
  let state = Number(BigInt(tag) % 2_147_483_629n) + 1;
  const next = (): number => {
    state = (state * 48_271) % 2_147_483_647; // the "minimal standard" generator of Park and Miller
    return state;
  };
  const payload = Buffer.alloc(next() % 100 === 0 ? 200_000 : next() % LARGEST);
  for (let i = 0; i < payload.length; i++) payload[i] = next() & 255;
  return payload;
}

export function encodeHistory(history: readonly Cursor[]): Buffer {
  return Buffer.from(history.map(({ position, tag }) => `${position}-${tag}\n`).join(""));
}

export function decodeHistory(bytes: Buffer): Cursor[] {
  const lines = bytes.toString("latin1").split("\n").slice(0, -1);
  return lines.map((line) => {
    const [position, tag] = line.split("-");
    return { position: Number(position), tag: tag! };
  });
}
