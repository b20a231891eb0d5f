import assert from "node:assert/strict";
import { test } from "node:test";
import { LineIndex } from "./line-index.ts";

test("families are found on the first line that names them", () => {
  const index = new LineIndex(
    [
      "# a comment about b",
      "  # HELP a A.",
      "a 1",
      "#TYPE h histogram",
      'h_bucket{le="1"} 1',
      's_sum{x="y"} 1',
      '{"with \\"quotes\\"",a="b"} 1',
      '# TYPE "with.dots" gauge',
      "\tb 2",
    ].join("\n"),
  );
  const lines = { a: 2, h: 4, s: 6, 'with "quotes"': 7, "with.dots": 8, b: 9, c: null };
  for (const [name, line] of Object.entries(lines)) assert.equal(index.of(name), line, name);
});
