import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { Validator } from "@seriousme/openapi-schema-validator";
import { DESCRIPTION_FILE } from "./description.ts";

test("the description of the API is valid OpenAPI 3.1", async () => {
  const validator = new Validator();
  const { valid, errors } = await validator.validate(readFileSync(DESCRIPTION_FILE, "utf8"));
  assert.ok(valid, JSON.stringify(errors));
  assert.equal(validator.version, "3.1");
});
