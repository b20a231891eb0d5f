import assert from "node:assert/strict";
import { test } from "node:test";
import { repairText } from "./lenient-text.ts";

function repaired(body: string): string {
  return Buffer.from(repairText(Buffer.from(body))).toString();
}

test("mends what Windows does to text", () => {
  assert.equal(repaired("\ufeffm 1\n"), "m 1\n");
  assert.equal(repaired("m 1\r\nn 2\r\n"), "m 1\nn 2\n");
  assert.equal(repaired("m 1\nn 2"), "m 1\nn 2\n");
  assert.equal(repaired("m 1\r\nn 2\r"), "m 1\nn 2\n");
  assert.equal(repaired("\ufeff# TYPE m gauge\r\nm 1"), "# TYPE m gauge\nm 1\n");
  assert.equal(repaired("\ufeff"), "");
});

test("leaves everything else as it is", () => {
  for (const body of ["", "m 1\n", 'm{a="\r"} 1\n', "# HELP m a\rb\nm 1\n", "m \ufeff1\n"]) {
    const bytes = Buffer.from(body);
    assert.equal(repairText(bytes), bytes, JSON.stringify(body));
  }
});
