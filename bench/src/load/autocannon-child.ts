import autocannon from "autocannon";
import { DataSet } from "../data/data-set.ts";
import type { ShapeName } from "../data/shapes.ts";
import { answerWith } from "../programs/module-run.ts";
import type { Load, LoadResult } from "./load.ts";

export interface AutocannonInput extends Omit<Load, "data"> {
  readonly shape: ShapeName;
  readonly groups: number;
}

await answerWith(async (input: AutocannonInput): Promise<LoadResult> => {
  const data = new DataSet(input.shape, input.groups);
  let number = input.start;
  const result = await autocannon({
    url: `http://127.0.0.1:${input.port}`,
    connections: input.connections,
    duration: input.seconds,
    timeout: 30,
    requests: [
      {
        method: "PUT",
        setupRequest(request) {
          const group = number % data.groups;
          const version = Math.floor(number / data.groups);
          number++;
          return { ...request, path: `${data.targetPrefix}${group}`, body: data.body(group, version) };
        },
      },
    ],
  });
  const answered = result["2xx"];
  return {
    requests: answered,
    errors: result.non2xx + result.errors,
    rate: answered / result.duration,
    p50: result.latency.p50,
    p99: result.latency.p99,
    max: result.latency.max,
  };
});
