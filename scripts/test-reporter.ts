/**
 * A reporter for `node --test`: one line a file, failures in full as they come, then what was skipped and why, what failed, and
 * alone on the last line the count. If the run is ended by SIGTERM, it says what was under way.
 */
import { writeSync } from "node:fs";
import { relative } from "node:path";
import type { TestEvent } from "node:test/reporters";
import { inspect } from "node:util";

interface FileResult {
  passed: number;
  failed: number;
  skipped: number;
  /** Seconds that the file took. */
  took?: number;
  /** What the file's process printed; shown only if something in it fails. */
  output: string[];
}

/** What the test runner adds to an error of a test. */
interface RunnerError extends Error {
  readonly failureType?: string;
  /** Of a file whose process ended badly. */
  readonly exitCode?: number | null;
  readonly signal?: string | null;
}

const files = new Map<string, FileResult>();
const underWay = new Set<string>();
const failures: string[] = [];
const skips: string[] = [];

export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  const parents: string[] = [];
  let current: string | undefined;

  for await (const event of events) {
    switch (event.type) {
      case "test:dequeue":
        underWay.add(`${nameOf(event.data)}: ${event.data.name}`);
        break;
      case "test:complete":
        // The event of the file as a whole has no other file that it was run from.
        if (!("entryFile" in event.data)) resultOf(nameOf(event.data)).took = event.data.details.duration_ms / 1000;
        underWay.delete(`${nameOf(event.data)}: ${event.data.name}`);
        break;
      case "test:start":
        parents.length = event.data.nesting;
        parents[event.data.nesting] = event.data.name;
        break;
      case "test:stdout":
      case "test:stderr":
        resultOf(nameOf(event.data)).output.push(event.data.message);
        break;
      case "test:pass":
      case "test:fail": {
        const { data } = event;
        const file = nameOf(data);
        if (current !== undefined && current !== file) yield lineOf(current);
        current = file;
        const title = `${file}: ${[...parents.slice(0, data.nesting), data.name].join(" › ")}`;
        const unfinished = data.skip ?? data.todo;
        if (event.type === "test:fail" && data.todo === undefined) {
          const error: RunnerError = event.data.details.error;
          // A parent fails with its child: the child is the news.
          if (error.failureType === "subtestsFailed") break;
          resultOf(file).failed += 1;
          failures.push(title);
          yield `\nFAIL ${title}\n${indent(describe(error))}\n`;
        } else if (unfinished !== undefined) {
          resultOf(file).skipped += 1;
          skips.push(`${title}: ${typeof unfinished === "string" ? unfinished : "no reason given"}`);
        } else if (data.details.type !== "suite") {
          resultOf(file).passed += 1;
        }
        break;
      }
      default:
        break;
    }
  }
  if (current !== undefined) yield lineOf(current);
  yield summary();
}

process.once("SIGTERM", () => {
  for (const test of underWay) failures.push(`${test}: did not end`);
  const unended = underWay.size;
  writeSync(1, summary(Math.max(unended, 1)));
});

function summary(unended = 0): string {
  const parts: string[] = [];
  for (const [file, { failed, output }] of files) {
    if (failed > 0 && output.length > 0)
      parts.push(`What ${file} printed:\n${indent(output.join("").slice(-20_000))}\n`);
  }
  if (skips.length > 0) parts.push(`Skipped:\n${indent(skips.join("\n"))}\n`);
  if (failures.length > 0) parts.push(`Failed:\n${indent(failures.join("\n"))}\n`);
  const total = (of: "passed" | "failed" | "skipped") => [...files.values()].reduce((sum, file) => sum + file[of], 0);
  const skipped = total("skipped") > 0 ? `, ${total("skipped")} skipped` : "";
  parts.push(`${total("passed")} passed, ${total("failed") + unended} failed${skipped}\n`);
  return `\n${parts.join("\n")}`;
}

function resultOf(file: string): FileResult {
  const known = files.get(file);
  if (known) return known;
  const created = { passed: 0, failed: 0, skipped: 0, output: [] };
  files.set(file, created);
  return created;
}

function lineOf(file: string): string {
  const { passed, failed, skipped, took = 0 } = resultOf(file);
  const counts = [`${passed} passed`, failed > 0 && `${failed} failed`, skipped > 0 && `${skipped} skipped`];
  return `${failed > 0 ? "FAIL" : " ok "} ${file}: ${counts.filter(Boolean).join(", ")}${took >= 1 ? ` (${took.toFixed(0)} s)` : ""}\n`;
}

/** The file that was run; a test may be defined in another one. */
function nameOf({ file, entryFile = file }: { file?: string | undefined; entryFile?: string }): string {
  return entryFile === undefined ? "(no file)" : relative(process.cwd(), entryFile);
}

/** The runner wraps what a test threw; a file that ended badly has an exit code or a signal instead. */
function describe(error: RunnerError): string {
  if (error.exitCode != null) return `the process of this file ended with exit code ${error.exitCode}`;
  if (error.signal != null) return `the process of this file ended by ${error.signal}`;
  const thrown = error.cause ?? error;
  const text = typeof thrown === "string" ? thrown : inspect(thrown, { depth: 6 });
  return text.replace(/^ +at .*\(?node:internal.*\n?/gm, "");
}

function indent(text: string): string {
  return text.trimEnd().replace(/^/gm, "  ");
}
