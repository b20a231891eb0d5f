import type { BodyMemory } from "./body-memory.ts";
import { compressPart, compressPartAside, type GzipPart } from "./gzip-member.ts";

/** How pages of text become a part of a body. */
export interface PageCodec<Part> {
  readonly name: string;
  /** Is a part worth keeping until its pages change? Plain text is rendered again as fast as it is stored. */
  readonly kept: boolean;
  /** About how many bytes of text to encode together, if so many have changed. 0: each page alone. */
  readonly runBytes: number;
  /** @param raw may be reused afterwards: of a promise, when it is settled */
  encode(raw: Buffer): Part | Promise<Part>;
}

/** Text as it is, in this memory. */
export function identityIn(memory: BodyMemory): PageCodec<Uint8Array> {
  return { name: "identity", kept: false, runBytes: 0, encode: (raw) => memory.copy(raw) };
}

const GZIP_RUN_BYTES = 96 * 1024;

/** Runs are compressed while the next ones are rendered. For less text, handing it over costs more than compressing it. */
export const GZIP: PageCodec<GzipPart> = {
  name: "gzip",
  kept: true,
  runBytes: GZIP_RUN_BYTES,
  encode: (raw) => (raw.length < GZIP_RUN_BYTES / 2 ? compressPart(raw) : compressPartAside(raw)),
};
