import { runModule } from "../programs/module-run.ts";
import type { AutocannonInput } from "./autocannon-child.ts";
import type { LoadResult, LoadTool } from "./load.ts";

/** autocannon, in a process of its own. It takes far more CPU than wrk: on a small machine it, not the gateway, sets the rate. */
export const AUTOCANNON: LoadTool = {
  name: "autocannon",
  run({ data, ...load }) {
    const input: AutocannonInput = { ...load, shape: data.shape.name, groups: data.groups };
    return runModule<AutocannonInput, LoadResult>(new URL("autocannon-child.ts", import.meta.url), input);
  },
};
