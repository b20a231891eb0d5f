import assert from "node:assert/strict";
import { test } from "node:test";
import { groupingKey } from "../model/grouping-key.ts";
import { ShapeTable } from "./shape.ts";

test("keys with the same label names have the same shape as long as a group has it", () => {
  const shapes = new ShapeTable();
  const first = shapes.resolve(groupingKey({ job: "a", zone: "1" }));
  assert.deepEqual(first.names, ["job", "zone"]);
  assert.equal(first.quoted, false);
  assert.equal(shapes.resolve(groupingKey({ job: "a", "zone.name": "1" }, { utf8Names: true })).quoted, true);
  assert.notEqual(shapes.resolve(groupingKey({ job: "b", zone: "2" })), first, "what nobody retained is not kept");
  shapes.retain(first);
  shapes.retain(first);
  assert.equal(shapes.resolve(groupingKey({ job: "b", zone: "2" })), first);
  assert.notEqual(shapes.resolve(groupingKey({ job: "a" })), first);
  shapes.release(first);
  assert.equal(shapes.resolve(groupingKey({ job: "c", zone: "" })), first);
  shapes.release(first);
  assert.notEqual(shapes.resolve(groupingKey({ job: "c", zone: "" })), first, "random label names do not pile up");
});
