import { promisify } from "node:util";
import { gzip, zstdCompress } from "node:zlib";
import { ByteWriter } from "../exposition/byte-writer.ts";
import type { ContentEncoding, ExpositionFormat } from "../exposition/negotiation.ts";
import type { MetricFamily } from "../model/metric-family.ts";
import type { State } from "../state/state.ts";
import { writeEndIn, writeFamilyIn } from "./family-writers.ts";
import { joinGzipMember } from "./gzip-member.ts";
import { GZIP, IDENTITY, type PageCodec } from "./page-codecs.ts";
import { renderFamilies, renderPages } from "./render.ts";

const COMPRESS = {
  gzip: promisify<Uint8Array, Uint8Array>(gzip),
  zstd: promisify<Uint8Array, Uint8Array>(zstdCompress),
};

/**
 * Makes the bodies of scrapes. One rendering runs at a time; scrapes that wait for the same form share the next one.
 */
export class Scraper {
  readonly #waiting = new Map<string, Promise<unknown>>();
  #last: Promise<unknown> = Promise.resolve();

  /**
   * @param state asked for when the rendering begins
   * @param self families to append, complete
   * @param pushed is what was pushed part of the body?
   * @returns the body in pieces, which may be shared with other scrapes and must not be changed
   */
  async scrape(
    state: () => State,
    format: ExpositionFormat,
    encoding: ContentEncoding,
    self: readonly MetricFamily[],
    pushed: boolean,
  ): Promise<Uint8Array[]> {
    const end = new ByteWriter(16 * 1024);
    for (const family of self) writeFamilyIn(format, end, family);
    writeEndIn(format, end);
    if (format.syntax !== "text") {
      const families = !pushed ? [] : await this.#share(format.contentType, () => renderFamilies(state(), format));
      const body = Buffer.concat([...families, end.bytes()]);
      return [encoding === "identity" ? body : await COMPRESS[encoding](body)];
    }
    const pages = async <Part>(codec: PageCodec<Part>) =>
      !pushed
        ? []
        : this.#share(`${codec.name} ${format.escaping}`, () => renderPages(state(), codec, format.escaping));
    switch (encoding) {
      case "identity":
        return [...(await pages(IDENTITY)), IDENTITY.encode(end.bytes())];
      case "gzip":
        return joinGzipMember([...(await pages(GZIP)), GZIP.encode(end.bytes())]);
      case "zstd":
        // One frame: of several, which pages kept compressed would be, Node reads only the first.
        return [await COMPRESS.zstd(Buffer.concat([...(await pages(IDENTITY)), end.bytes()]))];
    }
  }

  /** What is rendered under one name is of one type. */
  #share<Body>(form: string, render: () => Promise<Body>): Promise<Body> {
    const waiting = this.#waiting.get(form);
    if (waiting !== undefined) return waiting as Promise<Body>;
    const rendering = this.#last
      .catch(() => undefined)
      .then(() => {
        this.#waiting.delete(form);
        return render();
      });
    this.#waiting.set(form, rendering);
    this.#last = rendering;
    return rendering;
  }
}
