import { promisify } from "node:util";
import { gzip, zstdCompress } from "node:zlib";
import { ByteWriter } from "../exposition/byte-writer.ts";
import type { ContentEncoding, ExpositionFormat } from "../exposition/negotiation.ts";
import { type ByteString, compareBytes } from "../model/byte-string.ts";
import { compareLabelValues } from "../model/labels.ts";
import type { MetricFamily } from "../model/metric-family.ts";
import type { Group } from "../state/group.ts";
import type { State } from "../state/state.ts";
import { writeEndIn, writeFamilyIn } from "./family-writers.ts";
import { joinGzipMember } from "./gzip-member.ts";
import { GZIP, IDENTITY, type PageCodec } from "./page-codecs.ts";
import { type Rendering, renderDelimited, renderFamilies, renderPages } from "./render.ts";

const COMPRESS = {
  gzip: promisify<Uint8Array, Uint8Array>(gzip),
  zstd: promisify<Uint8Array, Uint8Array>(zstdCompress),
};

/**
 * Makes the bodies of scrapes. One rendering runs at a time; scrapes that wait for the same form, with the same families of the
 * program in it, share the next one.
 */
export class Scraper {
  readonly #waiting = new Map<string, Promise<unknown>>();
  #last: Promise<unknown> = Promise.resolve();

  /**
   * What some groups hold, rendered for this scrape alone.
   *
   * @param state asked for when the rendering begins
   */
  async scrapeSome(
    state: () => State,
    format: ExpositionFormat,
    encoding: ContentEncoding,
    shows: (group: Group) => boolean,
  ): Promise<Uint8Array[]> {
    const { parts, settled } = await this.#inTurn(() => renderFamilies(state(), format, [], shows));
    const body = Buffer.concat([...parts, restOf([], settled, format)]);
    return [encoding === "identity" ? body : await COMPRESS[encoding](body)];
  }

  /**
   * @param state asked for when the rendering begins; undefined to leave out what was pushed
   * @param own families of the program itself, shown after the pushed ones, or among those of the same name
   * @returns the body in pieces, which may be shared with other scrapes and must not be changed
   */
  async scrape(
    state: (() => State) | undefined,
    format: ExpositionFormat,
    encoding: ContentEncoding,
    own: readonly MetricFamily[],
  ): Promise<Uint8Array[]> {
    if (format.syntax !== "text") {
      const { parts, settled } = await this.#render(state, format.contentType, own, (now) =>
        format.syntax === "protobuf-delimited"
          ? renderDelimited(now, format.escaping, own)
          : renderFamilies(now, format, own),
      );
      const body = Buffer.concat([...parts, restOf(own, settled, format)]);
      return [encoding === "identity" ? body : await COMPRESS[encoding](body)];
    }
    const pages = <Part>(codec: PageCodec<Part>) =>
      this.#render(state, `${codec.name} ${format.escaping}`, own, (now) =>
        renderPages(now, codec, format.escaping, own),
      );
    if (encoding === "gzip") {
      const { parts, settled } = await pages(GZIP);
      return joinGzipMember([...parts, await GZIP.encode(restOf(own, settled, format))]);
    }
    const { parts, settled } = await pages(IDENTITY);
    const body = [...parts, restOf(own, settled, format)];
    // One frame: of several, which pages kept compressed would be, Node reads only the first.
    return encoding === "identity" ? body : [await COMPRESS.zstd(Buffer.concat(body))];
  }

  async #render<Part>(
    state: (() => State) | undefined,
    form: string,
    own: readonly MetricFamily[],
    render: (state: State) => Promise<Rendering<Part>>,
  ): Promise<Rendering<Part>> {
    if (state === undefined) return { parts: [], settled: new Set() };
    const names = own.map(({ name, type }) => `${type} ${name}`);
    return this.#share([form, ...names].join("\n"), () => render(state()));
  }

  /** What is rendered under one name is of one type. */
  #share<Body>(form: string, render: () => Promise<Body>): Promise<Body> {
    const waiting = this.#waiting.get(form);
    if (waiting !== undefined) return waiting as Promise<Body>;
    const rendering = this.#inTurn(() => {
      this.#waiting.delete(form);
      return render();
    });
    this.#waiting.set(form, rendering);
    return rendering;
  }

  #inTurn<Body>(render: () => Promise<Body>): Promise<Body> {
    const rendering = this.#last.catch(() => undefined).then(render);
    this.#last = rendering;
    return rendering;
  }
}

/** What comes after the pushed families: those of the program that are not among them, ordered by name, and the format's end. */
function restOf(own: readonly MetricFamily[], settled: ReadonlySet<ByteString>, format: ExpositionFormat): Buffer {
  const out = new ByteWriter(16 * 1024);
  const rest = own.filter(({ name }) => !settled.has(name)).sort((a, b) => compareBytes(a.name, b.name));
  for (const { metrics, ...family } of rest) {
    writeFamilyIn(format, out, {
      ...family,
      metrics: metrics.toSorted((a, b) => compareLabelValues(a.labels, b.labels)),
    });
  }
  writeEndIn(format, out);
  return out.bytes();
}
