import assert from "node:assert/strict";
import { existsSync, globSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";

const PAGE = new URL("../../docs/reliability.md", import.meta.url);

test("each promise in docs/reliability.md names tests that are there", () => {
  const rows = readFileSync(PAGE, "utf8")
    .split("\n")
    .filter((line) => line.startsWith("| ") && !line.startsWith("| promise "));
  assert.ok(rows.length > 30);
  for (const row of rows) {
    const [, promise, tests = ""] = row.split(" | ").map((cell) => cell.replace(/^\| /, ""));
    const links = [...row.matchAll(/\]\(([^)#]+)\)/g)].map(([, link]) => link!);
    assert.ok(links.length > 0, `no test: ${promise ?? row} ${tests}`);
    for (const link of links) {
      const path = fileURLToPath(new URL(link, PAGE));
      assert.ok(existsSync(path), `${link} is not there`);
      assert.ok(
        /\.test\.ts$|README\.md$/.test(link) || globSync("**/*.test.ts", { cwd: path }).length > 0,
        `${link} holds no tests`,
      );
    }
  }
});
