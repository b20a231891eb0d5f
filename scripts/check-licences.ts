/** Sees that everything that is installed with the packages may be passed on with them. */
import { productionPackages } from "./production-packages.ts";

/** Those that ask for no more than to be named. */
const ACCEPTED = new Set([
  "MIT",
  "ISC",
  "Apache-2.0",
  "BSD-2-Clause",
  "BSD-3-Clause",
  "0BSD",
  "Unlicense",
  "BlueOak-1.0.0",
]);

const packages = productionPackages();
const others = packages.filter(
  ({ license }) =>
    !license
      .replace(/^\(|\)$/g, "")
      .split(" OR ")
      .some((one) => ACCEPTED.has(one)),
);
for (const { name, version, license } of others) console.error(`${name}@${version}: ${license}`);
console.log(`${packages.length} packages, ${others.length} under other licences than ${[...ACCEPTED].join(", ")}`);
process.exitCode = others.length === 0 && packages.length > 0 ? 0 : 1;
