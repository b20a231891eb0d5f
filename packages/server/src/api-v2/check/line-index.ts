/** Where the families of an exposition in text begin. */
export class LineIndex {
  readonly #lines = new Map<string, number>();

  constructor(text: string) {
    let number = 0;
    for (const line of text.split("\n")) {
      number++;
      const name = nameOn(line);
      if (name !== undefined && !this.#lines.has(name)) this.#lines.set(name, number);
    }
  }

  /** The first line, counted from 1, that names the family or a series of it. */
  of(family: string): number | null {
    const lines = ["", "_bucket", "_sum", "_count"].flatMap((part) => this.#lines.get(family + part) ?? []);
    return lines.length > 0 ? Math.min(...lines) : null;
  }
}

const COMMENT = /^[ \t]*#[ \t]*(?:HELP|TYPE)[ \t]+(?:"((?:[^"\\]|\\.)*)"|([^ \t]+))/;
/** No two runs of blanks meet, so that there is one way only to divide them. */
const SAMPLE = /^[ \t]*(?:(?:\{[ \t]*)?"((?:[^"\\]|\\.)*)"|([a-zA-Z_:][a-zA-Z0-9_:]*))/;

function nameOn(line: string): string | undefined {
  const match = COMMENT.exec(line) ?? (line.trimStart().startsWith("#") ? null : SAMPLE.exec(line));
  return match?.[2] ?? match?.[1]?.replace(/\\(.)/g, "$1");
}
