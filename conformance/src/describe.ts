import type { Answer, Step } from "./case.ts";
import type { Mismatch } from "./run-case.ts";

/** A mismatch in words: the step, and line by line what was expected and what came. */
export function describeMismatch({ step, expected, actual }: Mismatch): string {
  const wanted = linesOf(expected);
  const got = linesOf(actual);
  const missing = wanted.filter((line) => !got.includes(line)).map((line) => `  - ${line}`);
  const extra = got.filter((line) => !wanted.includes(line)).map((line) => `  + ${line}`);
  const difference =
    missing.length + extra.length > 0 ? [...missing, ...extra] : ["  the same lines in another order:", ...got];
  return [describeStep(step), ...difference].join("\n");
}

export function describeStep(step: Step): string {
  switch (step.kind) {
    case "request":
      return `${step.method} ${step.target} ${step.body === undefined ? "" : JSON.stringify(String(step.body).slice(0, 200))}`;
    case "raw":
      return JSON.stringify(step.bytes.slice(0, 200));
    case "scrape":
      return `scrape ${JSON.stringify(step.headers ?? {})}`;
    case "query":
      return `query of ${step.of}`;
  }
}

function linesOf(answer: Answer): string[] {
  const { lines = [], data, ...rest } = answer;
  const fields = Object.entries(rest).map(([name, value]) => `${name}: ${JSON.stringify(value)}`);
  return [...fields, ...lines, ...(data === undefined ? [] : JSON.stringify(data, undefined, 1).split("\n"))];
}
