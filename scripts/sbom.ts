/** Prints the bill of materials of a release: CycloneDX 1.6 as JSON (cyclonedx.org/docs/1.6/json). */
import { readFileSync } from "node:fs";
import { productionPackages, purl } from "./production-packages.ts";

const { version } = JSON.parse(readFileSync(new URL("../packages/server/package.json", import.meta.url), "utf8")) as {
  version: string;
};
const components = productionPackages().map((component) => ({
  type: "library",
  "bom-ref": purl(component),
  name: component.name,
  version: component.version,
  purl: purl(component),
  licenses: [{ expression: component.license }],
}));
const name = "@waystation/server";
const subject = { type: "application", "bom-ref": purl({ name, version, license: "" }), name, version };
console.log(
  JSON.stringify(
    { bomFormat: "CycloneDX", specVersion: "1.6", version: 1, metadata: { component: subject }, components },
    null,
    2,
  ),
);
