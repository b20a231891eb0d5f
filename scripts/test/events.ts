/**
 * A reporter for Node's test runner that writes what happens to the tests of a file as lines of JSON, for `run-file.ts` to read.
 */
import type { TestEvent } from "node:test/reporters";
import { inspect } from "node:util";

/** One line. `began` comes when a test is taken up, the others once it is done; suites only count if they fail themselves. */
export interface TestLine {
  readonly outcome: "began" | "passed" | "failed" | "skipped";
  /** The names from the outermost suite on. */
  readonly title: string;
  /** Why it failed or was skipped. */
  readonly reason?: string;
}

export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const names: string[] = [];
  for await (const event of events) {
    if (event.type === "test:dequeue") {
      yield line({ outcome: "began", title: event.data.name });
    } else if (event.type === "test:start") {
      names.length = event.data.nesting;
      names[event.data.nesting] = event.data.name;
    } else if (event.type === "test:pass" || event.type === "test:fail") {
      const done = outcomeOf(event, [...names.slice(0, event.data.nesting), event.data.name].join(" › "));
      if (done !== undefined) yield line(done);
    }
  }
}

function outcomeOf(
  event: Extract<TestEvent, { type: "test:pass" | "test:fail" }>,
  title: string,
): TestLine | undefined {
  const { skip, todo, details } = event.data;
  if (event.type === "test:fail" && todo === undefined) {
    const error: Error & { failureType?: string } = event.data.details.error;
    // A parent fails with its child: the child is the news.
    return error.failureType === "subtestsFailed" ? undefined : { outcome: "failed", title, reason: describe(error) };
  }
  const unfinished = skip ?? todo;
  if (unfinished !== undefined) {
    return { outcome: "skipped", title, reason: typeof unfinished === "string" ? unfinished : "no reason given" };
  }
  return details.type === "suite" ? undefined : { outcome: "passed", title };
}

/** The runner wraps what a test threw. */
function describe(error: Error): string {
  const thrown = error.cause ?? error;
  const text = typeof thrown === "string" ? thrown : inspect(thrown, { depth: 6 });
  return text.replace(/^ +at .*\(?node:internal.*\n?/gm, "");
}

function line(content: TestLine): string {
  return `${JSON.stringify(content)}\n`;
}
