import { promisify } from "node:util";
import { gzip, zstdCompress } from "node:zlib";
import { ByteWriter } from "../exposition/byte-writer.ts";
import type { ContentEncoding, ExpositionFormat } from "../exposition/negotiation.ts";
import { type ByteString, compareBytes } from "../model/byte-string.ts";
import { compareLabelValues } from "../model/labels.ts";
import type { MetricFamily } from "../model/metric-family.ts";
import type { Group } from "../state/group.ts";
import type { State } from "../state/state.ts";
import { BodyMemory } from "./body-memory.ts";
import { writeEndIn, writeFamilyIn } from "./family-writers.ts";
import { joinGzipMember } from "./gzip-member.ts";
import { GZIP, identityIn } from "./page-codecs.ts";
import { type Rendering, renderDelimited, renderFamilies, renderPages } from "./render.ts";

const COMPRESS = {
  gzip: promisify<Uint8Array, Uint8Array>(gzip),
  zstd: promisify<Uint8Array, Uint8Array>(zstdCompress),
};

export interface Body {
  /** May be shared with other scrapes and must not be changed. */
  readonly chunks: readonly Uint8Array[];
  /** See `Exposition.release`. */
  release(): void;
}

/** Scrapes that wait for the same rendering. */
interface Waiting {
  sharers: number;
  readonly rendering: Promise<unknown>;
}

/**
 * Makes the bodies of scrapes. One rendering runs at a time; scrapes that wait for the same form, with the same families of the
 * program in it, share the next one.
 */
export class Scraper {
  readonly #waiting = new Map<string, Waiting>();
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
  ): Promise<Body> {
    const { parts, settled } = await this.#inTurn(() => renderFamilies(state(), format, [], shows));
    const body = Buffer.concat([...parts, restOf([], settled, format)]);
    return collected([encoding === "identity" ? body : await COMPRESS[encoding](body)]);
  }

  /**
   * @param state asked for when the rendering begins; undefined to leave out what was pushed
   * @param own families of the program itself, shown after the pushed ones, or among those of the same name
   */
  async scrape(
    state: (() => State) | undefined,
    format: ExpositionFormat,
    encoding: ContentEncoding,
    own: readonly MetricFamily[],
  ): Promise<Body> {
    if (format.syntax !== "text") {
      const { parts, settled } = await this.#render(state, format.contentType, own, (now) =>
        format.syntax === "protobuf-delimited"
          ? renderDelimited(now, format.escaping, own)
          : renderFamilies(now, format, own),
      );
      const body = Buffer.concat([...parts, restOf(own, settled, format)]);
      return collected([encoding === "identity" ? body : await COMPRESS[encoding](body)]);
    }
    const { escaping } = format;
    if (encoding === "gzip") {
      const { parts, settled } = await this.#render(state, `gzip ${escaping}`, own, (now) =>
        renderPages(now, GZIP, escaping, own),
      );
      return collected(joinGzipMember([...parts, await GZIP.encode(restOf(own, settled, format))]));
    }
    const { parts, settled, memory } = await this.#render(state, `identity ${escaping}`, own, async (now, sharers) => {
      const memory = new BodyMemory(sharers);
      return { ...(await renderPages(now, identityIn(memory), escaping, own)), memory };
    });
    const chunks = [...parts, restOf(own, settled, format)];
    const release = memory?.releaser() ?? NOTHING;
    if (encoding === "identity") return { chunks, release };
    // One frame: of several, which pages kept compressed would be, Node reads only the first.
    const body = Buffer.concat(chunks);
    release();
    return collected([await COMPRESS.zstd(body)]);
  }

  async #render<Part>(
    state: (() => State) | undefined,
    form: string,
    own: readonly MetricFamily[],
    render: (state: State, sharers: number) => Promise<Rendering<Part>>,
  ): Promise<Rendering<Part>> {
    if (state === undefined) return { parts: [], settled: new Set() };
    const names = own.map(({ name, type }) => `${type} ${name}`);
    return this.#share([form, ...names].join("\n"), (sharers) => render(state(), sharers));
  }

  /** What is rendered under one name is of one type. */
  #share<Result>(form: string, render: (sharers: number) => Promise<Result>): Promise<Result> {
    const known = this.#waiting.get(form);
    if (known !== undefined) {
      known.sharers++;
      return known.rendering as Promise<Result>;
    }
    const rendering = this.#inTurn(() => {
      this.#waiting.delete(form);
      return render(waiting.sharers);
    });
    const waiting: Waiting = { sharers: 1, rendering };
    this.#waiting.set(form, waiting);
    return rendering;
  }

  #inTurn<Result>(render: () => Promise<Result>): Promise<Result> {
    const rendering = this.#last.catch(() => undefined).then(render);
    this.#last = rendering;
    return rendering;
  }
}

const NOTHING = () => undefined;

/** A body that is left to garbage collection. */
function collected(chunks: readonly Uint8Array[]): Body {
  return { chunks, release: NOTHING };
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
