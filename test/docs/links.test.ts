import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../..", import.meta.url));

test("links between the documents lead somewhere", () => {
  const broken: string[] = [];
  for (const file of globSync("{*.md,{docs,examples,conformance,bench,packages,deploy}/**/*.md}", {
    cwd: root,
    exclude: ["**/node_modules"],
  })) {
    const text = readFileSync(join(root, file), "utf8");
    for (const [, target] of text.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target!)) continue;
      const [path, anchor] = target!.split("#");
      const linked = path === "" ? join(root, file) : join(root, dirname(file), path!);
      if (!existsSync(linked)) broken.push(`${file}: ${target}`);
      else if (anchor && !anchors(linked).includes(anchor)) broken.push(`${file}: ${target}: no such heading`);
    }
  }
  assert.deepEqual(broken, []);
});

/** Headings as they are linked to on the usual code hosts. */
function anchors(file: string): string[] {
  return readFileSync(file, "utf8")
    .split("\n")
    .filter((line) => line.startsWith("#"))
    .map((line) =>
      line
        .replace(/^#+ /, "")
        .toLowerCase()
        .replaceAll(/[^\w -]/g, "")
        .replaceAll(" ", "-"),
    );
}
