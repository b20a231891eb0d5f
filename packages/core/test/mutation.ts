import fc from "fast-check";

/** Pieces that mean something in the text formats, so that random edits reach beyond the first character class. */
const TOKENS = [
  ...'\n \t{}"=,\\#-+.e_:x1\r\0\xff',
  ...[
    "# TYPE ",
    "# HELP ",
    "# UNIT ",
    "# EOF\n",
    " # ",
    "le",
    "quantile",
    "_sum",
    "_count",
    "_bucket",
    "_total",
    "_created",
  ],
  ...[
    "Inf",
    "NaN",
    "1e400",
    "0x1",
    "\xc3\xa9",
    '{a="b"}',
    '{le="1"}',
    '{quantile="1"}',
    "\\n",
    "\\\\",
    '\\"',
    ",,",
    "{}",
    " 5",
  ],
  ...['"a.b"', "__name__", "m 1\n", "counter", "GaugeHistogram", "histogram", "summary", "gauge", "h", "s"],
];

type Edit = readonly [kind: number, at: number, length: number, token: string, line: number];

const edit: fc.Arbitrary<Edit> = fc.tuple(fc.nat(5), fc.nat(), fc.nat(6), fc.constantFrom(...TOKENS), fc.nat());

/** A body of the corpus with up to four random edits of bytes, tokens and lines. */
export function mutation(corpus: readonly Buffer[]): fc.Arbitrary<Buffer> {
  const bodies = corpus.map((body) => body.toString("latin1"));
  return fc
    .tuple(fc.constantFrom(...bodies), fc.constantFrom(...bodies), fc.array(edit, { maxLength: 4 }))
    .map(([body, other, edits]) => {
      let text = body;
      for (const edit of edits) {
        text = apply(text, edit, other);
      }
      return Buffer.from(text, "latin1");
    });
}

function apply(text: string, [kind, at, length, token, line]: Edit, other: string): string {
  const position = at % (text.length + 1);
  const lines = text.split("\n");
  const target = line % lines.length;
  switch (kind) {
    case 0:
      return text.slice(0, position) + token + text.slice(position);
    case 1:
      return text.slice(0, position) + token + text.slice(position + length);
    case 2:
      return text.slice(0, position) + text.slice(position + length);
    case 3:
      return lines.toSpliced(target, 0, lines[at % lines.length]!).join("\n");
    case 4:
      return lines
        .toSpliced(target, 1)
        .toSpliced(at % lines.length, 0, lines[target]!)
        .join("\n");
    default: {
      const others = other.split("\n");
      return lines.toSpliced(target, 0, others[at % others.length]!).join("\n");
    }
  }
}
