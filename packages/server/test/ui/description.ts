import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { Ajv2020 } from "ajv/dist/2020.js";
import { parse } from "yaml";

/** The OpenAPI document, and answers held against it. */

interface Operation {
  readonly responses: Readonly<Record<string, { readonly $ref?: string; readonly content?: object }>>;
}

interface Description {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: object;
}

export const DESCRIPTION_FILE = new URL("../../src/api-v2/openapi.yaml", import.meta.url);
export const description = parse(readFileSync(DESCRIPTION_FILE, "utf8")) as Description;

const ajv = new Ajv2020({ strict: false, allErrors: true });
ajv.addSchema({ $id: "api", ...description });

/** @param name of a schema, as `GroupList` */
export function assertSchema(name: string, value: unknown): void {
  const validate = ajv.getSchema(`api#/components/schemas/${name}`);
  assert.ok(validate, `the document has no schema ${name}`);
  assert.ok(validate(value), `not a ${name}: ${ajv.errorsText(validate.errors)}\n${JSON.stringify(value)}`);
}

/** Finds the operation that a request is for, by its path below the prefix, and checks its answer. Returns the JSON of the answer. */
export function assertDescribed(method: string, path: string, status: number, body: string): unknown {
  const template = Object.keys(description.paths).find((candidate) => {
    const pattern = new RegExp(`^${candidate.replace(/\{[^}]+\}/g, "[^/]+")}$`);
    return pattern.test(path) && description.paths[candidate]![method.toLowerCase()] !== undefined;
  });
  const operation = template === undefined ? undefined : description.paths[template]![method.toLowerCase()];
  const described = operation?.responses[String(status)] ?? operation?.responses["default"];
  if (operation !== undefined) assert.ok(described, `${method} ${path} has no answer ${status} in the document`);
  if (body === "") return undefined;
  const json = JSON.parse(body) as unknown;
  if (status >= 400) {
    assertSchema("ErrorAnswer", json);
  } else {
    const content = described?.content as { "application/json"?: { schema: { $ref: string } } } | undefined;
    assertSchema(content!["application/json"]!.schema.$ref.split("/").at(-1)!, json);
  }
  return json;
}
