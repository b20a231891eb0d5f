import { compressPart, type GzipPart } from "./gzip-member.ts";

/** How a page of text becomes a part of a body. */
export interface PageCodec<Part> {
  readonly name: string;
  /** Is a part worth keeping until its page changes? Plain text is rendered again as fast as it is stored. */
  readonly kept: boolean;
  /** @param raw may be reused afterwards */
  encode(raw: Buffer): Part;
}

export const IDENTITY: PageCodec<Uint8Array> = {
  name: "identity",
  kept: false,
  encode: (raw) => exactCopy(raw),
};

export const GZIP: PageCodec<GzipPart> = {
  name: "gzip",
  kept: true,
  encode: compressPart,
};

/** Buffers from a pool, or views of a larger one, would keep more alive than they hold. */
function exactCopy(bytes: Buffer): Uint8Array {
  const copy = Buffer.allocUnsafeSlow(bytes.length);
  bytes.copy(copy);
  return copy;
}
